//! Imports that are killed, and transactions that were interrupted.

use std::process::Stdio;

use crate::support::{Dir, until};

/// Kills an import at ever later moments. What is left must be whole files, and a second import must complete it.
#[test]
fn a_killed_import_leaves_whole_files() {
    let dir = Dir::new();
    let file = |prefix: &str| -> String {
        (0..4000)
            .map(|n| {
                format!(
                    "{{\"resourceType\":\"Basic\",\"id\":\"{prefix}{n}\",\"text\":\"{n:0500}\"}}\n"
                )
            })
            .collect()
    };
    for prefix in ["a", "b", "c", "d"] {
        dir.write(&format!("in/{prefix}.ndjson"), file(prefix));
    }
    for round in 0..12u64 {
        let store = format!("s{}.db", round % 2);
        let mut child =
            dir.command(["import", &store, "in", "--quiet"]).stderr(Stdio::null()).spawn().unwrap();
        // Waits for the size of the file, not for some time.
        let enough = round * 900_000;
        until("the file has grown, or the import has ended", || {
            let size = std::fs::metadata(dir.path(&store)).map_or(0, |meta| meta.len());
            (size >= enough || child.try_wait().unwrap().is_some()).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        if std::fs::metadata(dir.path(&store)).is_ok_and(|meta| meta.len() > 0)
            && dir.run(["info", &store]).code == 0
        {
            dir.check(&store);
            let groups: Vec<(String, i64)> = dir
                .open(&store)
                .prepare("SELECT substr(id, 1, 1), count(*) FROM resource GROUP BY 1")
                .unwrap()
                .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap()
                .collect::<Result<_, _>>()
                .unwrap();
            assert!(groups.iter().all(|(_, count)| *count == 4000), "{groups:?}");
        }
    }
    for store in ["s0.db", "s1.db"] {
        dir.import(0, &[store, "in"]);
        assert_eq!(dir.count(store, "SELECT count(*) FROM resource"), 16_000);
        dir.check(store);
    }
}

/// The test copies a store in the middle of a transaction, with the journal that rolls it back.
#[test]
fn an_interrupted_transaction_is_rolled_back_before_anything_is_read() {
    let dir = Dir::new();
    let lines: String = (0..2000)
        .map(|n| {
            format!("{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"text\":\"{n:0200}\"}}\n")
        })
        .collect();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    for command in
        [["check", "k.db"].as_slice(), &["info", "k.db", "--json"], &["get", "k.db", "Patient/p1"]]
    {
        {
            let db = dir.open("s.db");
            db.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 5; BEGIN").unwrap();
            db.execute_batch("UPDATE resource SET type = 'Zebra', size = 1").unwrap();
            std::fs::copy(dir.path("s.db"), dir.path("k.db")).unwrap();
            std::fs::copy(dir.path("s.db-journal"), dir.path("k.db-journal")).unwrap();
        }
        let ran = dir.run(command);
        assert_eq!(ran.code, 0, "{command:?}: {}", ran.stderr);
        assert!(!ran.stdout.contains("Zebra"));
        assert_eq!(dir.count("k.db", "SELECT count(*) FROM resource WHERE type = 'Patient'"), 2000);
    }
}
