//! Many small files: they share transactions, and each is in the store as a whole or not at all.

use crate::support::{Dir, until};

/// Writes so many files of `lines` resources each; the ids are `f<file>-<line>`.
fn write_files(dir: &Dir, files: u32, lines: u32) {
    for file in 0..files {
        let line = |n| format!("{{\"resourceType\":\"Basic\",\"id\":\"f{file}-{n}\"}}\n");
        dir.write(&format!("in/{file:04}.ndjson"), (0..lines).map(line).collect::<String>());
    }
}

/// The number of resources of each file in the store, without the files of which there is none.
fn by_file(dir: &Dir) -> Vec<(String, i64)> {
    let db = dir.open("s.db");
    let sql = "SELECT substr(id, 1, instr(id, '-') - 1), count(*) FROM resource GROUP BY 1";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn small_files_share_transactions() {
    let dir = Dir::new();
    write_files(&dir, 2000, 1);
    assert_eq!(dir.import(0, &["s.db", "in"])["created"], 2000);
    // All that a transaction stamps has one time.
    let times = dir.count("s.db", "SELECT count(DISTINCT last_updated) FROM resource");
    assert!(times < 1000, "{times} transactions for 2000 files");
    assert_eq!(dir.import(0, &["s.db", "in"])["unchanged"], 2000);
    dir.check("s.db");
}

/// A file after another one means the same in one transaction as in two.
#[test]
fn several_files_with_one_resource_each_make_versions() {
    let with = |gender: &str| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"{gender}\",\"identifier\":[{{\"value\":\"x\"}}]}}"
        )
    };
    let dir = Dir::new();
    for (name, gender) in [("1", "male"), ("2", "female"), ("3", "male")] {
        dir.write(&format!("in/{name}.json"), with(gender));
    }
    let versions = |store: &str| -> Vec<(String, String)> {
        let db = dir.open(store);
        let sql = "SELECT version_id, json_extract(body, '$.gender') FROM version ORDER BY seq";
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    for _ in 0..2 {
        let report = dir.import(0, &["together.db", "in"]);
        let mut sums = [0, 0, 0];
        for name in ["in/1.json", "in/2.json", "in/3.json"] {
            let one = dir.import(0, &["alone.db", name]);
            for (sum, field) in sums.iter_mut().zip(["created", "updated", "unchanged"]) {
                *sum += one[field].as_i64().unwrap();
            }
        }
        let together = ["created", "updated", "unchanged"].map(|field| report[field].as_i64());
        assert_eq!(together, sums.map(Some));
        assert_eq!(versions("together.db"), versions("alone.db"));
    }
    dir.check("together.db");
}

/// The store refuses one resource in the middle of the third file.
#[test]
fn a_file_that_fails_is_not_there_and_the_files_before_it_are() {
    let dir = Dir::new();
    dir.write("in/0.json", r#"{"resourceType":"Basic","id":"first-0"}"#);
    dir.import(0, &["s.db", "in/0.json"]);
    dir.open("s.db")
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON current_version WHEN new.id = 'f2-1'
             BEGIN SELECT RAISE(ABORT, 'refused by a test'); END",
        )
        .unwrap();
    write_files(&dir, 5, 3);
    let ran = dir.run(["import", "s.db", "in"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    let whole = [("f0", 3), ("f1", 3), ("first", 1)].map(|(file, count)| (file.to_owned(), count));
    assert_eq!(by_file(&dir), whole);
    assert!(!dir.path("s.db-wal").exists());
    dir.open("s.db").execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(dir.import(0, &["s.db", "in"])["created"], 9);
    dir.check("s.db");
}

#[test]
fn rejects_name_their_small_files_and_the_rest_is_taken() {
    let dir = Dir::new();
    write_files(&dir, 20, 2);
    for file in [3, 11] {
        let text = format!(
            "{{\"resourceType\":\"Basic\",\"id\":\"f{file}-0\"}}\n{{\"resourceType\":7}}\n"
        );
        dir.write(&format!("in/{file:04}.ndjson"), text);
    }
    let ran = dir.run(["import", "s.db", "in", "--quiet"]);
    assert_eq!(ran.code, 1);
    let places: Vec<&str> = ran.stderr.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(places, ["in/0003.ndjson:2", "in/0011.ndjson:2"], "{}", ran.stderr);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 38);
}

/// A conditional reference finds what a file before it or after it brings, in the same transaction or not.
#[test]
fn references_between_small_files_are_resolved() {
    let dir = Dir::new();
    for n in 0..50 {
        let observation = format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o{n}\",\"subject\":{{\"reference\":\"Patient?identifier=x{n}\"}}}}"
        );
        let patient = format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"identifier\":[{{\"value\":\"x{n}\"}}]}}"
        );
        let (first, second) =
            if n % 2 == 0 { (observation, patient) } else { (patient, observation) };
        dir.write(&format!("in/{n}-a.json"), first);
        dir.write(&format!("in/{n}-b.json"), second);
    }
    assert_eq!(dir.import(0, &["s.db", "in"])["unresolved"], 0);
    let sql = "SELECT count(*) FROM resource WHERE type = 'Observation'
                  AND json_extract(body, '$.subject.reference') = 'Patient/p' || substr(id, 2)";
    assert_eq!(dir.count("s.db", sql), 50);
    dir.check("s.db");
}

#[test]
fn a_killed_import_of_small_files_leaves_whole_files() {
    let dir = Dir::new();
    write_files(&dir, 3000, 3);
    let size = |name: &str| std::fs::metadata(dir.path(name)).map_or(0, |meta| meta.len());
    for round in 0..6 {
        let mut child = dir.command(["import", "s.db", "in", "--quiet"]).spawn().unwrap();
        // Waits for the size of the store and its log, not for some time.
        until("the import has gone on, or has ended", || {
            let is_enough = size("s.db") + size("s.db-wal") >= round * 600_000;
            (is_enough || child.try_wait().unwrap().is_some()).then_some(())
        });
        let _ = child.kill();
        child.wait().unwrap();
        // A kill before the first commit leaves no store yet.
        if size("s.db") > 0 && dir.run(["info", "s.db"]).code == 0 {
            assert!(by_file(&dir).iter().all(|(_, count)| *count == 3), "{:?}", by_file(&dir));
        }
    }
    dir.import(0, &["s.db", "in"]);
    assert_eq!(by_file(&dir).len(), 3000);
    dir.check("s.db");
}
