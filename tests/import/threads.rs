//! Several threads parse, and one writes: the store, the counts and the messages are those of one thread.

use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value;

use crate::support::{Dir, left_out};

/// A text of a file: lines of every kind, or a Bundle on several lines.
fn file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        4 => (0u32..40, 0u32..4).prop_map(|(id, n)| format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{id}\",\"identifier\":[{{\"value\":\"v{id}\"}}],\"multipleBirthInteger\":{n}}}"
        )),
        2 => (0u32..40).prop_map(|id| format!(
            "{{\"resourceType\":\"Observation\",\"subject\":{{\"reference\":\"Patient?identifier=v{id}\"}}}}"
        )),
        1 => Just(String::new()),
        1 => Just("{\"resourceType\":7}".to_owned()),
        1 => Just("{\"resourceType\":\"Patient\",".to_owned()),
        1 => Just("{\"resourceType\":\"OperationOutcome\",\"issue\":[]}".to_owned()),
        1 => bundle().prop_map(|bundle| bundle.to_string()),
    ];
    prop_oneof![
        // Long ones are several pieces.
        (prop::collection::vec(line, 0..12), prop_oneof![4 => Just(1usize), 1 => Just(700)])
            .prop_map(|(lines, times)| lines.join("\n").repeat(times)),
        bundle().prop_map(|bundle| serde_json::to_string_pretty(&bundle).unwrap()),
    ]
}

/// A Bundle whose entries link to each other, with and without ids, searches and lost links.
fn bundle() -> impl Strategy<Value = Value> {
    let entry = (0u32..6, 0u32..6, 0u32..5, 0u32..40).prop_map(|(number, to, kind, id)| {
        let patient = format!("{{\"fullUrl\":\"urn:uuid:{number}\",\"resource\":{{\"resourceType\":\"Patient\",\"identifier\":[{{\"value\":\"v{id}\"}}],\"link\":[{{\"other\":{{\"reference\":\"urn:uuid:{to}\"}}}}]}}");
        match kind {
            0 => format!("{patient},\"request\":{{\"method\":\"POST\",\"url\":\"Patient\",\"ifNoneExist\":\"identifier=v{id}\"}}}}"),
            1 => format!("{patient},\"request\":{{\"method\":\"PUT\",\"url\":\"Patient?identifier=v{id}\"}}}}"),
            2 => format!("{{\"request\":{{\"method\":\"DELETE\",\"url\":\"Patient/p{id}\"}}}}"),
            3 => format!("{patient},\"request\":{{\"method\":\"PUT\",\"url\":\"Patient/p{id}\"}}}}"),
            _ => format!("{patient},\"request\":{{\"method\":\"POST\",\"url\":\"Patient\"}}}}"),
        }
    });
    let bundle_type = prop_oneof![Just("transaction"), Just("batch"), Just("collection")];
    (bundle_type, prop::collection::vec(entry, 0..8)).prop_map(|(bundle_type, entries)| {
        let entries = entries.join(",");
        let text = format!(
            "{{\"resourceType\":\"Bundle\",\"type\":\"{bundle_type}\",\"entry\":[{entries}]}}"
        );
        serde_json::from_str(&text).unwrap()
    })
}

/// Everything that an import says and leaves behind, but for times.
fn outcome(dir: &Dir, store: &str, mut command: Command) -> (Value, String, String, Vec<String>) {
    let rejects = format!("{store}.rejects");
    command.args(["import", store, "in", "--json", "--quiet", "--rejects", &rejects]);
    let output = command.output().unwrap();
    let mut report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    if let Some(seconds) = report.get_mut("seconds") {
        *seconds = Value::Null;
    }
    let rejects = String::from_utf8_lossy(&std::fs::read(dir.path(&rejects)).unwrap_or_default())
        .into_owned();
    let stderr = String::from_utf8(output.stderr).unwrap().replace(store, "STORE");
    if !dir.path(store).exists() {
        // Nothing came into it.
        return (report, stderr, rejects, Vec::new());
    }
    let db = dir.open(store);
    let sql = "SELECT seq || ' ' || type || ' ' || id || ' ' || version_id || ' '
                      || coalesce(json_remove(nullif(body, ''), '$.meta.lastUpdated'), '')
                 FROM (SELECT seq, type, id, version_id, body FROM resource UNION ALL
                       SELECT seq, type, id, version_id, body FROM history) ORDER BY seq";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    (report, stderr, rejects, rows.collect::<Result<_, _>>().unwrap())
}

proptest! {
    #![proptest_config(Config { cases: 24, failure_persistence: None, max_shrink_iters: 40, ..Config::default() })]

    #[test]
    fn one_thread_and_several_import_the_same(files in prop::collection::vec(file(), 1..12)) {
        let dir = Dir::new();
        for (number, text) in files.iter().enumerate() {
            dir.write(&format!("in/{number:02}.json"), text);
        }
        // A program that may use one processor parses with one thread.
        let mut one = Command::new("taskset");
        one.args(["-c", "0", crate::support::FHIRLITE]).current_dir(dir.path(""));
        if Command::new("taskset").arg("--version").output().is_err() {
            left_out("taskset is not there");
            return Ok(());
        }
        let several = dir.command([""; 0]);
        prop_assert_eq!(outcome(&dir, "one.db", one), outcome(&dir, "several.db", several));
        if dir.path("several.db").exists() {
            dir.check("several.db");
        }
        // A second import goes through what the store has.
        let again = |store: &str| outcome(&dir, store, dir.command([""; 0]));
        prop_assert_eq!(again("one.db"), again("several.db"));
    }
}
