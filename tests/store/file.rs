//! The file at rest: its name, its mode, its content as SQLite reads it.

use rusqlite::Connection;

use super::{A, filled};
use crate::support::{Dir, project, tool};

#[test]
fn other_files_are_refused_and_not_changed() {
    let dir = filled();
    dir.write("text.db", "this is no database, but somebody's diary ".repeat(10));
    dir.write("short.db", "x");
    Connection::open(dir.path("other.db"))
        .unwrap()
        .execute_batch("CREATE TABLE resource (x)")
        .unwrap();
    std::fs::copy(dir.path("s.db"), dir.path("future.db")).unwrap();
    dir.open("future.db").execute_batch("PRAGMA user_version = 9").unwrap();
    std::fs::create_dir(dir.path("folder.db")).unwrap();
    for (name, why) in [
        ("text.db", "not an SQLite file"),
        ("short.db", "not an SQLite file"),
        ("other.db", "not a fhirlite store"),
        ("future.db", "format 9"),
        ("folder.db", "is a folder"),
    ] {
        let before = std::fs::read(dir.path(name)).ok();
        for command in [
            vec!["import", name, "a.json"],
            vec!["info", name],
            vec!["serve", name, "a.json"],
            vec!["export", name, "out"],
            vec!["delete", name, "Patient/a"],
            vec!["check", name],
            vec!["get", name, "Patient/a"],
        ] {
            let ran = dir.run(&command);
            assert_eq!(ran.code, 4, "{command:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(why), "{command:?}: {}", ran.stderr);
        }
        assert_eq!(std::fs::read(dir.path(name)).ok(), before, "{name} was changed");
    }
    assert!(!dir.path("out").exists());
}

#[test]
fn an_empty_file_becomes_a_store() {
    let dir = filled();
    dir.write("e.db", "");
    assert_eq!(dir.import(0, &["e.db", "a.json"])["created"], 1);
    dir.check("e.db");
}

#[test]
fn the_name_of_a_store_may_have_any_characters() {
    let dir = filled();
    for name in ["with space.db", "100%.db", "a?b#c.db", "naïve 王.db", "'quoted\".db", "%41.db"]
    {
        assert_eq!(dir.import(0, &[name, "a.json"])["created"], 1, "{name}");
        assert_eq!(dir.get(name, "Patient/a"), A);
        assert!(dir.path(name).is_file(), "{name}");
    }
}

#[test]
fn a_store_at_rest_is_one_private_file_that_sqlite_reads() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    served.manifest("");
    dir.write("b.json", A.replace("\"a\"", "\"b\""));
    dir.import(0, &["s.db", "b.json"]);
    assert_eq!(served.end("-TERM"), 0);
    let files: Vec<String> = std::fs::read_dir(dir.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("s.db"))
        .collect();
    assert_eq!(files, ["s.db"]);
    assert_eq!(dir.mode("s.db"), 0o600);
    let header = &dir.read("s.db")[..100];
    assert_eq!(&header[68..72], b"FHIR");
    assert_eq!(header[18..20], [1, 1], "at rest it is not in WAL mode");
    if let Some(mut sqlite3) = tool("sqlite3") {
        let read = sqlite3.arg(dir.path("s.db")).arg("SELECT id, body FROM resource WHERE type = 'Patient' ORDER BY id LIMIT 1; PRAGMA integrity_check").output().unwrap();
        assert_eq!(String::from_utf8(read.stdout).unwrap(), format!("a|{A}\nok\n"));
    }
}

#[test]
fn every_view_can_be_read() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    let db = dir.open("s.db");
    let views: Vec<String> = db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'view'")
        .unwrap()
        .query_map((), |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(views.len() >= 5);
    for view in views {
        let rows: i64 = db
            .query_row(&format!("SELECT count(*) FROM (SELECT * FROM {view})"), (), |row| {
                row.get(0)
            })
            .unwrap();
        // Nothing was replaced, and nobody has exported anything from a protected server.
        assert_eq!(rows > 0, !["history", "exported"].contains(&&*view), "{view}");
    }
    assert_eq!(
        dir.count(
            "s.db",
            "SELECT count(*) FROM patient WHERE family IS NOT NULL AND birth_date LIKE '____-__-__'"
        ),
        25
    );
}
