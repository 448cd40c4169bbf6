//! A store that the user may read but not write.

use super::{A, filled};

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
