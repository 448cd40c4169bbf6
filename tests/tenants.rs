//! No byte crosses. Random stores of several tenants are read by each of them in every way there is:
//!
//! 1. no answer holds the secret of a tenant out of reach;
//! 2. each reader is answered as in a store that never had the others' data;
//! 3. each reader gets all that is theirs, byte for byte as SQLite has it.
//!
//! `PROPTEST_CASES=200 cargo test --test suite tenants` tries other and more cases than CI does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::client::{Answer, send};
use crate::support::compare::{comparable, links, normal, unpacked};
use crate::support::tenants::*;
use crate::support::{Dir, Served, bulk};

/// A store of some owners' data, and its server.
struct World {
    dir: Dir,
    served: Served,
    /// `oneup_user_id` by owner.
    users: BTreeMap<usize, String>,
    /// What each reader shows.
    shown: BTreeMap<Who, String>,
    /// A time that each reader was told.
    known: BTreeMap<Who, String>,
    /// What each has begun.
    begun: Vec<(Who, String, Answer)>,
}

impl World {
    /// Of these reaches, out of the steps that are about them.
    fn build(planned: &[Planned], reaches: &[Reach]) -> World {
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

    fn ask(&self, who: Who, ask: &Ask) -> Answer {
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
    fn get(&self, who: Who, url: &str, more: &str) -> Answer {
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
    fn told(&self, who: Who, asks: &[Ask]) -> Vec<(String, Answer)> {
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
    fn is_active(&self, owner: usize) -> bool {
        let Some(number) = self.users.get(&owner) else { return owner == NOBODY };
        let active = format!("SELECT count(*) FROM user WHERE id = {number} AND active = 1");
        self.dir.count("s.db", &active) == 1
    }

    /// The current resources of a reach that a scope lets out, as SQLite has them.
    fn lines(&self, reach: &Reach, scope: &str) -> String {
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

fn holds(case: &Case) {
    let planned = plan(&case.steps);
    let asks = [usual(), case.asks.clone()].concat();
    let full = World::build(&planned, &reaches());
    full.dir.check("s.db");
    for reach in reaches() {
        let alone = World::build(&planned, std::slice::from_ref(&reach));
        for who in reach.readers.iter().copied().filter(|who| full.shown.contains_key(who)) {
            let told = full.told(who, &asks);
            stays_within(&full, &reach, who, &told);
            is_whole(&full, &reach, who, &told);
            let without = alone.told(who, &asks);
            let all = |told: &[(String, Answer)]| -> Vec<String> {
                told.iter().filter_map(|(label, answer)| comparable(label, answer)).collect()
            };
            let (told, without) = (all(&told), all(&without));
            for (one, other) in told.iter().zip(&without) {
                assert!(one == other, "{who:?} among others:\n{one}\n\nalone:\n{other}");
            }
            assert_eq!(told.len(), without.len(), "{who:?}");
        }
    }
    nobody_elses(&full);
}

/// (1)
fn stays_within(world: &World, reach: &Reach, who: Who, told: &[(String, Answer)]) {
    let out_of_reach =
        (0..OWNERS.len()).filter(|owner| !reach.owners.contains(owner) || !world.is_active(*owner));
    for secret in out_of_reach.map(secret) {
        for (label, answer) in told {
            let text = format!("{}\n{}", answer.head, answer.text());
            // What was asked for may be said again.
            let text = match label.contains(&secret) {
                true => text.replace(&format!("{secret}-2"), ""),
                false => text,
            };
            assert!(!text.contains(&secret), "{who:?} {label}: {text}");
        }
    }
}

/// (3)
fn is_whole(world: &World, reach: &Reach, who: Who, told: &[(String, Answer)]) {
    let scope = if let Who::Smart(_, scope) = who { scope } else { WIDE };
    let lines = world.lines(reach, scope);
    let absolute = lines.replace(r#""url":"Binary/"#, &format!(r#""url":"{BASE}/fhir/Binary/"#));
    for (path, lines) in [("/bulk-data/r4/$export", lines), ("/fhir/$export", absolute)] {
        let number = usual().iter().position(|ask| ask.path == path).expect("a usual one");
        let from = format!("{number} ");
        let answers = told.iter().filter(|(label, _)| label.starts_with(&from));
        let files = answers
            .filter(|(_, answer)| answer.header("content-type") == Some("application/fhir+ndjson"));
        let files: String = files.map(|(_, answer)| answer.text()).collect();
        assert!(files == lines, "{who:?} {path}:\n{files}\n\nSQLite:\n{lines}");
    }
}

/// Jobs and files of others are as if they were not there.
fn nobody_elses(world: &World) {
    let reaches = reaches();
    let reach_of = |who: &Who| reaches.iter().position(|reach| reach.readers.contains(who));
    for (whose, label, answer) in &world.begun {
        let Some(url) = links(answer).into_iter().next() else { continue };
        for who in world.shown.keys().filter(|who| reach_of(who) != reach_of(whose)) {
            let theirs = world.get(*who, &url, "");
            let none = match url.rsplit_once("/jobs/") {
                Some((base, _)) => world.get(*who, &format!("{base}/jobs/{:032}", 0), ""),
                None => world.get(*who, &url.replace(".ndjson", "A.ndjson"), ""),
            };
            assert!(theirs.status >= 400, "{who:?} {whose:?} {label}");
            assert_eq!(theirs.text(), none.text(), "{who:?} {whose:?} {label}");
            assert_eq!(theirs.status, none.status, "{who:?} {whose:?} {label}");
        }
    }
}

#[test]
fn no_byte_crosses() {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: asked.unwrap_or(3),
        failure_persistence: None,
        max_shrink_iters: 30,
        ..Config::default()
    };
    let mut runner = match asked {
        Some(_) => TestRunner::new(config),
        // The same ones always.
        None => {
            let rng = TestRunner::deterministic().rng().clone();
            TestRunner::new_with_rng(config, rng)
        }
    };
    let run = runner.run(&case(), |case| {
        holds(&case);
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}

/// What a reader has been given of another's is found: the property can fail.
#[test]
fn what_crosses_is_found() {
    let resource = Item {
        kind: 0,
        slot: 0,
        links: [(4, 0); 2],
        version: 0,
        has_meta: true,
        is_deletion: false,
    };
    let import = |owner| Step::Import { owner, is_bundle: false, items: vec![resource.clone()] };
    let planned = plan(&[import(1), import(3)]);
    let full = World::build(&planned, &reaches());
    let theirs = |owner| full.users[&owner].clone();
    let given = format!("UPDATE resource SET owner = {} WHERE owner = {}", theirs(1), theirs(3));
    full.dir.open("s.db").execute_batch(&given).unwrap();
    let reach = reaches().remove(0);
    let told = full.told(Who::Secret(1), &usual());
    let is_found =
        std::panic::catch_unwind(|| stays_within(&full, &reach, Who::Secret(1), &told)).is_err();
    assert!(is_found);
    let alone = World::build(&planned, std::slice::from_ref(&reach));
    let without = alone.told(Who::Secret(1), &usual());
    let differs = |((label, one), (_, other)): (&(String, Answer), &(String, Answer))| {
        comparable(label, one) != comparable("", other)
    };
    assert!(told.iter().zip(&without).any(differs));
}

/// What user `one` has, times left out, after these imports of theirs; `before` and `after` them
/// something else is done to the store.
fn theirs(imports: &[&str], before: impl Fn(&Dir), after: impl Fn(&Dir)) -> Vec<(String, String)> {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "A"]).code, 0);
    for user in ["one", "two"] {
        assert_eq!(dir.run(["user", "add", "s.db", user]).code, 0);
    }
    before(&dir);
    for text in imports {
        dir.write("one.ndjson", text);
        let ran = dir.run(["import", "s.db", "one.ndjson", "--user", "one"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    after(&dir);
    let sql = "SELECT type || '/' || id, body FROM resource WHERE owner = (SELECT id FROM user WHERE app_user_id = 'one')
        UNION ALL SELECT type || '/' || id || ' before', body FROM history
         WHERE owner = (SELECT id FROM user WHERE app_user_id = 'one') ORDER BY 1";
    let db = dir.open("s.db");
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, normal(&row.get::<_, String>(1)?))));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Imports `text` for a user, or for nobody.
fn import(dir: &Dir, text: &str, user: Option<&str>) {
    dir.write("other.ndjson", text);
    let user = user.map(|user| ["--user", user]).unwrap_or_default();
    let args =
        ["import", "s.db", "other.ndjson"].into_iter().chain(user).filter(|arg| !arg.is_empty());
    let ran = dir.run(args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn versions_count_from_one_whatever_somebody_else_had() {
    let taken = |dir: &Dir| {
        import(dir, "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":0}\n", None);
        assert_eq!(dir.run(["delete", "s.db", "Basic/x"]).code, 0);
    };
    let text = "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":1}\n";
    assert_eq!(theirs(&[text], taken, |_| ()), theirs(&[text], |_| (), |_| ()));
}

#[test]
fn a_history_is_taken_whole_whatever_somebody_else_deleted() {
    let taken = |dir: &Dir| {
        import(dir, "{\"resourceType\":\"Basic\",\"id\":\"x\",\"v\":0}\n", None);
        assert_eq!(dir.run(["delete", "s.db", "Basic/x"]).code, 0);
    };
    let version = |v: u32| {
        json!({"resource": {"resourceType": "Basic", "id": "x", "v": v, "meta": {"versionId": v.to_string()}},
            "request": {"method": "PUT", "url": "Basic/x"}})
    };
    let deletion = json!({"request": {"method": "DELETE", "url": "Basic/x"}});
    let entries = [version(3), deletion, version(1)];
    let text = json!({"resourceType": "Bundle", "type": "history", "entry": entries}).to_string();
    assert_eq!(theirs(&[&text], taken, |_| ()), theirs(&[&text], |_| (), |_| ()));
}

#[test]
fn nothing_is_linked_to_what_was_refused() {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db"]).code, 0);
    for user in ["one", "two"] {
        assert_eq!(dir.run(["user", "add", "s.db", user]).code, 0);
    }
    let practitioner =
        json!({"resourceType": "Practitioner", "id": "d", "identifier": [{"value": "1"}]});
    import(&dir, &practitioner.to_string(), Some("two"));
    let link = json!({"reference": "Practitioner?identifier=1"});
    let patient = json!({"resourceType": "Patient", "id": "p", "generalPractitioner": [link]});
    let entry = [practitioner, patient].map(|resource| {
        let url = format!("{}/{}", resource["resourceType"], resource["id"]).replace('"', "");
        json!({"resource": resource, "request": {"method": "PUT", "url": url}})
    });
    let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entry});
    dir.write("one.json", bundle.to_string());
    let report = dir.import(1, &["s.db", "one.json", "--user", "one"]);
    assert_eq!(report["rejected"], 1);
    let kept: Value = serde_json::from_str(&dir.get("s.db", "Patient/p")).unwrap();
    assert_eq!(kept["generalPractitioner"], json!([link]));
}
