//! `fhirlite index`: an index follows what happens to the store. That answers are the same is in `index_answers.rs`.

use serde_json::{Value, json};

use crate::support::{Dir, seal, until};

/// The resources that a search finds, as `fhirlite search` prints them; `None` where it is refused.
fn found(dir: &Dir, store: &str, query: &str) -> Option<Vec<String>> {
    let ran = dir.run(["search", store, query]);
    (ran.code == 0).then(|| ran.stdout.lines().map(str::to_owned).collect())
}

/// Indexes parameters of a type, which must succeed.
pub(super) fn index(dir: &Dir, store: &str, resource_type: &str, codes: &[&str]) {
    let ran = dir.run([&["index", store, resource_type], codes].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for code in codes {
        assert!(
            ran.stdout.contains(&format!("{resource_type} {code}: searches use it")),
            "{}",
            ran.stdout
        );
    }
}

/// The rows of a store's indexes.
fn rows(dir: &Dir, store: &str) -> i64 {
    dir.count(
        store,
        "SELECT (SELECT count(*) FROM search_key) + (SELECT count(*) FROM search_range)",
    )
}

fn observation(id: usize, code: &str, more: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"o{id}","status":"final","code":{{"coding":[{{"system":"urn:c","code":"{code}"}}]}}{more}}}"#
    ) + "\n"
}

/// The ids that a search finds, in order.
fn ids(dir: &Dir, query: &str) -> Vec<String> {
    let lines = found(dir, "s.db", query).expect("a search");
    let id = |line: &String| {
        let resource: Value = serde_json::from_str(line).expect("JSON");
        resource["id"].as_str().expect("an id").to_owned()
    };
    lines.iter().map(id).collect()
}

#[test]
fn an_index_follows_imports_updates_deletions_and_pruning() {
    let dir = Dir::new();
    // The index is there before the first resource, which is loaded in bulk.
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "a"]).code, 0);
    index(&dir, "s.db", "Observation", &["code", "date"]);
    let of = |code: &str, year: u32| {
        format!(r#","effectiveDateTime":"{year}","note":[{{"text":"{code}"}}]"#)
    };
    let lines: String = (0..30)
        .map(|at| observation(at, ["a", "b", "c"][at % 3], &of("x", 2020 + at as u32 % 3)))
        .collect();
    dir.write("1.ndjson", lines);
    dir.import(0, &["s.db", "1.ndjson"]);
    assert_eq!(ids(&dir, "Observation?code=b").len(), 10);
    assert_eq!(ids(&dir, "Observation?code=urn:c|b&date=2021").len(), 10);
    // Two keys of a code, and a range.
    assert_eq!(rows(&dir, "s.db"), 90);
    dir.check("s.db");

    dir.write("2.ndjson", observation(1, "z", &of("y", 1999)));
    assert_eq!(dir.import(0, &["s.db", "2.ndjson"])["updated"], 1);
    assert_eq!(ids(&dir, "Observation?code=z"), ["o1"]);
    assert_eq!(ids(&dir, "Observation?date=lt2000"), ["o1"]);
    assert_eq!(ids(&dir, "Observation?code=b").len(), 9);
    assert_eq!(dir.run(["delete", "s.db", "Observation/o4"]).code, 0);
    assert_eq!(ids(&dir, "Observation?code=b").len(), 8);
    // What ended keeps its rows, for those who see the store as it was.
    assert_eq!(rows(&dir, "s.db"), 93);
    dir.check("s.db");

    let db = dir.open("s.db");
    db.execute_batch("UPDATE history SET ended_at = ended_at - 9 * 86400000000").unwrap();
    seal(&db);
    drop(db);
    assert_eq!(dir.run(["prune", "s.db"]).code, 0);
    assert_eq!(rows(&dir, "s.db"), 87);
    dir.check("s.db");
    for copy in [vec!["backup", "s.db", "copy.db"], vec!["compact", "s.db"]] {
        assert_eq!(dir.run(copy).code, 0);
    }
    assert_eq!(rows(&dir, "copy.db"), 87);
    dir.check("s.db");
    dir.check("copy.db");
    assert_eq!(ids(&dir, "Observation?code=b").len(), 8);
}

#[test]
fn a_version_that_a_bundle_puts_in_is_indexed_with_its_links_resolved() {
    let dir = Dir::new();
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "a"]).code, 0);
    index(&dir, "s.db", "Observation", &["subject", "performer"]);
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:6f0b6c4e-7d3c-4a3d-9d43-000000000001", "request": {"method": "PUT", "url": "Patient/p"},
         "resource": {"resourceType": "Patient", "id": "p"}},
        {"request": {"method": "PUT", "url": "Observation/o"},
         "resource": {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
                      "subject": {"reference": "urn:uuid:6f0b6c4e-7d3c-4a3d-9d43-000000000001"},
                      "performer": [{"reference": "Practitioner?identifier=urn:n|1"}]}}]});
    dir.write("bundle.json", bundle.to_string());
    dir.import(0, &["s.db", "bundle.json"]);
    assert_eq!(ids(&dir, "Observation?subject=Patient/p"), ["o"]);
    assert_eq!(ids(&dir, "Observation?performer=Practitioner/d"), Vec::<String>::new());
    // The reference resolves later.
    dir.write(
        "d.json",
        r#"{"resourceType":"Practitioner","id":"d","identifier":[{"system":"urn:n","value":"1"}]}"#,
    );
    dir.import(0, &["s.db", "d.json"]);
    assert_eq!(ids(&dir, "Observation?performer=Practitioner/d"), ["o"]);
    dir.check("s.db");
}

/// A store of so many Observations, every tenth of them with the code `rare`.
fn many(count: usize) -> Dir {
    let dir = Dir::new();
    let code = |at: usize| if at.is_multiple_of(10) { "rare" } else { "usual" };
    let lines: String = (0..count).map(|at| observation(at, code(at), "")).collect();
    dir.write("many.ndjson", lines);
    dir.import(0, &["s.db", "many.ndjson"]);
    dir
}

#[test]
fn a_command_that_was_killed_is_given_again_and_does_the_rest() {
    let dir = many(12_000);
    let mut command = dir.command(["index", "s.db", "Observation", "code"]).spawn().unwrap();
    let log = dir.path("s.db-wal");
    until("a part is indexed", || {
        std::fs::metadata(&log).ok().filter(|log| log.len() > 300_000).map(drop)
    });
    command.kill().unwrap();
    command.wait().unwrap();
    // What is there is right, and no search takes it for the whole.
    dir.check("s.db");
    assert_eq!(ids(&dir, "Observation?code=rare").len(), 1200);
    let listed = dir.run(["index", "s.db"]).stdout;
    assert!(listed.contains("Observation code: unfinished"), "{listed}");
    let filled = dir.count("s.db", "SELECT filled FROM search_parameter");
    assert!(filled > 0 && filled < 12_000, "{filled}");
    // Meanwhile others write.
    dir.write("more.ndjson", observation(12_000, "rare", "") + &observation(11_990, "usual", ""));
    dir.import(0, &["s.db", "more.ndjson"]);
    dir.check("s.db");
    index(&dir, "s.db", "Observation", &["code"]);
    dir.check("s.db");
    let expected = dir.count("s.db", "SELECT count(*) FROM current_version");
    let rows_of_current =
        "SELECT count(DISTINCT seq) FROM search_key JOIN current_version USING (seq)";
    assert_eq!(dir.count("s.db", rows_of_current), expected);
    assert_eq!(ids(&dir, "Observation?code=rare").len(), 1200);
}

#[test]
fn a_scan_on_all_cores_finds_everything_once_and_in_order() {
    let dir = many(9000);
    let expected: Vec<String> = (0..9000).step_by(10).map(|at| format!("o{at}")).collect();
    assert_eq!(ids(&dir, "Observation?code=rare"), expected);
    let served = dir.serve(&["s.db"]);
    let mut next = Some("/fhir/Observation?code=rare&_count=250".to_owned());
    let mut listed = Vec::new();
    while let Some(target) = next {
        let page = served.get(&target).json();
        let entries = page["entry"].as_array().cloned().unwrap_or_default();
        listed.extend(
            entries.iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()),
        );
        let links = page["link"].as_array().unwrap();
        let link = links.iter().find(|link| link["relation"] == "next");
        next = link.map(|link| {
            let url = link["url"].as_str().unwrap();
            format!("/fhir{}", url.split_once("/fhir").unwrap().1)
        });
    }
    assert_eq!(listed, expected);
    // A search within a search is scanned in the same way.
    assert_eq!(ids(&dir, "Observation?status=final").len(), 9000);
}

#[test]
fn check_finds_a_row_that_is_missing_and_one_that_is_too_many() {
    let edits = [
        "DELETE FROM search_key WHERE seq = 3",
        "DELETE FROM search_range WHERE seq = 3",
        "INSERT INTO search_key (seq, parameter, key) VALUES (3, 1, 77)",
        "UPDATE search_range SET high = high + 1 WHERE seq = 3",
        "UPDATE search_key SET key = key || 'x' WHERE seq = 3",
    ];
    for edit in edits {
        let dir = Dir::new();
        let lines: String =
            (0..6).map(|at| observation(at, "a", r#","effectiveDateTime":"2020""#)).collect();
        dir.write("1.ndjson", lines);
        dir.import(0, &["s.db", "1.ndjson"]);
        index(&dir, "s.db", "Observation", &["code", "date"]);
        dir.check("s.db");
        dir.open("s.db").execute_batch(edit).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert_eq!(ran.code, 8, "{edit}: {}", ran.stdout);
        let told = ran.stdout + &ran.stderr;
        assert!(
            told.contains("Observation/o2 version 1: search_key or search_range does not match"),
            "{edit}: {told}"
        );
    }
    let dir = many(3);
    index(&dir, "s.db", "Observation", &["code"]);
    for (edit, told) in [
        (
            "INSERT INTO search_key (seq, parameter, key) VALUES (99, 1, 5)",
            "1 rows of search_key belong to no version",
        ),
        (
            "INSERT INTO search_range (seq, parameter, low, high) VALUES (1, 9, 5, 5)",
            "1 rows of search_range belong to no indexed parameter",
        ),
    ] {
        dir.open("s.db").execute_batch(edit).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert!(
            ran.code == 8 && (ran.stdout.clone() + &ran.stderr).contains(told),
            "{edit}: {}{}",
            ran.stdout,
            ran.stderr
        );
    }
}

#[test]
fn an_index_of_other_rules_is_not_used_and_made_anew() {
    let dir = many(40);
    index(&dir, "s.db", "Observation", &["code"]);
    // As a later fhirlite would leave it: another key for each code.
    let sql = "UPDATE search_parameter SET rules = 99; DELETE FROM search_key";
    dir.open("s.db").execute_batch(sql).unwrap();
    assert_eq!(ids(&dir, "Observation?code=rare").len(), 4);
    let listed = dir.run(["index", "s.db"]).stdout;
    assert!(listed.contains("Observation code: of another fhirlite"), "{listed}");
    // This one writes, and adds no rows by rules that it does not know. So the other one must not use the index.
    dir.write("more.ndjson", observation(100, "rare", ""));
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT rules FROM search_parameter"), 0);
    index(&dir, "s.db", "Observation", &["code"]);
    assert_eq!(ids(&dir, "Observation?code=rare").len(), 5);
    assert_eq!(rows(&dir, "s.db"), 82);
    dir.check("s.db");
}

#[test]
fn indexes_are_listed_and_removed_and_what_cannot_be_indexed_is_refused() {
    let dir = many(20);
    assert_eq!(dir.run(["index", "s.db"]).stdout, "");
    index(&dir, "s.db", "Observation", &["code", "status"]);
    let list: Value = serde_json::from_str(&dir.run(["index", "s.db", "--json"]).stdout).unwrap();
    assert_eq!(
        list,
        json!([{"type": "Observation", "code": "code", "state": "ready"},
               {"type": "Observation", "code": "status", "state": "ready"}])
    );
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    assert_eq!(info["indexes"], list);
    assert!(dir.run(["info", "s.db"]).stdout.contains("index Observation status: searches use it"));
    assert_eq!(
        dir.run(["index", "s.db", "Observation", "code", "--remove"]).stdout,
        "Observation code: removed\n"
    );
    assert_eq!(dir.run(["index", "s.db", "Observation", "code", "--remove"]).code, 1);
    assert_eq!(rows(&dir, "s.db"), 40);
    dir.check("s.db");
    for (args, code, told) in [
        (["Observation", "nope"], 2, "Observation has no search parameter nope; it has _profile"),
        (["Observation", "code-value-quantity"], 2, "a composite parameter has no index"),
        (["Observation", "_id"], 2, "it has an index in every store"),
        (["Observaton", "code"], 3, "did you mean Observation?"),
    ] {
        let ran = dir.run([&["index", "s.db"][..], &args].concat());
        assert!(
            ran.code == code && ran.stderr.contains(told),
            "{args:?}: {} {}",
            ran.code,
            ran.stderr
        );
    }
    // One that is wrong, and nothing is noted.
    assert_eq!(dir.run(["index", "s.db", "Observation", "code", "nope"]).code, 2);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM search_parameter"), 1);
}
