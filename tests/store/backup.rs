//! `fhirlite backup`: whole, private copies of a store, also while it is in use.

use std::fs::File;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::{A, filled};
use crate::support::{Dir, SetOnDrop, until};

/// Runs `backup s.db b.db`, which must succeed.
fn back_up(dir: &Dir) {
    let ran = dir.run(["backup", "s.db", "b.db"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.stderr, "");
}

/// The names in the folder that begin like this, in order.
fn names(dir: &Dir, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir.path("")).expect("the folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a name")
    };
    let mut names: Vec<String> =
        entries.map(name).filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

/// A store of some twenty megabytes.
fn large() -> Dir {
    let dir = Dir::new();
    let lines: String = (0..20_000)
        .map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"text\":\"{n:0900}\"}}\n"))
        .collect();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

#[test]
fn a_backup_at_rest_is_one_private_file_with_everything() {
    let dir = filled();
    back_up(&dir);
    assert_eq!(names(&dir, "b.db"), ["b.db"]);
    assert_eq!(names(&dir, "."), [""; 0]);
    assert_eq!(dir.mode("b.db"), 0o600);
    assert_eq!(dir.read("b.db")[18..20], [1, 1], "not in WAL mode");
    assert_eq!(dir.get("b.db", "Patient/a"), A);
    dir.check("b.db");
}

#[test]
fn a_backup_of_a_store_in_use_has_whole_imports() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _done = SetOnDrop(&is_done);
            for round in 0..20 {
                let lines: String = (0..100)
                    .map(|n| {
                        format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"n\":{round}}}\n")
                    })
                    .collect();
                dir.write("in.ndjson", lines);
                dir.import(0, &["s.db", "in.ndjson"]);
            }
        });
        let mut rounds = 0;
        while !is_done.load(Ordering::SeqCst) || rounds == 0 {
            rounds += 1;
            back_up(&dir);
            assert_eq!(dir.read("b.db")[18..20], [1, 1]);
            assert_eq!(dir.mode("b.db"), 0o600);
            let parts = "SELECT count(DISTINCT json_extract(body, '$.n')) <= 1
                            AND count(*) IN (0, 100) FROM resource WHERE type = 'Basic'";
            assert_eq!(dir.count("b.db", parts), 1, "a part of an import");
            dir.check("b.db");
            std::fs::remove_file(dir.path("b.db")).expect("removed");
        }
    });
    back_up(&dir);
    assert_eq!(dir.bodies("b.db"), dir.bodies("s.db"));
    // The copy is served like the store.
    let copy = dir.serve(&["b.db"]);
    let manifest = served.manifest("");
    let url = manifest["output"][0]["url"].as_str().expect("a url");
    let path = url.strip_prefix(&served.url).expect("its own");
    copy.get(path).assert_same(&served.get(path));
}

#[test]
fn a_backup_can_be_written_to_standard_output() {
    let dir = filled();
    let mut command = dir.command(["backup", "s.db", "-"]);
    command.stdout(File::create(dir.path("b.db")).expect("a file"));
    assert!(command.status().expect("it ends").success());
    assert_eq!(dir.get("b.db", "Patient/a"), A);
    dir.check("b.db");
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let mut command = dir.command(["backup", "s.db", "-"]);
        let status = command.stdout(full).stderr(Stdio::null()).status().expect("it ends");
        assert_eq!(status.code(), Some(7));
    }
}

#[test]
fn a_backup_overwrites_nothing() {
    let dir = filled();
    dir.write("there", "x");
    dir.write("with.db-journal", "x");
    std::os::unix::fs::symlink("nowhere", dir.path("link")).expect("a link");
    let before = dir.read("s.db");
    for (to, code, why) in [
        ("there", 2, "exists already"),
        ("s.db", 2, "exists already"),
        ("./s.db", 2, "exists already"),
        ("link", 2, "exists already"),
        (".", 2, "exists already"),
        ("s.db-wal", 2, "SQLite uses"),
        ("s.db-journal", 2, "SQLite uses"),
        ("with.db", 2, "with.db-journal"),
        ("nowhere/b.db", 3, "nowhere"),
        ("..", 2, ""),
        ("", 2, ""),
    ] {
        let ran = dir.run(["backup", "s.db", to]);
        assert_eq!(ran.code, code, "{to}: {}", ran.stderr);
        assert!(ran.stderr.contains(why), "{to}: {}", ran.stderr);
    }
    assert_eq!(dir.text("there"), "x");
    assert!(dir.read("s.db") == before, "the store was changed");
    assert_eq!(names(&dir, "s.db"), ["s.db"]);
    assert_eq!(dir.run(["backup", "none.db", "b.db"]).code, 3);
    assert_eq!(dir.run(["backup", "there", "b.db"]).code, 4);
    assert!(!dir.path("b.db").exists());
}

/// A backup that is killed leaves at most a hidden part; one that is asked to end leaves nothing.
#[test]
fn an_interrupted_backup_leaves_nothing_that_looks_like_a_store() {
    use rustix::process::{Pid, Signal, kill_process};
    let dir = large();
    for signal in [Signal::KILL, Signal::TERM, Signal::INT] {
        let mut backup =
            dir.command(["backup", "s.db", "b.db"]).stderr(Stdio::null()).spawn().expect("started");
        until("it has begun, or has ended", || {
            let is_there = !names(&dir, ".b.db").is_empty();
            (is_there || backup.try_wait().expect("asked").is_some()).then_some(())
        });
        let _ = kill_process(Pid::from_child(&backup), signal);
        let status = backup.wait().expect("it ends");
        if signal != Signal::KILL && !status.success() {
            // It was asked before it listened, or it says that it was interrupted.
            assert!(status.code().is_none_or(|code| code == 130), "{signal:?}: {status}");
        }
        if status.success() {
            dir.check("b.db");
            std::fs::remove_file(dir.path("b.db")).expect("removed");
        }
        assert!(!dir.path("b.db").exists());
        if signal == Signal::KILL {
            for name in names(&dir, ".b.db") {
                assert!(name.contains(".partial"), "{name}");
                std::fs::remove_file(dir.path(&name)).expect("removed");
            }
        }
        assert_eq!(names(&dir, ".b.db"), [""; 0], "{signal:?}");
    }
    back_up(&dir);
    dir.check("b.db");
}

#[test]
fn a_disk_without_space_leaves_no_backup() {
    let dir = large();
    let mut command = std::process::Command::new("bash");
    let script = format!("ulimit -f 2000; exec {} backup s.db b.db", crate::support::FHIRLITE);
    command.current_dir(dir.path("")).args(["-c", &script]);
    let status = command.stderr(Stdio::null()).status().expect("it ends");
    assert!(!status.success());
    assert!(!dir.path("b.db").exists());
}

#[test]
fn a_backup_of_an_older_store_keeps_its_format() {
    let dir = Dir::new();
    dir.fixture(3, "s.db");
    let before = dir.read("s.db");
    back_up(&dir);
    assert_eq!(dir.count("b.db", "SELECT user_version FROM pragma_user_version"), 3);
    assert!(dir.read("s.db") == before, "the store was changed");
    dir.check("b.db");
}

#[test]
fn a_store_that_cannot_be_written_can_be_backed_up() {
    let dir = filled();
    std::fs::create_dir(dir.path("ro")).expect("a folder");
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).expect("a copy");
    std::fs::create_dir(dir.path("rw")).expect("a folder");
    dir.set_mode("rw", 0o777);
    let Some(unprivileged) = dir.without_rights() else { return };
    let ran = unprivileged.run(&["backup", "ro/s.db", "rw/b.db"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = unprivileged.run(&["backup", "ro/s.db", "ro/b.db"]);
    assert!(matches!(ran.code, 6 | 7), "{}: {}", ran.code, ran.stderr);
    assert_eq!(dir.get("rw/b.db", "Patient/a"), A);
}
