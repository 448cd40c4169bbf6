//! Several processes at one store.

use super::filled;
use crate::support::Dir;

#[test]
fn two_simultaneous_imports_both_succeed() {
    let dir = Dir::new();
    for prefix in ["a", "b"] {
        for n in 0..5 {
            let lines: String = (0..500)
                .map(|m| format!("{{\"resourceType\":\"Basic\",\"id\":\"{prefix}{n}-{m}\"}}\n"))
                .collect();
            dir.write(&format!("{prefix}/{n}.ndjson"), lines);
        }
    }
    // First into a new store, then again into the existing one.
    for _ in 0..2 {
        let children = ["a", "b"]
            .map(|folder| dir.command(["import", "s.db", folder, "--quiet"]).spawn().unwrap());
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 5000);
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM history"), 0);
        dir.check("s.db");
    }
}

/// A long transaction of another process does not delay exports and servers.
#[test]
fn another_writer_delays_no_reader() {
    let dir = filled();
    let other = dir.open("s.db");
    for mode in ["WAL", "DELETE"] {
        other.pragma_update(None, "journal_mode", mode).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert_eq!(dir.run(["export", "s.db", mode]).code, 0);
        let served = dir.serve(&["s.db"]);
        assert_eq!(served.manifest("")["output"][0]["type"], "Patient");
        drop(served);
        other.execute_batch("ROLLBACK").unwrap();
    }
}
