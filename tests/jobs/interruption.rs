//! Exports under way when their server ends.

use super::{
    LONG_AGO, by_get, by_name, by_post, delete_from, download, entries, id_of, import, large, long,
    manifest, start,
};
use crate::support::Held;

/// Ends a server with `signal` while it works on exports. The next server must complete them to the same files.
fn interrupted_by(signal: &str, code: i32) {
    let dir = large();
    let path = "/fhir/Patient/$export";
    let kickoffs = [
        long(),
        by_get(format!("{path}?organizeOutputBy=Patient&_maximumFileSize=100000")),
        by_get(format!("{path}?_elements=status")),
        by_post(path, &[("_elements", "Observation.note"), ("patient", "Patient/p7")]),
        by_get(format!("{path}?_type=Observation&_maximumFileSize=500000")),
        by_get("/fhir/$export?_elements=note"),
        by_get("/fhir/$export"),
        by_get("/fhir/$export?_typeFilter=Observation%3Fpatient._id%3Dp7,Patient%3F_id%3Dp7"),
        by_get(format!("{path}?_typeFilter=Observation%3Fstatus%3Dfinal&_maximumFileSize=90000")),
        by_get(format!("{path}?_since={LONG_AGO}")),
        long(),
    ];
    let args = ["s.db", "--base-url", "http://here.example"];
    let served = dir.serve_with_log(&args);
    let uninterrupted: Vec<_> = kickoffs
        .iter()
        .map(|kickoff| by_name(download(&served, &manifest(&served, &start(&served, kickoff)))))
        .collect();
    let held = Held::new(&dir);
    let started: Vec<String> = kickoffs.iter().map(|kickoff| start(&served, kickoff)).collect();
    assert_eq!(served.end(signal), code);
    held.release();
    let running = "SELECT count(*) FROM job WHERE state = 'running'";
    assert_eq!(dir.count("s.db", running), 10, "all but the export of everything");
    let time_of = |status| {
        let id = id_of(status);
        dir.count("s.db", &format!("SELECT transaction_time FROM job WHERE id = '{id}'"))
    };
    let times: Vec<i64> = started.iter().map(|status| time_of(status)).collect();
    // The store changes, which the exports do not see.
    let lines = r#"{"resourceType":"Patient","id":"p7","language":"x"}
{"resourceType":"Patient","id":"new"}
{"resourceType":"Observation","id":"new","status":"final","subject":{"reference":"Patient/p7"}}
"#;
    assert_eq!(import(&dir, lines)["updated"], 1);
    delete_from(&dir, &["Patient/p8", "Observation/o9-9"]);
    let again = dir.serve(&["s.db"]);
    for (number, status) in started.iter().enumerate() {
        let manifest = manifest(&again, status);
        let time = manifest["transactionTime"].as_str().expect("a transactionTime");
        let time = chrono::DateTime::parse_from_rfc3339(time).expect("an instant");
        assert_eq!(time.timestamp_micros(), times[number], "{number}");
        for entry in entries(&manifest) {
            let url = entry["url"].as_str().expect("a url");
            assert!(url.starts_with(&format!("http://here.example{status}/")), "{url}");
        }
        let files = by_name(download(&again, &manifest));
        assert!(files == uninterrupted[number], "{number}: {:?}", files.keys());
    }
    assert_eq!(dir.count("s.db", running), 0);
    drop(again);
    dir.check("s.db");
}

#[test]
fn the_next_server_completes_the_exports_of_a_killed_one() {
    interrupted_by("-KILL", -1);
}

#[test]
fn the_next_server_completes_the_exports_of_a_terminated_one() {
    interrupted_by("-TERM", 0);
}
