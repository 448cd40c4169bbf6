//! `fhirlite compact`: a smaller file with the same content, or the same file.

use serde_json::Value;

use super::filled;
use crate::support::{Dir, left_out, until};

/// A folder with a store `s.db` of some MB, most of which is free.
fn with_free_pages() -> Dir {
    let dir = Dir::new();
    let lines = |prefix: &str, count: u32| -> String {
        (0..count)
            .map(|n| {
                format!(
                    "{{\"resourceType\":\"Basic\",\"id\":\"{prefix}{n}\",\"text\":\"{n:01000}\"}}\n"
                )
            })
            .collect()
    };
    dir.write("in.ndjson", lines("keep", 2000) + &lines("go", 6000));
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.open("s.db").execute_batch("DELETE FROM resource WHERE id LIKE 'go%'").unwrap();
    dir.check("s.db");
    dir
}

fn free_bytes(dir: &Dir) -> u64 {
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    info["freeBytes"].as_u64().unwrap()
}

fn size(dir: &Dir) -> u64 {
    std::fs::metadata(dir.path("s.db")).unwrap().len()
}

fn files_of_the_store(dir: &Dir) -> Vec<String> {
    let names = std::fs::read_dir(dir.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("s.db")).collect()
}

#[test]
fn compacting_gives_free_space_back_and_changes_nothing_else() {
    let dir = with_free_pages();
    let (before, free, bodies) = (size(&dir), free_bytes(&dir), dir.bodies("s.db"));
    assert!(free > before / 2, "{free} of {before}");
    let said = dir.run(["info", "s.db"]).stdout;
    assert!(
        said.lines().any(|line| line.contains("compact") && line.contains(&free.to_string())),
        "{said}"
    );
    let ran = dir.run(["compact", "s.db", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let done: Value = serde_json::from_str(&ran.stdout).unwrap();
    let after = size(&dir);
    assert_eq!((&done["before"], &done["after"]), (&before.into(), &after.into()));
    assert!(after <= before - free, "{after}");
    // What it takes was said before.
    assert!(ran.stderr.contains(&format!("{before} bytes, {free} of them free")), "{}", ran.stderr);
    assert_eq!(free_bytes(&dir), 0);
    assert_eq!(dir.bodies("s.db"), bodies);
    assert_eq!(dir.mode("s.db"), 0o600);
    assert_eq!(files_of_the_store(&dir), ["s.db"]);
    assert_eq!(dir.count("s.db", "SELECT page_size FROM pragma_page_size"), 16384);
    dir.check("s.db");
    let ran = dir.run(["compact", "s.db"]);
    assert_eq!((ran.code, ran.stdout), (0, format!("{after} bytes before, {after} bytes now\n")));
    // Imports go on.
    assert_eq!(dir.import(0, &["s.db", "in.ndjson"])["created"], 6000);
    dir.check("s.db");
}

#[test]
fn a_store_that_is_open_elsewhere_is_left_alone() {
    let dir = with_free_pages();
    let before = dir.bodies("s.db");
    let served = dir.serve(&["s.db"]);
    let ran = dir.run(["compact", "s.db"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (5, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("another process has the store open"), "{}", ran.stderr);
    assert_eq!(served.get("/health").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    // A program that only reads the resting file is in the way too.
    let reader = dir.open("s.db");
    reader.execute_batch("BEGIN; SELECT count(*) FROM resource").unwrap();
    let mode = reader.query_row("SELECT count(*) FROM resource", (), |row| row.get::<_, i64>(0));
    assert_eq!(mode.unwrap(), 2000);
    assert_eq!(dir.run(["compact", "s.db"]).code, 5);
    reader.execute_batch("COMMIT").unwrap();
    drop(reader);
    assert_eq!(dir.run(["compact", "s.db"]).code, 0);
    assert_eq!(dir.bodies("s.db"), before);
}

#[test]
fn a_killed_compaction_loses_nothing() {
    let dir = with_free_pages();
    let bodies = dir.bodies("s.db");
    let whole = dir.read("s.db");
    let mut killed = 0;
    for round in 0..8u64 {
        dir.write("s.db", &whole);
        let mut child = dir
            .command(["compact", "s.db"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Ever later in the writing of the journal, which is as long as the file.
        let enough = 1 + round * whole.len() as u64 / 8;
        until("the journal has grown, or the compaction has ended", || {
            let journal = std::fs::metadata(dir.path("s.db-journal")).map_or(0, |meta| meta.len());
            (journal >= enough || child.try_wait().unwrap().is_some()).then_some(())
        });
        let _ = child.kill();
        killed += usize::from(!child.wait().unwrap().success());
        // The first command after it finds everything.
        assert_eq!(
            dir.get("s.db", "Basic/keep7"),
            bodies.iter().find(|(id, _)| id == "Basic/keep7").unwrap().1
        );
        dir.check("s.db");
        assert_eq!(dir.bodies("s.db"), bodies);
        assert_eq!(dir.mode("s.db"), 0o600);
    }
    if killed == 0 {
        left_out("no compaction was slow enough to be killed");
    }
}

#[test]
fn without_space_for_temporary_files_nothing_is_begun() {
    let dir = with_free_pages();
    let before = dir.read("s.db");
    // A folder that takes files by its mode, on a disk that has no space at all.
    let mut command = dir.command(["compact", "s.db"]);
    let output = command.env("SQLITE_TMPDIR", "/proc").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        left_out("no folder without space for a user other than root");
        return;
    }
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("bytes in /proc, and 0 are free there"), "{said}");
    assert!(dir.read("s.db") == before);
    assert_eq!(files_of_the_store(&dir), ["s.db"]);
}

#[test]
fn what_cannot_be_compacted_is_refused() {
    let dir = filled();
    assert_eq!(dir.run(["compact", "no.db"]).code, 3);
    dir.write("text.db", "somebody's diary ".repeat(20));
    assert_eq!(dir.run(["compact", "text.db"]).code, 4);
    std::fs::create_dir(dir.path("ro")).unwrap();
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).unwrap();
    let Some(unprivileged) = dir.without_rights() else { return };
    for command in ["compact", "prune"] {
        let ran = unprivileged.run(&[command, "ro/s.db"]);
        assert_eq!(ran.code, 6, "{}", ran.stderr);
    }
}
