//! No data crosses from one owner to another. Random stores of several owners are read by each caller in every way:
//!
//! 1. no answer holds a secret of an owner out of the caller's reach;
//! 2. each caller is answered as by a store that never held the data of other owners;
//! 3. each caller gets all of their own data, byte for byte as SQLite reads it.
//!
//! `PROPTEST_CASES=200 cargo test tenants` tries other and more cases than CI does.

mod imports;
mod random;
mod readers;
mod requests;
mod rules;
mod steps;
mod world;

use proptest::test_runner::{Config, TestRunner};

use crate::support::client::Answer;
use crate::support::compare::{comparable, links};

use random::{Case, case};
use readers::{Reach, Who, reaches};
use requests::usual;
use rules::plan;
use steps::{Item, OWNERS, Step, WIDE, secret};
use world::{BASE, World};

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

/// Fails if an answer holds a secret of an owner out of reach: property 1.
fn stays_within(world: &World, reach: &Reach, who: Who, told: &[(String, Answer)]) {
    let out_of_reach =
        (0..OWNERS.len()).filter(|owner| !reach.owners.contains(owner) || !world.is_active(*owner));
    for secret in out_of_reach.map(secret) {
        for (label, answer) in told {
            let text = format!("{}\n{}", answer.head, answer.text());
            // The answer may repeat the request.
            let text = if label.contains(&secret) {
                text.replace(&format!("{secret}-2"), "")
            } else {
                text
            };
            assert!(!text.contains(&secret), "{who:?} {label}: {text}");
        }
    }
}

/// Fails unless the exports hold all of the caller's data: property 3.
fn is_whole(world: &World, reach: &Reach, who: Who, told: &[(String, Answer)]) {
    let scope = if let Who::Smart(_, scope) = who { scope } else { WIDE };
    let lines = world.lines(reach, scope);
    let absolute = lines.replace(r#""url":"Binary/"#, &format!(r#""url":"{BASE}/fhir/Binary/"#));
    for (path, lines) in [("/bulk-data/r4/$export", lines), ("/fhir/$export", absolute)] {
        let number = usual().iter().position(|ask| ask.path == path).expect("a usual request");
        let from = format!("{number} ");
        let answers = told.iter().filter(|(label, _)| label.starts_with(&from));
        let files = answers
            .filter(|(_, answer)| answer.header("content-type") == Some("application/fhir+ndjson"));
        let files: String = files.map(|(_, answer)| answer.text()).collect();
        assert!(files == lines, "{who:?} {path}:\n{files}\n\nSQLite:\n{lines}");
    }
}

/// Fails unless jobs and files of other callers are answered as if they did not exist.
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
