//! Tables follow what happens to the store: after any writes they are those of a store whose tables were filled
//! afterwards.

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::{Value, json};

use super::{add, patient, rows, tables, view};
use crate::support::{Dir, seal};

/// Views of every kind: of several rows, of few resources, with faults, with what the store sets in `meta`, with
/// elements as JSON, of another type.
fn views() -> Vec<String> {
    let names = r#"{"name":"names","resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]},
        {"forEachOrNull":"name","column":[{"name":"family","path":"family"},{"name":"given","path":"given","collection":true}]}]}"#;
    let active = r#"{"name":"active","resource":"Patient","where":[{"path":"active = true"}],
        "select":[{"column":[{"name":"id","path":"id"},{"name":"born","path":"birthDate"}]}]}"#;
    let whole = r#"{"name":"whole","resource":"Patient","select":[{"column":[{"name":"id","path":"id"},
        {"name":"meta","path":"meta","type":"Meta"},{"name":"managed","path":"managingOrganization.reference"}]}]}"#;
    vec![
        names.to_owned(),
        active.to_owned(),
        whole.to_owned(),
        view("one_phone", "Patient", &[("id", "id", "id"), ("phone", "telecom.value", "string")]),
        view("version", "Observation", &[("id", "id", "id")])
            .replace("\"version\"", "\"versions\""),
        view(
            "stamps",
            "Observation",
            &[
                ("id", "id", "id"),
                ("version", "meta.versionId", "id"),
                ("updated", "meta.lastUpdated", "instant"),
            ],
        ),
    ]
}

/// A resource of few ids, so that many are updates.
fn resource() -> impl Strategy<Value = Value> {
    let name = json!({"family": "f", "given": ["g", "h"]});
    (any::<bool>(), 0..5u8, 0..3usize, 0..3usize, any::<bool>(), 0..4u8).prop_map(
        move |(is_patient, id, names, phones, active, other)| {
            if !is_patient {
                return json!({"resourceType": "Observation", "id": format!("o{id}"), "status": "final",
                              "code": {"text": format!("c{other}")}});
            }
            let mut made = json!({"resourceType": "Patient", "id": format!("p{id}"), "active": active,
                "name": vec![name.clone(); names],
                "telecom": vec![json!({"value": "1"}); phones]});
            if other == 0 {
                // What this names may come later.
                let organization = "Organization?identifier=urn:o|1";
                made["managingOrganization"] = json!({"reference": organization});
            }
            made
        },
    )
}

/// One change of the store.
#[derive(Clone, Debug)]
enum Step {
    /// Several files of resources, some with several versions of one resource.
    Import(Vec<Vec<Value>>, bool),
    /// A Bundle with deletions.
    Bundle(Vec<Value>, Vec<u8>),
    /// An import that is undone, because it is strict and one line is wrong.
    Refused(Vec<Value>),
    Delete(u8),
    Organization,
    Prune,
}

fn step() -> impl Strategy<Value = Step> {
    let some = || prop::collection::vec(resource(), 1..8);
    prop_oneof![
        4 => (prop::collection::vec(some(), 1..3), any::<bool>()).prop_map(|(files, stamp)| Step::Import(files, stamp)),
        2 => (some(), prop::collection::vec(0..5u8, 0..3)).prop_map(|(put, gone)| Step::Bundle(put, gone)),
        1 => some().prop_map(Step::Refused),
        2 => (0..5u8).prop_map(Step::Delete),
        1 => Just(Step::Organization),
        1 => Just(Step::Prune),
    ]
}

fn lines(resources: &[Value]) -> String {
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

fn take(dir: &Dir, step: &Step, number: usize) {
    match step {
        Step::Import(files, stamp) => {
            for (at, file) in files.iter().enumerate() {
                dir.write(&format!("in{number}/{at}.ndjson"), lines(file));
            }
            let folder = format!("in{number}");
            let mut args = vec!["s.db", &folder];
            args.extend(stamp.then_some("--stamp"));
            dir.import(0, &args);
        }
        Step::Bundle(put, gone) => {
            let put = put.iter().map(|resource| {
                let (of, id) = (resource["resourceType"].as_str(), resource["id"].as_str());
                let url = format!("{}/{}", of.unwrap(), id.unwrap());
                json!({"resource": resource, "request": {"method": "PUT", "url": url}})
            });
            let gone = gone.iter().map(
                |id| json!({"request": {"method": "DELETE", "url": format!("Patient/p{id}")}}),
            );
            let entries: Vec<Value> = put.chain(gone).collect();
            let bundle = json!({"resourceType": "Bundle", "type": "batch", "entry": entries});
            dir.write("bundle.json", bundle.to_string());
            dir.import(0, &["s.db", "bundle.json"]);
        }
        Step::Refused(resources) => {
            dir.write("bad.ndjson", lines(resources) + "{\"resourceType\":\"Patient\",\n");
            dir.import(1, &["--strict", "s.db", "bad.ndjson"]);
        }
        Step::Delete(id) => {
            let ran = dir.run(["delete", "s.db", &format!("Patient/p{id}")]);
            assert!(ran.code <= 1, "{}", ran.stderr);
        }
        Step::Organization => {
            dir.write("org.json", r#"{"resourceType":"Organization","id":"x","identifier":[{"system":"urn:o","value":"1"}]}"#);
            dir.import(0, &["s.db", "org.json"]);
        }
        Step::Prune => {
            let db = dir.open("s.db");
            db.execute_batch("UPDATE history SET ended_at = ended_at - 9 * 86400000000").unwrap();
            seal(&db);
            drop(db);
            assert_eq!(dir.run(["prune", "s.db"]).code, 0);
        }
    }
}

/// The tables of a copy of the store, made anew.
fn made_afresh(dir: &Dir, views: &[&str]) -> Vec<String> {
    std::fs::copy(dir.path("s.db"), dir.path("t.db")).unwrap();
    let names = dir.run(["view", "list", "t.db"]).stdout;
    let names = names.lines().map(|line| line.split(' ').next().unwrap());
    assert_eq!(dir.run(["view", "remove", "t.db"].into_iter().chain(names)).code, 0);
    let ran = super::try_to_add(dir, "t.db", views);
    assert!(ran.code <= 1, "{}", ran.stderr);
    tables(dir, "t.db")
}

proptest! {
    #![proptest_config(Config { cases: 8, failure_persistence: None, ..Config::default() })]

    #[test]
    fn tables_are_those_of_a_store_that_was_filled_afterwards(
        steps in prop::collection::vec(step(), 2..6), later in 0..2usize,
    ) {
        let dir = Dir::new();
        assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "a"]).code, 0);
        let views = views();
        let views: Vec<&str> = views.iter().map(String::as_str).collect();
        for (number, step) in steps.iter().enumerate() {
            // Before the first resource, or between two writes.
            if number == later {
                let ran = super::try_to_add(&dir, "s.db", &views);
                prop_assert!(ran.code <= 1, "{}", ran.stderr);
            }
            take(&dir, step, number);
        }
        dir.check("s.db");
        prop_assert_eq!(tables(&dir, "s.db"), made_afresh(&dir, &views));
    }
}

#[test]
fn a_bulk_load_into_an_empty_store_fills_the_tables_as_it_goes() {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "a"]).code, 0);
    let views = views();
    let views: Vec<&str> = views.iter().map(String::as_str).collect();
    add(&dir, "s.db", &views);
    // Long enough for a first load, with one that comes twice.
    let note = "x".repeat(700);
    let more = |at: usize| {
        format!(
            r#","active":{},"name":[{{"family":"{at}"}},{{}}],"text":{{"status":"generated","div":"{note}"}}"#,
            at.is_multiple_of(3)
        )
    };
    let lines: String = (0..14_000).map(|at| patient(&format!("p{at}"), &more(at))).collect();
    dir.write("big.ndjson", lines + &patient("p7", r#","active":true"#));
    dir.import(0, &["s.db", "big.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM names"), 2 * 13_999 + 1);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM active"), 4667 + 1);
    dir.check("s.db");
    assert_eq!(tables(&dir, "s.db"), made_afresh(&dir, &views));
}

#[test]
fn writes_touch_only_the_rows_of_what_changed() {
    let dir = Dir::new();
    dir.write("p.ndjson", (0..50).map(|at| patient(&format!("p{at}"), "")).collect::<String>());
    dir.import(0, &["s.db", "p.ndjson"]);
    add(
        &dir,
        "s.db",
        &[&view("people", "Patient", &[("id", "id", "id"), ("sex", "gender", "code")])],
    );
    // A mark of the row itself stays where nothing is written.
    dir.open("s.db").execute_batch("UPDATE people SET sex = 'mark'").unwrap();
    dir.import(0, &["s.db", "p.ndjson"]);
    dir.write(
        "q.ndjson",
        patient("p7", r#","gender":"male""#) + r#"{"resourceType":"Basic","id":"x"}"#,
    );
    dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/p8"]).code, 0);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people WHERE sex = 'mark'"), 48);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people WHERE sex = 'male'"), 1);
    assert_eq!(rows(&dir, "s.db", "people").len(), 49);
}

#[test]
fn a_large_resource_has_its_rows_too() {
    let dir = Dir::new();
    let names = vec![r#"{"family":"a","given":["b"]}"#; 90_000].join(",");
    let large = |id: &str| patient(id, &format!(r#","active":true,"name":[{names}]"#));
    dir.write("p.ndjson", large("before"));
    dir.import(0, &["s.db", "p.ndjson"]);
    let views = views();
    let views: Vec<&str> = views.iter().map(String::as_str).collect();
    add(&dir, "s.db", &views);
    dir.write("q.ndjson", large("after"));
    dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM names WHERE given = '[\"b\"]'"), 180_000);
    dir.check("s.db");
}

#[test]
fn two_commands_add_the_same_views_at_once() {
    let dir = Dir::new();
    let lines: String = (0..6000).map(|at| patient(&format!("p{at}"), r#","name":[{}]"#)).collect();
    dir.write("p.ndjson", lines);
    dir.import(0, &["s.db", "p.ndjson"]);
    let people = view("people", "Patient", &[("id", "id", "id")]);
    let other = view("others", "Patient", &[("id", "id", "id")]);
    dir.write("people.json", people);
    dir.write("others.json", other);
    let add = |views: &[&str]| {
        dir.command(["view", "add", "s.db"].iter().chain(views)).spawn().expect("it starts")
    };
    let both = [add(&["people.json", "others.json"]), add(&["others.json", "people.json"])];
    for mut command in both {
        assert_eq!(command.wait().unwrap().code(), Some(0));
    }
    // Two that end at the same moment may leave a log behind, which `check` would doubt: one more write ends alone.
    dir.write("q.ndjson", patient("one-more", ""));
    dir.import(0, &["s.db", "q.ndjson"]);
    dir.check("s.db");
    let both = "SELECT count(*) FROM people JOIN others USING (_row)";
    assert_eq!(dir.count("s.db", both), 6001);
}
