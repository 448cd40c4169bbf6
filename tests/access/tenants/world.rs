//! A store with the data of some owners, a server of it, and the callers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::readers::{Reach, Who};
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

/// A store of some owners' data, and its server.
pub struct World {
    pub dir: Dir,
    pub served: Served,
    /// `oneup_user_id` by owner.
    pub users: BTreeMap<usize, String>,
    /// What each reader shows.
    pub shown: BTreeMap<Who, String>,
    /// A time that each reader was told.
    pub known: BTreeMap<Who, String>,
    /// What each has begun.
    pub begun: Vec<(Who, String, Answer)>,
}

impl World {
    /// Of these reaches, out of the steps that are about them.
    pub fn build(planned: &[Planned], reaches: &[Reach]) -> World {
        let dir = Dir::new();
        let owners: BTreeSet<usize> =
            reaches.iter().flat_map(|reach| reach.owners.clone()).collect();
        let clients: BTreeSet<&str> = reaches.iter().map(|reach| reach.client).collect();
        let readers: Vec<Who> = reaches.iter().flat_map(|reach| reach.readers.clone()).collect();
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
        let mut shown = BTreeMap::new();
        for who in readers {
            let shows = match who {
                Who::Token(_) => continue,
                Who::Secret(user) => with_secret(client_of(user), &users[&user]),
                Who::Users(client) => with_secret(client, "client"),
                Who::Smart(client, scope) => bearer(&["--client", client, "--scope", scope]),
            };
            shown.insert(who, shows);
        }
        let served = dir.serve(&["s.db", "--auth", "required", "--base-url", BASE]);
        let (known, begun) = (BTreeMap::new(), Vec::new());
        let mut world = World { dir, served, users, shown, known, begun };
        let mut active = [true; OWNERS.len()];
        for (number, Planned { step, taken, owner }) in planned.iter().enumerate() {
            if matches!(step, Step::Export) {
                world.begin();
            } else if owners.contains(owner) {
                world.take(number, step, taken, owners.len() == OWNERS.len());
            }
            if let Step::Activate(user, is_active) = step {
                active[*user] = *is_active;
            }
        }
        for reach in reaches {
            if let Some(Who::Token(user)) = reach.readers.first()
                && active[*user]
            {
                let args = ["--user", app_user_id(*user), "--client", client_of(*user)];
                let ran = world.dir.run(["token", "issue", "s.db"].iter().chain(&args));
                let token = format!("Authorization: Bearer {}\r\n", ran.stdout.trim());
                world.shown.insert(Who::Token(*user), token);
            }
        }
        world
    }

    /// Carries out a step; what is refused is tried only where everybody's data is.
    fn take(&self, number: usize, step: &Step, taken: &[bool], with_refused: bool) {
        match step {
            Step::Import { owner, is_bundle, items } => {
                let items = items.iter().zip(taken).filter(|(_, taken)| **taken || with_refused);
                let (items, taken): (Vec<&Item>, Vec<bool>) = items.unzip();
                if items.is_empty() {
                    return;
                }
                let refused = taken.iter().filter(|taken| !**taken).count();
                let name = match is_bundle {
                    true => format!("{number}.json"),
                    false => format!("{number}.ndjson"),
                };
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

    /// Each reader begins an export of each dialect.
    fn begin(&mut self) {
        for who in self.shown.keys().copied().collect::<Vec<_>>() {
            for path in
                ["/fhir/$export?_since=SINCE", "/fhir/Patient/$export", "/bulk-data/r4/$export"]
            {
                let headers =
                    if path.starts_with("/fhir") { "Prefer: respond-async\r\n" } else { "" };
                let answer = self.ask(who, &Ask { headers, ..Ask::get(path) });
                if path.starts_with("/bulk-data") && answer.status == 200 {
                    let time = answer.json()["transactionTime"].as_str().unwrap().to_owned();
                    self.known.insert(who, time);
                }
                self.begun.push((who, path.to_owned(), answer));
            }
        }
    }

    pub fn ask(&self, who: Who, ask: &Ask) -> Answer {
        let known = self.known.get(&who).map_or(LONG_AGO, String::as_str);
        let path = ask.path.replace("SINCE", known);
        let parameters: Vec<(&str, String)> = ask
            .parameters
            .iter()
            .map(|(name, value)| (*name, value.replace("SINCE", known)))
            .collect();
        let headers = format!("{}{}", self.shown[&who], ask.headers);
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

    /// GET of a URL that was told, packed if that is asked for.
    pub fn get(&self, who: Who, url: &str, more: &str) -> Answer {
        let headers = format!("{}{more}", self.shown[&who]);
        let path = bulk::path(url);
        unpacked(send(self.served.authority(), "GET", path, &headers, b""))
    }

    /// An answer, and all that it leads to: a job's states, manifests, pages and files.
    fn follow(&self, who: Who, label: &str, answer: Answer) -> Vec<(String, Answer)> {
        let mut open: Vec<String> = links(&answer);
        let mut told = vec![(label.to_owned(), answer)];
        let (mut polls, mut done) = (0, 0);
        open.reverse();
        while let Some(url) = open.pop() {
            let packed = if done % 2 == 0 { "Accept-Encoding: gzip\r\n" } else { "" };
            let answer = self.get(who, &url, packed);
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
            told.push((format!("{label} > {url}"), answer));
        }
        told
    }

    /// All that a reader gets told.
    pub fn told(&self, who: Who, asks: &[Ask]) -> Vec<(String, Answer)> {
        let mut told = Vec::new();
        for (_, label, answer) in self.begun.iter().filter(|(whose, ..)| *whose == who) {
            let answer = Answer {
                status: answer.status,
                head: answer.head.clone(),
                body: answer.body.clone(),
            };
            told.extend(self.follow(who, &format!("before: {label}"), answer));
        }
        for (number, ask) in asks.iter().enumerate() {
            told.extend(self.follow(who, &format!("{number} {ask:?}"), self.ask(who, ask)));
        }
        told
    }

    /// Whether anybody is given what is an owner's, as SQLite has it.
    pub fn is_active(&self, owner: usize) -> bool {
        let Some(number) = self.users.get(&owner) else { return owner == NOBODY };
        let active = format!("SELECT count(*) FROM user WHERE id = {number} AND active = 1");
        self.dir.count("s.db", &active) == 1
    }

    /// The current resources of a reach that a scope lets out, as SQLite has them.
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
