//! `kill -9` of a command that adds views, and of an import into a store with tables.

use std::fs;

use super::{add, patient, tables, view};
use crate::support::{Dir, until};

const COLUMNS: &[(&str, &str, &str)] =
    &[("id", "id", "id"), ("family", "name.family.first()", "string")];

fn many(from: usize, count: usize) -> String {
    let more = r#","name":[{"family":"Moss","given":["Ada","Bo"]}]"#;
    (from..from + count).map(|at| patient(&format!("p{at}"), more)).collect()
}

#[test]
fn a_command_that_was_killed_is_given_again_and_does_the_rest() {
    let dir = Dir::new();
    dir.write("p.ndjson", many(0, 30_000));
    dir.import(0, &["s.db", "p.ndjson"]);
    let people = view("people", "Patient", COLUMNS);
    dir.write("people.json", &people);
    let mut command = dir.command(["view", "add", "s.db", "people.json"]).spawn().unwrap();
    let log = dir.path("s.db-wal");
    until("a part is filled", || {
        fs::metadata(&log).ok().filter(|log| log.len() > 500_000).map(drop)
    });
    command.kill().unwrap();
    command.wait().unwrap();
    // What is there is right, and nobody is told that it is the whole.
    dir.check("s.db");
    let filled = dir.count("s.db", "SELECT filled FROM view_definition");
    assert!(filled > 0 && filled < 30_000, "{filled}");
    let listed = dir.run(["view", "list", "s.db"]).stdout;
    assert!(listed.contains("people of Patient: unfinished"), "{listed}");
    // Meanwhile others write: on both sides of what is filled.
    dir.write("q.ndjson", patient("p0", "") + &patient("p29999", "") + &patient("new", ""));
    dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/p1", "Patient/p29998"]).code, 0);
    dir.check("s.db");
    add(&dir, "s.db", &[&people]);
    assert!(dir.count("s.db", "SELECT filled FROM view_definition") >= 30_000);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people"), 29_999);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people WHERE family IS NULL"), 3);
    dir.check("s.db");
}

#[test]
fn a_refresh_that_was_killed_leaves_rows_and_is_given_again() {
    let dir = Dir::new();
    dir.write("p.ndjson", many(0, 30_000));
    dir.import(0, &["s.db", "p.ndjson"]);
    add(&dir, "s.db", &[&view("people", "Patient", COLUMNS)]);
    let before = tables(&dir, "s.db");
    dir.open("s.db").execute_batch("UPDATE people SET family = 'x'").unwrap();
    let mut command = dir.command(["view", "refresh", "s.db"]).spawn().unwrap();
    until("a part is made anew", || {
        let db = rusqlite::Connection::open(dir.path("s.db")).ok()?;
        let sql = "SELECT filled FROM view_definition WHERE filled BETWEEN 1 AND 29999";
        db.query_row(sql, (), |row| row.get::<_, i64>(0)).ok()
    });
    command.kill().unwrap();
    command.wait().unwrap();
    dir.check("s.db");
    // Readers miss no row meanwhile.
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people"), 30_000);
    assert_eq!(dir.run(["view", "refresh", "s.db", "people"]).code, 0);
    assert_eq!(tables(&dir, "s.db"), before);
    dir.check("s.db");
}

#[test]
fn an_import_that_was_killed_leaves_the_tables_as_they_were() {
    let dir = Dir::new();
    dir.write("p.ndjson", many(0, 100));
    dir.import(0, &["s.db", "p.ndjson"]);
    add(&dir, "s.db", &[&view("people", "Patient", COLUMNS)]);
    let before = tables(&dir, "s.db");
    dir.write("q.ndjson", many(50, 60_000));
    let mut command = dir.command(["import", "s.db", "q.ndjson", "--quiet"]).spawn().unwrap();
    // The cache of pages overflows into the log before the transaction ends.
    let log = dir.path("s.db-wal");
    until("a part is written", || {
        let is_long = |log: &fs::Metadata| log.len() > 1_000_000;
        let is_over = command.try_wait().expect("a child").is_some();
        (is_over || fs::metadata(&log).is_ok_and(|log| is_long(&log))).then_some(())
    });
    command.kill().unwrap();
    let is_whole = command.wait().unwrap().success();
    dir.check("s.db");
    if !is_whole {
        assert_eq!(tables(&dir, "s.db"), before);
    }
    dir.import(0, &["s.db", "q.ndjson"]);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM people"), 60_050);
    dir.check("s.db");
}
