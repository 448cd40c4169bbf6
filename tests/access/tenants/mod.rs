//! No data crosses from one owner to another. Random stores of several owners are read by each caller in every way:
//!
//! 1. no answer holds a secret of an owner out of the caller's reach;
//! 2. each caller is answered as by a store that never held the data of other owners;
//! 3. each caller gets all of their own data, byte for byte as SQLite reads it.
//!
//! `PROPTEST_CASES=200 cargo test tenants` tries other and more cases than CI does.

mod callers;
mod imports;
mod random;
mod requests;
mod rules;
mod steps;
mod world;

use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::support::client::Answer;
use crate::support::compare::{comparable, links};

use callers::{Caller, Reach, reaches};
use random::{Case, case};
use requests::usual;
use rules::plan;
use steps::{Item, OWNERS, Step, WIDE, secret};
use world::{BASE, World};

/// Fails unless the three properties hold for this case.
fn holds(case: &Case) {
    let planned = plan(&case.steps);
    let asks = [usual(), case.asks.clone()].concat();
    let full = World::build(&planned, &reaches());
    full.dir.check("s.db");
    for reach in reaches() {
        let alone = World::build(&planned, std::slice::from_ref(&reach));
        for caller in
            reach.callers.iter().copied().filter(|caller| full.headers.contains_key(caller))
        {
            let answers = full.answers(caller, &asks);
            stays_within(&full, &reach, caller, &answers);
            is_whole(&full, &reach, caller, &answers);
            let answers_alone = alone.answers(caller, &asks);
            let texts = |answers: &[(String, Answer)]| -> Vec<String> {
                answers.iter().filter_map(|(label, answer)| comparable(label, answer)).collect()
            };
            let (among_others, alone) = (texts(&answers), texts(&answers_alone));
            for (one, other) in among_others.iter().zip(&alone) {
                assert!(one == other, "{caller:?} among others:\n{one}\n\nalone:\n{other}");
            }
            assert_eq!(among_others.len(), alone.len(), "{caller:?}");
        }
    }
    others_are_unknown(&full);
}

/// Fails if an answer holds a secret of an owner out of reach: property 1.
fn stays_within(world: &World, reach: &Reach, caller: Caller, answers: &[(String, Answer)]) {
    let out_of_reach =
        (0..OWNERS.len()).filter(|owner| !reach.owners.contains(owner) || !world.is_active(*owner));
    for secret in out_of_reach.map(secret) {
        for (label, answer) in answers {
            let text = format!("{}\n{}", answer.head, answer.text());
            // The answer may repeat the request.
            let text = if label.contains(&secret) {
                text.replace(&format!("{secret}-2"), "")
            } else {
                text
            };
            assert!(!text.contains(&secret), "{caller:?} {label}: {text}");
        }
    }
}

/// Fails unless the exports hold all of the caller's data: property 3.
fn is_whole(world: &World, reach: &Reach, caller: Caller, answers: &[(String, Answer)]) {
    let scope = if let Caller::Smart(_, scope) = caller { scope } else { WIDE };
    let lines = world.lines(reach, scope);
    // A Binary with a securityContext is about a patient here. Attachments lead to those that the caller
    // may see.
    let resources: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut absolute = String::new();
    for (line, resource) in lines.lines().zip(&resources) {
        let mut line = line.to_owned();
        for seen in resources.iter().filter(|seen| seen["resourceType"] == "Binary") {
            let url = format!("Binary/{}\"", seen["id"].as_str().expect("an id"));
            let relative = format!("\"url\":\"{url}");
            line = line.replace(&relative, &format!("\"url\":\"{BASE}/fhir/{url}"));
        }
        if resource["resourceType"] != "Binary" || resource["securityContext"].is_null() {
            absolute += &(line + "\n");
        }
    }
    let is_resource = |line: &&str| !line.starts_with("{\"resourceType\":\"OperationOutcome\"");
    for (path, lines) in [("/bulk-data/r4/$export", lines), ("/fhir/$export", absolute)] {
        let number = usual().iter().position(|ask| ask.path == path).expect("a usual request");
        let from = format!("{number} ");
        let files = answers.iter().filter(|(label, _)| label.starts_with(&from));
        let files = files
            .filter(|(_, answer)| answer.header("content-type") == Some("application/fhir+ndjson"));
        let files: String = files.map(|(_, answer)| answer.text()).collect();
        let files = files.lines().filter(is_resource).map(|line| format!("{line}\n"));
        let files: String = files.collect();
        assert!(files == lines, "{caller:?} {path}:\n{files}\n\nSQLite:\n{lines}");
    }
}

/// Fails unless jobs and files of other callers are answered as if they did not exist.
fn others_are_unknown(world: &World) {
    let reaches = reaches();
    let reach_of =
        |caller: &Caller| reaches.iter().position(|reach| reach.callers.contains(caller));
    for (starter, label, answer) in &world.started {
        let Some(url) = links(answer).into_iter().next() else { continue };
        for caller in world.headers.keys().filter(|caller| reach_of(caller) != reach_of(starter)) {
            let other = world.get(*caller, &url, "");
            let unknown = match url.rsplit_once("/jobs/") {
                Some((base, _)) => world.get(*caller, &format!("{base}/jobs/{:032}", 0), ""),
                None => world.get(*caller, &url.replace(".ndjson", "A.ndjson"), ""),
            };
            assert!(other.status >= 400, "{caller:?} {starter:?} {label}");
            assert_eq!(other.text(), unknown.text(), "{caller:?} {starter:?} {label}");
            assert_eq!(other.status, unknown.status, "{caller:?} {starter:?} {label}");
        }
    }
}

#[test]
fn no_data_crosses_from_one_owner_to_another() {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let config = Config {
        cases: asked.unwrap_or(3),
        failure_persistence: None,
        max_shrink_iters: 30,
        ..Config::default()
    };
    let mut runner = match asked {
        Some(_) => TestRunner::new(config),
        // Always the same cases.
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

/// A resource that is given to another owner is found: the properties can fail.
#[test]
fn the_properties_can_fail() {
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
    let number = |owner| full.users[&owner].clone();
    let given = format!("UPDATE resource SET owner = {} WHERE owner = {}", number(1), number(3));
    let db = full.dir.open("s.db");
    db.execute_batch(&given).unwrap();
    crate::support::seal(&db);
    drop(db);
    let reach = reaches().remove(0);
    let answers = full.answers(Caller::Secret(1), &usual());
    let is_found =
        std::panic::catch_unwind(|| stays_within(&full, &reach, Caller::Secret(1), &answers))
            .is_err();
    assert!(is_found);
    let alone = World::build(&planned, std::slice::from_ref(&reach));
    let answers_alone = alone.answers(Caller::Secret(1), &usual());
    let differs = |((label, one), (_, other)): (&(String, Answer), &(String, Answer))| {
        comparable(label, one) != comparable("", other)
    };
    assert!(answers.iter().zip(&answers_alone).any(differs));
}
