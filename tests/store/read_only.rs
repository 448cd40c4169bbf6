//! A store that the user may read but not write.

use super::{A, filled};
use crate::support::seal;

#[test]
fn a_read_only_store_can_be_read_checked_and_exported() {
    let dir = filled();
    std::fs::create_dir(dir.path("ro")).unwrap();
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).unwrap();
    // A store that was not closed cleanly: still in WAL mode, with an empty log.
    std::fs::copy(dir.path("s.db"), dir.path("ro/wal.db")).unwrap();
    dir.open("ro/wal.db").pragma_update(None, "journal_mode", "WAL").unwrap();
    dir.set_mode("a.json", 0o644);
    std::fs::create_dir(dir.path("rw")).unwrap();
    dir.set_mode("rw", 0o777);
    let Some(unprivileged) = dir.without_rights() else { return };
    for store in ["ro/s.db", "ro/wal.db"] {
        let ran = unprivileged.run(&["get", store, "Patient/a"]);
        assert_eq!(
            (ran.code, ran.stderr, ran.stdout),
            (0, String::new(), format!("{A}\n")),
            "{store}"
        );
        assert_eq!(unprivileged.run(&["info", store]).code, 0);
        assert_eq!(unprivileged.run(&["check", store]).code, 0);
        let out = format!("rw/{}", store.replace('/', "-"));
        let ran = unprivileged.run(&["export", store, &out]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(dir.text(&format!("{out}/Patient.ndjson")), format!("{A}\n"));
        let ran = unprivileged.run(&["import", store, "a.json"]);
        assert_eq!(ran.code, 6, "{}", ran.stderr);
        assert_eq!(unprivileged.run(&["delete", store, "Patient/a"]).code, 6);
    }
}

/// A store whose last writes are in a log beside it, as a killed server leaves them, copied without or with the
/// index of the log.
#[test]
fn a_log_beside_a_read_only_store_is_read() {
    let dir = filled();
    std::fs::create_dir(dir.path("ro")).unwrap();
    let db = dir.open("s.db");
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch("UPDATE resource SET body = replace(body, '2020', '2021')").unwrap();
    seal(&db);
    for (name, suffixes) in [("without.db", &["", "-wal"][..]), ("with.db", &["", "-wal", "-shm"])]
    {
        for suffix in suffixes {
            let (from, to) = (format!("s.db{suffix}"), format!("ro/{name}{suffix}"));
            std::fs::copy(dir.path(&from), dir.path(&to)).unwrap();
        }
    }
    // The same in a folder that can be written, where only the store cannot.
    std::fs::create_dir(dir.path("rw")).unwrap();
    dir.set_mode("rw", 0o777);
    for (suffix, mode) in [("", 0o444), ("-wal", 0o644)] {
        let to = format!("rw/file.db{suffix}");
        std::fs::copy(dir.path(&format!("s.db{suffix}")), dir.path(&to)).unwrap();
        dir.set_mode(&to, mode);
    }
    drop(db);
    dir.set_mode("a.json", 0o644);
    let Some(unprivileged) = dir.without_rights() else { return };
    let expected = format!("{}\n", A.replace("2020", "2021"));
    for store in ["ro/without.db", "ro/with.db", "rw/file.db"] {
        let ran = unprivileged.run(&["get", store, "Patient/a"]);
        assert_eq!(
            (ran.code, ran.stderr, ran.stdout),
            (0, String::new(), expected.clone()),
            "{store}"
        );
        let out = format!("rw/{}", store.replace('/', "-"));
        let ran = unprivileged.run(&["export", store, &out]);
        assert_eq!(ran.code, 0, "{store}: {}", ran.stderr);
        assert_eq!(dir.text(&format!("{out}/Patient.ndjson")), expected);
        let ran = unprivileged.run(&["import", store, "a.json"]);
        assert_eq!(ran.code, 6, "{store}: {}", ran.stderr);
    }
    let served = unprivileged.serve_with_log(&["ro/without.db"]);
    let manifest = served.manifest("");
    assert_eq!(served.files(&manifest)[0].1, expected.as_bytes());
}

#[test]
fn a_log_that_cannot_be_read_is_named_with_what_to_do() {
    let dir = filled();
    std::fs::create_dir(dir.path("ro")).unwrap();
    let db = dir.open("s.db");
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch("UPDATE resource SET owner = 0").unwrap();
    for suffix in ["", "-wal"] {
        std::fs::copy(dir.path(&format!("s.db{suffix}")), dir.path(&format!("ro/s.db{suffix}")))
            .unwrap();
    }
    let Some(unprivileged) = dir.without_rights() else { return };
    dir.set_mode("ro/s.db-wal", 0o000);
    let ran = unprivileged.run(&["info", "ro/s.db"]);
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("ro/s.db-wal") && ran.stderr.contains("copy both"),
        "{}",
        ran.stderr
    );
}
