//! The file: what it is at rest, who may write it, what survives.

use std::process::Stdio;

use crate::support::{Dir, tool};

const A: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}"#;

fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("a.json", A);
    dir.import(0, &["s.db", "a.json"]);
    dir
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let dir = filled();
    dir.write("text.db", "this is no database, but somebody's diary ".repeat(10));
    dir.write("short.db", "x");
    rusqlite::Connection::open(dir.path("other.db"))
        .unwrap()
        .execute_batch("CREATE TABLE resource (x)")
        .unwrap();
    std::fs::copy(dir.path("s.db"), dir.path("future.db")).unwrap();
    dir.open("future.db").execute_batch("PRAGMA user_version = 4").unwrap();
    std::fs::create_dir(dir.path("folder.db")).unwrap();
    for (name, why) in [
        ("text.db", "not an SQLite file"),
        ("short.db", "not an SQLite file"),
        ("other.db", "not a fhirlite store"),
        ("future.db", "format 4"),
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
fn names_of_stores_may_be_odd() {
    let dir = filled();
    for name in ["with space.db", "100%.db", "a?b#c.db", "naïve 王.db", "'quoted\".db", "%41.db"]
    {
        assert_eq!(dir.import(0, &[name, "a.json"])["created"], 1, "{name}");
        assert_eq!(dir.get(name, "Patient/a"), A);
        assert!(dir.path(name).is_file(), "{name}");
    }
}

#[test]
fn at_rest_it_is_one_private_file_that_sqlite_reads() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    served.manifest("");
    dir.write("b.json", A.replace("\"a\"", "\"b\""));
    dir.import(0, &["s.db", "b.json"]);
    #[cfg(unix)]
    assert_eq!(served.end("-TERM"), 0);
    let files: Vec<String> = std::fs::read_dir(dir.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("s.db"))
        .collect();
    assert_eq!(files, ["s.db"]);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &std::fs::metadata(dir.path("s.db")).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }
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
    let sample = crate::support::project().join("sample-data");
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
        // Nothing was exported to anybody that is known.
        assert_eq!(rows > 0, view != "exported", "{view}");
    }
    assert_eq!(
        dir.count(
            "s.db",
            "SELECT count(*) FROM patient WHERE family IS NOT NULL AND birth_date LIKE '____-__-__'"
        ),
        25
    );
}

#[test]
fn check_finds_what_was_changed_by_hand() {
    for (change, found) in [
        ("UPDATE resource SET size = size + 1", "size"),
        (
            "UPDATE resource SET body = body || ' ', size = size + 1, last_updated = 0",
            "last_updated",
        ),
        ("UPDATE resource SET body = 'x', size = 1", "not JSON"),
        ("UPDATE resource SET id = 'b'", "another id"),
        ("UPDATE resource SET type = 'Group'", "another type"),
        ("UPDATE resource SET version_id = '9'", "version_id"),
        ("UPDATE setting SET value = 0 WHERE name = 'last_seq'", "seq is higher"),
        ("INSERT INTO identifier VALUES (99, 'Patient', NULL, 'x')", "belong to no version"),
        (
            "INSERT INTO history SELECT seq + 10, type, id, version_id, last_updated, 0, assigned, size, hash, 1, 0, 0, body FROM resource",
            "before it began",
        ),
    ] {
        let dir = filled();
        dir.open("s.db").execute_batch(change).unwrap();
        let ran = dir.run(["check", "s.db"]);
        assert_eq!(ran.code, 8, "{change}: {}", ran.stdout);
        assert!(ran.stderr.contains(found), "{change}: {}", ran.stderr);
    }
}

/// Kills an import at ever later moments; what is left must be whole files, and importing again
/// must complete it.
#[test]
fn a_killed_import_leaves_whole_files_or_nothing_of_them() {
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
    let mut seen = Vec::new();
    for round in 0..12u64 {
        let store = format!("s{}.db", round % 2);
        let mut child =
            dir.command(["import", &store, "in", "--quiet"]).stderr(Stdio::null()).spawn().unwrap();
        // Until so much of the file is there, rather than until some time has passed.
        let enough = round * 900_000;
        while std::fs::metadata(dir.path(&store)).map_or(0, |meta| meta.len()) < enough
            && child.try_wait().unwrap().is_none()
        {
            std::thread::yield_now();
        }
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
            seen.push(groups.len());
        }
    }
    for store in ["s0.db", "s1.db"] {
        dir.import(0, &[store, "in"]);
        assert_eq!(dir.count(store, "SELECT count(*) FROM resource"), 16_000);
        dir.check(store);
    }
    eprintln!("files found whole after each kill: {seen:?}");
}

#[test]
fn two_imports_at_once_both_arrive() {
    let dir = Dir::new();
    for prefix in ["a", "b"] {
        for n in 0..5 {
            let lines: String = (0..500)
                .map(|m| format!("{{\"resourceType\":\"Basic\",\"id\":\"{prefix}{n}-{m}\"}}\n"))
                .collect();
            dir.write(&format!("{prefix}/{n}.ndjson"), lines);
        }
    }
    // Into a store that neither finds there, and then again into the one that is.
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

/// As somebody who may read the store but not write it, nor the folder it lies in.
#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_can_be_read_exported_and_served() {
    use std::os::unix::fs::PermissionsExt;
    let dir = filled();
    std::fs::create_dir(dir.path("ro")).unwrap();
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).unwrap();
    // One that was not closed cleanly: still in WAL mode, its log gone into it.
    std::fs::copy(dir.path("s.db"), dir.path("ro/wal.db")).unwrap();
    dir.open("ro/wal.db").pragma_update(None, "journal_mode", "WAL").unwrap();
    let mode = |path: &str, mode| {
        std::fs::set_permissions(dir.path(path), PermissionsExt::from_mode(mode)).unwrap()
    };
    for file in ["ro/s.db", "ro/wal.db"] {
        mode(file, 0o444);
    }
    mode("a.json", 0o644);
    std::fs::create_dir(dir.path("rw")).unwrap();
    mode("rw", 0o777);
    mode("ro", 0o555);
    mode("", 0o755);
    // The superuser may write anything, so the program has to run as somebody else.
    let is_root = std::fs::write(dir.path("ro/probe"), "").is_ok();
    let run = |args: &[&str]| {
        let mut command = dir.command(args);
        if is_root {
            std::fs::remove_file(dir.path("ro/probe")).unwrap_or_default();
            std::os::unix::process::CommandExt::uid(&mut command, 65534);
        }
        let output = command.output().unwrap();
        (
            output.status.code().unwrap_or(-1),
            String::from_utf8_lossy(&output.stderr).into_owned(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    if is_root && run(&["--version"]).0 != 0 {
        eprintln!("left out: nobody cannot run {}", crate::support::FHIRLITE);
        return;
    }
    for store in ["ro/s.db", "ro/wal.db"] {
        assert_eq!(
            run(&["get", store, "Patient/a"]),
            (0, String::new(), format!("{A}\n")),
            "{store}"
        );
        assert_eq!(run(&["info", store]).0, 0);
        assert_eq!(run(&["check", store]).0, 0);
        let out = format!("rw/{}", store.replace('/', "-"));
        assert_eq!(run(&["export", store, &out]).0, 0, "{:?}", run(&["export", store, &out]));
        assert_eq!(dir.text(&format!("{out}/Patient.ndjson")), format!("{A}\n"));
        let (code, stderr, _) = run(&["import", store, "a.json"]);
        assert_eq!(code, 6, "{stderr}");
        assert_eq!(run(&["delete", store, "Patient/a"]).0, 6);
    }
    mode("ro", 0o755);
}

/// A store as a killed process leaves it: half of a transaction in the file, and the journal that
/// takes it back beside it.
#[test]
fn what_a_killed_writer_left_is_taken_back_before_anything_is_read() {
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

/// Somebody who writes, or only reads, for a long time keeps nobody from what he can do without them.
#[test]
fn others_at_the_file_keep_nobody_waiting() {
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

/// One file of each format there has been stays readable.
#[test]
fn a_store_of_format_1_is_read() {
    let dir = Dir::new();
    dir.fixture(1, "1.db");
    dir.check("1.db");
    assert_eq!(dir.get("1.db", "Patient/a"), A.replace("\"1\"", "\"2\""));
    assert_eq!(dir.count("1.db", "SELECT count(*) FROM history"), 1);
    dir.write("a.json", A);
    assert_eq!(dir.import(0, &["1.db", "a.json"])["updated"], 1);
    dir.check("1.db");
}
