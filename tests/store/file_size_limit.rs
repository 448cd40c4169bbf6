//! A limit for the size of files (`ulimit -f`): an error that names the limit, never the end of the process by a
//! signal.

use std::process::{Command, Stdio};

use super::{A, filled};
use crate::support::{Dir, FHIRLITE, Served};

/// A command that runs the program with files of at most `kib` KiB.
fn limited(dir: &Dir, kib: u64, args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -f \"$0\"; exec \"$@\"", &kib.to_string(), FHIRLITE]).args(args);
    command.current_dir(dir.path("")).stdin(Stdio::null());
    command
}

/// An input of 8 MiB.
fn write_large(dir: &Dir) {
    let line =
        |n: u32| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"text\":\"{n:01000}\"}}\n");
    dir.write("large.ndjson", (0..8000).map(line).collect::<String>());
}

#[test]
fn a_command_that_reaches_the_limit_says_so_and_leaves_the_store_whole() {
    let dir = filled();
    write_large(&dir);
    dir.import(0, &["large.db", "large.ndjson"]);
    let before = dir.bodies("s.db");
    for args in [
        &["import", "s.db", "large.ndjson", "--quiet"][..],
        &["import", "new.db", "large.ndjson", "--quiet"],
        &["backup", "large.db", "copy.db"],
        &["export", "large.db", "out"],
        &["compact", "large.db"],
    ] {
        let output = limited(&dir, 2048, args).output().expect("it starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{args:?}: {:?} {told}", output.status);
        let last = told.lines().last().unwrap_or_default();
        assert!(last.starts_with("fhirlite: ") && last.contains("ulimit -f"), "{args:?}: {told}");
        let is_named =
            ["s.db", "new.db", "copy.db", "out", "large.db"].iter().any(|name| last.contains(name));
        assert!(is_named, "{args:?}: {told}");
        dir.check("s.db");
        dir.check("large.db");
        assert!(!dir.path("new.db").exists() && !dir.path("copy.db").exists(), "{args:?}");
    }
    assert_eq!(dir.bodies("s.db"), before);
}

#[test]
fn a_server_that_reaches_the_limit_goes_on_reading() {
    let dir = filled();
    let kib = std::fs::metadata(dir.path("s.db")).expect("the store").len() / 1024;
    let mut command = limited(&dir, kib, &["serve", "s.db"]);
    command.stderr(std::fs::File::create(dir.path("stderr")).expect("a file"));
    let served = Served::of(command);
    let mut refused = None;
    // Each kick-off makes the log longer, until it has its limit.
    for _ in 0..2000 {
        let answer = served.get_with("/fhir/$export", "Prefer: respond-async\r\n");
        if answer.status != 202 {
            refused = Some(answer);
            break;
        }
    }
    if let Some(refused) = refused {
        refused.assert_outcome(503, "disk is full");
    }
    assert_eq!(served.files(&served.manifest(""))[0].1, format!("{A}\n").into_bytes());
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}
