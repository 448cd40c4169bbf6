//! The log beside a store in use stays short, also where somebody reads at every moment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rusqlite::Connection;

use super::filled;
use crate::support::{Dir, SetOnDrop, until};

const MIB: u64 = 1 << 20;

/// Takes SQLite some time, in which it neither reads nor writes a file.
const WORK: &str = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?1) SELECT sum(x) FROM n";

fn work(conn: &Connection, amount: i64) {
    conn.query_row(WORK, [amount], |_| Ok(())).expect("a sum");
}

/// Begins to read.
fn begin(reader: &Connection) {
    reader.execute_batch("BEGIN").expect("begun");
    reader.query_row("SELECT count(*) FROM resource", (), |_| Ok(())).expect("a number");
}

fn length(dir: &Dir) -> u64 {
    std::fs::metadata(dir.path("s.db-wal")).map_or(0, |meta| meta.len())
}

fn until_in_use(dir: &Dir) {
    until("the file is in use", || (dir.read("s.db")[18..20] == [2, 2]).then_some(()));
}

#[test]
fn the_log_of_a_served_store_stays_short_under_writes_and_reads_that_overlap() {
    let dir = filled();
    let _served = dir.serve(&["s.db"]);
    until_in_use(&dir);
    let stop = AtomicBool::new(false);
    let most = thread::scope(|scope| {
        let _stopped = SetOnDrop(&stop);
        for _ in 0..3 {
            scope.spawn(|| {
                let reader = dir.open("s.db");
                while !stop.load(Ordering::SeqCst) {
                    begin(&reader);
                    work(&reader, 200_000);
                    reader.execute_batch("COMMIT").expect("ended");
                }
            });
        }
        let writer = dir.open("s.db");
        writer.busy_timeout(std::time::Duration::from_secs(60)).expect("patience");
        writer.execute_batch("CREATE TABLE filler (n INTEGER PRIMARY KEY, x)").expect("a table");
        let mut most = 0;
        for n in 0..100 {
            let sql = "INSERT OR REPLACE INTO filler VALUES (?1 % 5, zeroblob(4000000))";
            writer.execute(sql, [n]).expect("written");
            most = most.max(length(&dir));
            work(&writer, 100_000);
        }
        writer.execute_batch("DROP TABLE filler").expect("dropped");
        most
    });
    assert!(most > 64 * MIB, "the log never grew: {} MiB", most / MIB);
    assert!(most < 200 * MIB, "the log had {} MiB after writes of 400 MB", most / MIB);
}

/// A reader that stays keeps the log, and keeps no import from its work.
#[test]
fn an_import_says_that_a_reader_keeps_the_log_and_goes_on() {
    let dir = filled();
    let _served = dir.serve(&["s.db"]);
    until_in_use(&dir);
    let (reader, writer) = (dir.open("s.db"), dir.open("s.db"));
    begin(&reader);
    let sql = "CREATE TABLE filler AS SELECT zeroblob(80000000) AS x";
    writer.execute_batch(sql).expect("a long log");
    dir.write("b.json", r#"{"resourceType":"Patient","id":"b"}"#);
    let ran = dir.run(["import", "s.db", "b.json", "--quiet"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("s.db: a program has read in one transaction"), "{}", ran.stderr);
    assert!(ran.stderr.contains("s.db-wal"), "{}", ran.stderr);
    reader.execute_batch("COMMIT").expect("ended");
    until("the log is short again", || (length(&dir) < 64 * MIB).then_some(()));
}
