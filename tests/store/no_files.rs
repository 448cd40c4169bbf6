//! What is no file is no store: pipes, sockets, devices and folders, also where a link leads to one.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;

use super::filled;
use crate::support::{Dir, succeed};

/// Every command, with `STORE` for the store.
const COMMANDS: [&str; 22] = [
    "import STORE a.json",
    "serve STORE",
    "serve STORE a.json",
    "serve STORE --auth required",
    "export STORE out",
    "info STORE",
    "list STORE Patient",
    "get STORE Patient/a",
    "delete STORE Patient/a",
    "check STORE",
    "check STORE --mend-clock",
    "prune STORE",
    "compact STORE",
    "backup STORE copy.db",
    "client add STORE",
    "client list STORE",
    "client rotate STORE c",
    "client remove STORE c",
    "user add STORE u",
    "token issue STORE --user u",
    "key rotate STORE",
    "audit STORE",
];

/// Fails unless every command refuses `store` at once and calls it `what`. A command that opened a pipe would wait
/// for ever, because nobody opens its other end.
fn refused(dir: &Dir, store: &str, what: &str) {
    for command in COMMANDS {
        let words = command.replace("STORE", store);
        let ran = dir.run(words.split(' '));
        assert_eq!(ran.code, 4, "{words}: {}", ran.stderr);
        let place = format!("{store}: is {what}");
        assert!(ran.stderr.contains(&place), "{words}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_file_is_refused_by_name_and_at_once() {
    let dir = filled();
    succeed(Command::new("mkfifo").arg(dir.path("pipe.db")));
    let _socket = UnixListener::bind(dir.path("socket.db")).expect("a socket");
    symlink("pipe.db", dir.path("link.db")).expect("a link");
    std::fs::create_dir(dir.path("folder.db")).expect("a folder");
    for (store, what) in [
        ("pipe.db", "a pipe"),
        ("link.db", "a pipe"),
        ("socket.db", "a socket"),
        ("folder.db", "a folder"),
        ("/dev/null", "a device"),
        ("/dev/zero", "a device"),
        // Standard input of these commands is /dev/null.
        ("/dev/stdin", "a device"),
    ] {
        refused(&dir, store, what);
    }
    let ran = dir.run_with_input(["info", "/dev/stdin"], &dir.read("s.db"));
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("/dev/stdin: is a pipe"), "{}", ran.stderr);
}

/// SQLite would open what lies beside the store under its names.
#[test]
fn a_pipe_under_a_name_that_the_store_needs_is_refused() {
    for suffix in ["-journal", "-wal", "-shm", "-jobs"] {
        let dir = filled();
        let name = format!("s.db{suffix}");
        succeed(Command::new("mkfifo").arg(dir.path(&name)));
        for command in [["info", "s.db"], ["check", "s.db"], ["prune", "s.db"]] {
            let ran = dir.run(command);
            assert_eq!(ran.code, 4, "{command:?}: {}", ran.stderr);
            assert!(ran.stderr.contains(&format!("{name}: is a pipe")), "{}", ran.stderr);
        }
    }
}
