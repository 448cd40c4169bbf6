//! Times that lie in the future: those that resources bring along, and those of a clock that was ahead.

use std::time::Duration;

use fhirlite::{Clock, ExportRequest, Import, Instant, Plan, Store};
use serde_json::Value;

use crate::support::{Dir, Ran, bring_back_former_tables, seal};

/// 400 days and an hour.
const LEAD: Duration = Duration::from_secs(400 * 86_400 + 3_600);

fn now() -> Instant {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    Instant::from_micros(i64::try_from(now.as_micros()).expect("a time"))
}

fn basic(id: &str) -> String {
    format!("{{\"resourceType\":\"Basic\",\"id\":\"{id}\"}}\n")
}

/// The ids that `export --since` writes, and the ids of what it deletes, sorted. The time of the export.
fn since(dir: &Dir, out: &str, time: &str) -> (Vec<String>, String) {
    let ran = dir.run(["export", "s.db", out, "--since", time]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let manifest: Value =
        serde_json::from_slice(&dir.read(&format!("{out}/manifest.json"))).unwrap();
    let mut ids = Vec::new();
    for (list, file) in [("output", "Basic.ndjson"), ("deleted", "deleted.ndjson")] {
        if manifest[list].as_array().is_some_and(|files| !files.is_empty()) {
            for line in dir.text(&format!("{out}/{file}")).lines() {
                let resource: Value = serde_json::from_str(line).unwrap();
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                ids.push(match list {
                    "output" => text(&resource["id"]),
                    _ => text(&resource["entry"][0]["request"]["url"]),
                });
            }
        }
    }
    ids.sort();
    (ids, manifest["transactionTime"].as_str().unwrap().to_owned())
}

#[test]
fn a_last_updated_in_the_future_is_reported_and_comes_once() {
    let dir = Dir::new();
    let future = |id: &str| {
        format!(
            "{{\"resourceType\":\"Basic\",\"id\":\"{id}\",\"meta\":{{\"lastUpdated\":\"2099-01-01T00:00:00Z\"}}}}\n"
        )
    };
    dir.write("0.ndjson", basic("before"));
    dir.import(0, &["s.db", "0.ndjson"]);
    let (_, time) = since(&dir, "0", "2020-01-01");
    dir.write("in/1.ndjson", [basic("a"), future("b"), future("c")].concat());
    dir.write("in/2.ndjson", future("d"));
    let ran = dir.run(["import", "s.db", "in"]);
    assert_eq!(ran.code, 0);
    let warnings: Vec<&str> =
        ran.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings.len(), 2, "{}", ran.stderr);
    assert!(warnings[0].contains(
        "in/1.ndjson:2: 2 resources have a meta.lastUpdated after this import, first Basic/b"
    ));
    assert!(warnings[1].contains("in/2.ndjson:1: 1 resource has"));
    assert!(ran.stdout.contains("3  with a lastUpdated after this import"), "{}", ran.stdout);
    // The bytes stay, and every export since the one before holds each change once.
    assert!(dir.get("s.db", "Basic/b").contains("2099-01-01T00:00:00Z"));
    let (ids, time) = since(&dir, "1", &time);
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert_eq!(since(&dir, "2", &time).0, [""; 0]);
    let again = dir.import(0, &["s.db", "in"]);
    assert_eq!((&again["unchanged"], &again["ahead"]), (&4.into(), &0.into()));
    dir.check("s.db");
    // By hand: a time that is not the import's.
    dir.open("s.db").execute_batch("UPDATE resource SET assigned = 2 WHERE id = 'b'").unwrap();
    let ran = dir.run(["check", "s.db"]);
    assert!(
        ran.stderr.contains("last_updated is not the body's meta.lastUpdated"),
        "{}",
        ran.stderr
    );
}

/// In a store of format 3 such a resource is in every export.
#[test]
fn an_older_store_is_upgraded() {
    let dir = Dir::new();
    dir.write(
        "0.ndjson",
        r#"{"resourceType":"Basic","id":"b","meta":{"lastUpdated":"2099-01-01T00:00:00Z"}}"#,
    );
    dir.import(0, &["s.db", "0.ndjson"]);
    let db = dir.open("s.db");
    db.execute_batch(
        "UPDATE resource SET assigned = 2, last_updated = 4070908800000000;
         DROP TABLE mended_time; DROP TABLE write_mark; DELETE FROM setting WHERE name = 'at_rest';
         PRAGMA user_version = 3;",
    )
    .unwrap();
    seal(&db);
    bring_back_former_tables(&db);
    drop(db);
    let (ids, time) = since(&dir, "0", "2020-01-01");
    assert_eq!(ids, ["b"]);
    assert_eq!(since(&dir, "1", &time).0, [""; 0]);
    dir.check("s.db");
}

/// Imports resources with a clock that is ahead.
struct Ahead(Store);

impl Ahead {
    fn open(dir: &Dir, lead: Duration) -> Ahead {
        let store = Store::create(dir.path("s.db")).expect("a store");
        Ahead(store.with_clock(Clock::from_fn(move || now().later(lead))))
    }

    fn import(&self, id: &str) {
        let report = Import::new().text(&self.0, "ahead", &basic(id)).expect("imported");
        assert_eq!(report.created, 1);
    }

    /// The transactionTime of an export.
    fn exported(&self) -> String {
        let plan = Plan::new(self.0.snapshot().expect("a snapshot"), &ExportRequest::default());
        plan.expect("a plan").snapshot.time().to_string()
    }

    fn delete(&self, id: &str) {
        let gone = self.0.delete(&[("Basic".to_owned(), id.to_owned())]).expect("deleted");
        assert_eq!(gone, [true]);
    }
}

fn mended(dir: &Dir) -> Ran {
    let ran = dir.run(["check", "s.db", "--mend-clock"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran
}

#[test]
fn a_clock_that_was_ahead_is_said_and_found_and_mended() {
    let dir = Dir::new();
    dir.write("0.ndjson", basic("before"));
    dir.import(0, &["s.db", "0.ndjson"]);
    let days = "is 400 days after this machine's clock";
    Ahead::open(&dir, LEAD).import("wrong");
    // An import, a server, info and check say it.
    dir.write("1.ndjson", basic("waits"));
    let ran = dir.run(["import", "s.db", "1.ndjson"]);
    assert!(ran.code == 0 && ran.stderr.contains(days), "{}", ran.stderr);
    assert!(ran.stderr.contains("fhirlite check --mend-clock"), "{}", ran.stderr);
    let served = dir.serve_with_log(&["s.db"]);
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.text("stderr").contains(days), "{}", dir.text("stderr"));
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    assert!(info["clockLeadSeconds"].as_u64().unwrap() > 399 * 86_400, "{info}");
    assert!(dir.run(["info", "s.db"]).stdout.contains("ahead of this machine's clock"));
    let ran = dir.run(["check", "s.db"]);
    assert!(ran.code == 8 && ran.stderr.contains(days), "{}", ran.stderr);
    // Then it is mended, and later changes get the time of the clock.
    assert!(mended(&dir).stdout.contains("counts as"));
    dir.check("s.db");
    dir.write("2.ndjson", basic("after"));
    let ran = dir.run(["import", "s.db", "2.ndjson"]);
    assert!(!ran.stderr.contains("warning"), "{}", ran.stderr);
    let after: Value = serde_json::from_str(&dir.get("s.db", "Basic/after")).unwrap();
    let (time, _) = Instant::parse(after["meta"]["lastUpdated"].as_str().unwrap()).unwrap();
    assert!(time < now().later(Duration::from_secs(10)));
    // Nothing is left to mend.
    assert!(mended(&dir).stdout.contains("not ahead"));
}

/// Whatever transactionTime a client was handed, before or during the wrong time, it misses nothing and gets nothing
/// twice.
#[test]
fn clients_go_on_from_every_transaction_time_that_they_were_handed() {
    let dir = Dir::new();
    dir.write("0.ndjson", basic("before"));
    dir.import(0, &["s.db", "0.ndjson"]);
    let (_, right) = since(&dir, "right", "2020-01-01");
    let ahead = Ahead::open(&dir, LEAD);
    let before_writes = ahead.exported();
    ahead.import("w1");
    let after_w1 = ahead.exported();
    ahead.import("w2");
    ahead.delete("w1");
    let after_deletion = ahead.exported();
    ahead.import("w3");
    let last = ahead.exported();
    drop(ahead);
    mended(&dir);
    dir.check("s.db");
    let (ids, mended_at) = since(&dir, "mended", &last);
    assert_eq!(ids, [""; 0]);
    dir.write("1.ndjson", basic("after"));
    dir.import(0, &["s.db", "1.ndjson"]);
    for (out, time, expected) in [
        ("a", &right, &["Basic/w1", "after", "w2", "w3"][..]),
        ("b", &before_writes, &["Basic/w1", "after", "w2", "w3"]),
        ("c", &after_w1, &["Basic/w1", "after", "w2", "w3"]),
        ("d", &after_deletion, &["after", "w3"]),
        ("e", &last, &["after"]),
        ("f", &mended_at, &["after"]),
    ] {
        let (ids, next) = since(&dir, out, time);
        assert_eq!(ids, expected, "{out}: since {time}");
        assert_eq!(since(&dir, &format!("{out}2"), &next).0, [""; 0], "{out}");
    }
    // A second time that a clock is ahead, farther: both eras are understood.
    let ahead = Ahead::open(&dir, LEAD * 2);
    ahead.import("x1");
    let after_x1 = ahead.exported();
    ahead.import("x2");
    drop(ahead);
    mended(&dir);
    assert_eq!(since(&dir, "g", &last).0, ["after", "x1", "x2"]);
    assert_eq!(since(&dir, "h", &after_x1).0, ["x2"]);
    dir.check("s.db");
}
