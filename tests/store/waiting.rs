//! What an import waits for, and what it says meanwhile.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rusqlite::Connection;

use super::filled;
use crate::support::Dir;

/// Opens the store with SQLite itself and begins a transaction that has read something.
fn reader(dir: &Dir) -> Connection {
    let reader = dir.open("s.db");
    reader.execute_batch("BEGIN").expect("begun");
    let sql = "SELECT count(*) FROM resource";
    assert_eq!(reader.query_row(sql, (), |row| row.get::<_, i64>(0)).expect("a number"), 1);
    reader
}

/// Starts an import of one more resource; the first line that it says.
fn import(dir: &Dir) -> (Child, String) {
    dir.write("b.json", r#"{"resourceType":"Patient","id":"b"}"#);
    let mut command = dir.command(["import", "s.db", "b.json", "--quiet"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let mut said = BufReader::new(child.stderr.take().expect("its standard error"));
    said.read_line(&mut line).expect("a line");
    (child, line)
}

#[test]
fn an_import_says_that_a_reader_of_the_resting_file_keeps_it_waiting() {
    let dir = filled();
    let reader = reader(&dir);
    // Nothing else would make the import say anything: it ends well once the reader has ended.
    let (mut child, said) = import(&dir);
    assert!(
        said.contains("s.db: another program has it open in a transaction that reads"),
        "{said}"
    );
    assert!(said.contains("end that program") && said.contains("waiting"), "{said}");
    reader.execute_batch("COMMIT").expect("ended");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 2);
    drop(reader);
    dir.check("s.db");
}

#[test]
fn an_import_says_that_another_writer_keeps_it_waiting() {
    let dir = filled();
    let other = dir.open("s.db");
    other.execute_batch("BEGIN IMMEDIATE").expect("begun");
    let (mut child, said) = import(&dir);
    assert!(
        said.contains("s.db: another process is writing") && said.contains("waiting"),
        "{said}"
    );
    other.execute_batch("ROLLBACK").expect("ended");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 2);
}

/// Once a file is served, readers that stay keep no write waiting, however long they stay.
#[test]
fn a_reader_of_a_served_file_keeps_no_import_waiting() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let reader = reader(&dir);
    let (mut child, said) = import(&dir);
    assert_eq!(said, "");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(served.get("/fhir/Patient/b").status, 200);
    let all = "SELECT count(*) FROM resource";
    assert_eq!(reader.query_row(all, (), |row| row.get::<_, i64>(0)).expect("a number"), 1);
}

/// A server that starts while a program holds the file gets it later.
#[test]
fn a_server_uses_the_file_once_a_reader_has_gone() {
    let dir = filled();
    let reader = reader(&dir);
    let served = dir.serve(&["s.db"]);
    assert_eq!(served.get("/fhir/Patient/a").status, 200);
    drop(reader);
    crate::support::until("the file is in use", || {
        (dir.read("s.db")[18..20] == [2, 2]).then_some(())
    });
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(dir.read("s.db")[18..20], [1, 1]);
}
