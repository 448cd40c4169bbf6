//! The first load of a store: its inputs share a transaction, whatever their sizes, and each is in the store
//! as a whole or not at all.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Dir, left_out, until};

/// The ids are `f<file>-<line>`.
fn lines(file: u32, lines: u32, length: usize) -> String {
    let line = |n| {
        format!("{{\"resourceType\":\"Basic\",\"id\":\"f{file}-{n}\",\"text\":\"{n:0length$}\"}}\n")
    };
    (0..lines).map(line).collect()
}

/// The number of current resources of each file.
fn by_file(dir: &Dir) -> Vec<(String, u32)> {
    let db = dir.open("s.db");
    let sql = "SELECT substr(id, 1, instr(id, '-') - 1), count(*) FROM resource GROUP BY 1";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn indexes(dir: &Dir, store: &str) -> Vec<String> {
    let db = dir.open(store);
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'index' ORDER BY 1";
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_folder_is_loaded_in_one_transaction() {
    let dir = Dir::new();
    for file in 0..6 {
        dir.write(&format!("in/{file}.ndjson"), lines(file, 3000, 700));
    }
    assert_eq!(dir.import(0, &["s.db", "in"])["created"], 18_000);
    assert_eq!(dir.count("s.db", "SELECT count(DISTINCT last_updated) FROM resource"), 1);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM write_mark WHERE seq > 0"), 1);
    assert_eq!(dir.import(0, &["s.db", "in"])["unchanged"], 18_000);
    dir.check("s.db");
}

/// The third file brings an index back, by bringing a resource again, and fails then.
#[test]
fn a_file_that_fails_takes_no_index_with_it() {
    let dir = Dir::new();
    let add =
        ["client", "add", "s.db", "--client-id", "c", "--new-key", "k", "--scope", "system/*.rs"];
    assert_eq!(dir.run(add).code, 0);
    let table = dir
        .open("s.db")
        .query_row(
            "SELECT tbl_name FROM sqlite_schema WHERE type = 'index' AND name LIKE '%_identity'
                AND sql LIKE 'CREATE UNIQUE%'",
            (),
            |row| row.get::<_, String>(0),
        )
        .unwrap();
    let before = indexes(&dir, "s.db");
    dir.open("s.db")
        .execute_batch(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN new.id = 'f2-1'
             BEGIN SELECT RAISE(ABORT, 'refused by a test'); END"
        ))
        .unwrap();
    dir.write("in/0.ndjson", lines(0, 12_000, 900));
    dir.write("in/1.ndjson", lines(1, 2, 1));
    dir.write("in/2.ndjson", lines(0, 1, 20) + &lines(2, 3, 1));
    dir.write("in/3.ndjson", lines(3, 2, 1));
    let ran = dir.run(["import", "s.db", "in"]);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert_eq!(by_file(&dir), [("f0".to_owned(), 12_000), ("f1".to_owned(), 2)]);
    assert_eq!(dir.count("s.db", "SELECT length(body) > 900 FROM resource WHERE id = 'f0-0'"), 1);
    assert_eq!(indexes(&dir, "s.db"), before);
    dir.open("s.db").execute_batch("DROP TRIGGER refuse").unwrap();
    dir.check("s.db");
    assert_eq!(dir.import(0, &["s.db", "in"])["created"], 5);
    dir.check("s.db");
}

#[test]
fn a_stopped_first_load_keeps_whole_files_and_says_which() {
    let count = 4000;
    let mut stopped = 0;
    for megabytes in [1, 3, 6, 10, 14] {
        let dir = Dir::new();
        for file in 0..6 {
            dir.write(&format!("in/{file}.ndjson"), lines(file, count, 700));
        }
        let mut command = dir.command(["import", "s.db", "in"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let io = format!("/proc/{}/io", child.id());
        if std::fs::metadata(&io).is_err() {
            left_out("this system does not tell how much a process has read");
            child.wait().unwrap();
            return;
        }
        // Waits for bytes that were read, not for some time.
        until("the import has gone on, or has ended", || {
            let io = std::fs::read_to_string(&io).unwrap_or_default();
            let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
            let read: u64 = read.and_then(|read| read.parse().ok()).unwrap_or(0);
            (read > megabytes << 20 || child.try_wait().unwrap().is_some()).then_some(())
        });
        if child.try_wait().unwrap().is_none() {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let kept = if output.status.code() == Some(0) {
            6
        } else {
            assert_eq!(output.status.code(), Some(130), "{stderr}");
            stopped += 1;
            let says = |kept: u32| match kept {
                6 => stderr.contains("every file is in the store"),
                _ => {
                    let kept_files = format!("{kept} of 6 files are in the store, each as a whole");
                    let name = format!("nothing of in/{kept}.ndjson is");
                    stderr.contains(&kept_files) && stderr.contains(&name)
                }
            };
            (0..=6).find(|kept| says(*kept)).unwrap_or_else(|| panic!("{stderr}"))
        };
        if kept == 0 {
            // A store that nothing came into is not kept.
            continue;
        }
        let whole: Vec<_> = (0..kept).map(|file| (format!("f{file}"), count)).collect();
        assert_eq!(by_file(&dir), whole);
        dir.check("s.db");
        assert_eq!(dir.import(0, &["s.db", "in"])["unchanged"], kept * count);
    }
    assert!(stopped > 0, "every import ended before it was stopped");
}

#[test]
fn a_killed_first_load_leaves_whole_files() {
    let dir = Dir::new();
    for file in 0..4 {
        // More than the page cache, so that the file is written before the commit.
        dir.write(&format!("in/{file}.ndjson"), lines(file, 20_000, 1000));
    }
    let size = |name: &str| std::fs::metadata(dir.path(name)).map_or(0, |meta| meta.len());
    for megabytes in [1, 20, 70] {
        let mut child = dir.command(["import", "s.db", "in", "--quiet"]).spawn().unwrap();
        until("the import has gone on, or has ended", || {
            let is_enough = size("s.db") >= megabytes << 20;
            (is_enough || child.try_wait().unwrap().is_some()).then_some(())
        });
        let _ = child.kill();
        child.wait().unwrap();
        if size("s.db") > 0 && dir.run(["info", "s.db"]).code == 0 {
            assert!(by_file(&dir).iter().all(|(_, count)| *count == 20_000), "{:?}", by_file(&dir));
        }
    }
    dir.import(0, &["s.db", "in"]);
    assert_eq!(by_file(&dir).len(), 4);
    dir.check("s.db");
}
