//! A store with the data of some owners, a server of it, and the callers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::callers::{Caller, Reach};
use super::requests::Ask;
use super::rules::Planned;
use super::steps::{
    Item, KINDS, NARROW, NOBODY, OWNERS, Step, WIDE, app_user_id, client_of, id, text,
};
use crate::support::client::{Answer, send};
use crate::support::compare::{links, unpacked};
use crate::support::{Dir, Served, bulk};

/// The base URL of every server, so that all answer alike.
pub const BASE: &str = "https://t.example";
/// Before every change.
const LONG_AGO: &str = "2020-06-15T00:00:00Z";

/// A store with the data of some owners, and a server of it.
pub struct World {
    pub dir: Dir,
    pub served: Served,
    /// `oneup_user_id` by owner.
    pub users: BTreeMap<usize, String>,
    /// The headers that authenticate each caller.
    pub headers: BTreeMap<Caller, String>,
    /// A transaction time that each caller was told.
    pub times: BTreeMap<Caller, String>,
    /// Each export that was started during the steps: the caller, the path, the answer.
    pub started: Vec<(Caller, String, Answer)>,
}

impl World {
    /// Builds a store with the owners of these reaches, by the steps that concern them.
    pub fn build(planned: &[Planned], reaches: &[Reach]) -> World {
        let dir = Dir::new();
        let owners: BTreeSet<usize> =
            reaches.iter().flat_map(|reach| reach.owners.clone()).collect();
        let clients: BTreeSet<&str> = reaches.iter().map(|reach| reach.client).collect();
        let callers: Vec<Caller> = reaches.iter().flat_map(|reach| reach.callers.clone()).collect();
        let (mut secrets, mut users) = (BTreeMap::new(), BTreeMap::new());
        let run = |args: &[&str]| {
            let ran = dir.run(args);
            assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
            ran.stdout
        };
        let keys = |client: &str| ["--new-key".to_owned(), format!("{client}.pem")];
        for client in clients {
            let [flag, file] = &keys(client);
            if client == "S" {
                run(&["client", "add", "s.db", "--client-id", client, flag, file, "--scope", WIDE]);
                continue;
            }
            let made = run(&["client", "add", "s.db", "--client-id", client, "--json"]);
            let made: Value = serde_json::from_str(&made).unwrap();
            secrets.insert(client, made["client_secret"].as_str().unwrap().to_owned());
            if client == "A" {
                run(&["client", "rotate", "s.db", client, flag, file, "--scope", WIDE]);
            }
        }
        for owner in owners.iter().copied().filter(|owner| *owner != NOBODY) {
            let client = client_of(owner);
            let made = run(&["user", "add", "s.db", app_user_id(owner), "--client", client]);
            let id = made.lines().find_map(|line| line.strip_prefix("oneup_user_id")).unwrap();
            users.insert(owner, id.trim().to_owned());
        }
        let bearer = |args: &[&str]| {
            let token = run(&[&["token", "issue", "s.db", "--ttl", "1h"], args].concat());
            format!("Authorization: Bearer {}\r\n", token.trim())
        };
        let with_secret = |client: &str, user: &str| {
            let secret = &secrets[client];
            format!("client_id: {client}\r\nclient_secret: {secret}\r\nx-oneup-user-id: {user}\r\n")
        };
        let mut headers = BTreeMap::new();
        for caller in callers {
            let lines = match caller {
                Caller::Token(_) => continue,
                Caller::Secret(user) => with_secret(client_of(user), &users[&user]),
                Caller::Users(client) => with_secret(client, "client"),
                Caller::Smart(client, scope) => bearer(&["--client", client, "--scope", scope]),
            };
            headers.insert(caller, lines);
        }
        let served = dir.serve(&["s.db", "--auth", "required", "--base-url", BASE]);
        let (times, started) = (BTreeMap::new(), Vec::new());
        let mut world = World { dir, served, users, headers, times, started };
        let mut active = [true; OWNERS.len()];
        for (number, Planned { step, accepted, owner }) in planned.iter().enumerate() {
            if matches!(step, Step::Export) {
                world.start_exports();
            } else if owners.contains(owner) {
                world.apply(number, step, accepted, owners.len() == OWNERS.len());
            }
            if let Step::Activate(user, is_active) = step {
                active[*user] = *is_active;
            }
        }
        for reach in reaches {
            if let Some(Caller::Token(user)) = reach.callers.first()
                && active[*user]
            {
                let args = ["--user", app_user_id(*user), "--client", client_of(*user)];
                let ran = world.dir.run(["token", "issue", "s.db"].iter().chain(&args));
                let token = format!("Authorization: Bearer {}\r\n", ran.stdout.trim());
                world.headers.insert(Caller::Token(*user), token);
            }
        }
        world
    }

    /// Carries out a step. Items that are refused are imported only into a store of all owners.
    fn apply(&self, number: usize, step: &Step, accepted: &[bool], with_refused: bool) {
        match step {
            Step::Import { owner, is_bundle, items } => {
                let items =
                    items.iter().zip(accepted).filter(|(_, accepted)| **accepted || with_refused);
                let (items, accepted): (Vec<&Item>, Vec<bool>) = items.unzip();
                if items.is_empty() {
                    return;
                }
                let refused = accepted.iter().filter(|accepted| !**accepted).count();
                let ending = if *is_bundle { "json" } else { "ndjson" };
                let name = format!("{number}.{ending}");
                self.dir.write(&name, text(*owner, *is_bundle, &items));
                let mut args = vec!["s.db", &name];
                if *owner != NOBODY {
                    args.extend(["--user", app_user_id(*owner), "--client", client_of(*owner)]);
                }
                let report = self.dir.import(i32::from(refused > 0), &args);
                assert_eq!(report["rejected"], json!(refused), "{step:?}: {report}");
            }
            Step::Delete(kind, place) => {
                let ran =
                    self.dir.run(["delete", "s.db", &format!("{}/{}", KINDS[*kind], id(*place))]);
                assert_eq!(ran.code, 0, "{step:?}: {}", ran.stderr);
            }
            Step::Activate(user, active) => {
                let verb = if *active { "activate" } else { "deactivate" };
                let args = ["s.db", app_user_id(*user), "--client", client_of(*user)];
                let ran = self.dir.run(["user", verb].iter().chain(&args));
                assert_eq!(ran.code, 0, "{step:?}: {}", ran.stderr);
            }
            Step::Export => {}
        }
    }

    /// Lets each caller start an export in each dialect.
    fn start_exports(&mut self) {
        for caller in self.headers.keys().copied().collect::<Vec<_>>() {
            for path in
                ["/fhir/$export?_since=SINCE", "/fhir/Patient/$export", "/bulk-data/r4/$export"]
            {
                let headers =
                    if path.starts_with("/fhir") { "Prefer: respond-async\r\n" } else { "" };
                let answer = self.ask(caller, &Ask { headers, ..Ask::get(path) });
                if path.starts_with("/bulk-data") && answer.status == 200 {
                    let time = answer.json()["transactionTime"].as_str().unwrap().to_owned();
                    self.times.insert(caller, time);
                }
                self.started.push((caller, path.to_owned(), answer));
            }
        }
    }

    /// Sends a request of a caller.
    fn ask(&self, caller: Caller, ask: &Ask) -> Answer {
        let time = self.times.get(&caller).map_or(LONG_AGO, String::as_str);
        let path = ask.path.replace("SINCE", time);
        let parameters: Vec<(&str, String)> = ask
            .parameters
            .iter()
            .map(|(name, value)| (*name, value.replace("SINCE", time)))
            .collect();
        let headers = format!("{}{}", self.headers[&caller], ask.headers);
        let authority = self.served.authority();
        if ask.is_post {
            let pairs: Vec<_> =
                parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
            return bulk::kick_off(authority, &path, &pairs, &headers);
        }
        let pairs: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        send(authority, "GET", &format!("{path}{query}"), &headers, b"")
    }

    /// Sends GET for a URL of the server; the answer, decompressed.
    pub fn get(&self, caller: Caller, url: &str, more: &str) -> Answer {
        let headers = format!("{}{more}", self.headers[&caller]);
        let path = bulk::path(url);
        unpacked(send(self.served.authority(), "GET", path, &headers, b""))
    }

    /// An answer and everything that it leads to: statuses, manifests, pages, files.
    fn follow(&self, caller: Caller, label: &str, answer: Answer) -> Vec<(String, Answer)> {
        let mut open: Vec<String> = links(&answer);
        let mut answers = vec![(label.to_owned(), answer)];
        let (mut polls, mut done) = (0, 0);
        open.reverse();
        while let Some(url) = open.pop() {
            let packed = if done % 2 == 0 { "Accept-Encoding: gzip\r\n" } else { "" };
            let answer = self.get(caller, &url, packed);
            if answer.status == 202 {
                polls += 1;
                assert!(polls < 100_000, "{url} does not end");
                open.push(url.clone());
                std::thread::yield_now();
                if polls > 3 {
                    continue;
                }
            } else {
                done += 1;
                open.extend(links(&answer).into_iter().rev());
            }
            answers.push((format!("{label} > {url}"), answer));
        }
        answers
    }

    /// Everything that a caller is answered.
    pub fn answers(&self, caller: Caller, asks: &[Ask]) -> Vec<(String, Answer)> {
        let mut answers = Vec::new();
        for (_, label, answer) in self.started.iter().filter(|(starter, ..)| *starter == caller) {
            answers.extend(self.follow(caller, &format!("before: {label}"), answer.clone()));
        }
        for (number, ask) in asks.iter().enumerate() {
            answers.extend(self.follow(
                caller,
                &format!("{number} {ask:?}"),
                self.ask(caller, ask),
            ));
        }
        answers
    }

    /// Whether an owner is no user or an active one, as SQLite reads it.
    pub fn is_active(&self, owner: usize) -> bool {
        let Some(number) = self.users.get(&owner) else { return owner == NOBODY };
        let active = format!("SELECT count(*) FROM user WHERE id = {number} AND active = 1");
        self.dir.count("s.db", &active) == 1
    }

    /// The current resources of a reach that a scope allows to export, as SQLite reads them.
    pub fn lines(&self, reach: &Reach, scope: &str) -> String {
        let number = |owner: &usize| self.users.get(owner).map_or("0", String::as_str);
        let owners = reach.owners.iter().filter(|owner| self.is_active(**owner));
        let numbers: Vec<&str> = owners.map(number).collect();
        let types = if scope == NARROW { "type IN ('Patient', 'Group')" } else { "1" };
        let numbers = numbers.join(", ");
        let sql = format!(
            "SELECT body || char(10) FROM resource WHERE owner IN ({numbers}) AND {types} ORDER BY type, seq"
        );
        let db = self.dir.open("s.db");
        let mut statement = db.prepare(&sql).unwrap();
        let rows = statement.query_map((), |row| row.get::<_, String>(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }
}
