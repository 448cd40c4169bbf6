//! Ctrl-C: what an import, a server before it listens, and an export leave behind.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Dir, left_out, until};

const A: &str = r#"{"resourceType":"Patient","id":"a"}"#;

/// The exit code of what a signal stopped.
const STOPPED: i32 = 130;

/// Two MiB of lines, so that some are taken while more are awaited.
fn many() -> String {
    (0..4000)
        .map(|n| format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"text\":\"{n:0500}\"}}\n"))
        .collect()
}

/// Starts the program with its standard input, output and error as pipes.
fn start(dir: &Dir, args: &[&str]) -> Child {
    let mut command = dir.command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The exit code, standard output and standard error of a process that ends by itself. Its standard input
/// stays open until then.
fn ended(mut child: Child) -> (i32, String, String) {
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Waits until the store has Patient/a.
fn until_a_is_there(dir: &Dir, child: &mut Child) {
    until("the first file is in the store", || {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        let db = dir.path("s.db").is_file().then(|| dir.open("s.db"))?;
        let sql = "SELECT 1 FROM resource WHERE id = 'a'";
        db.query_row(sql, (), |_| Ok(())).ok()
    });
}

/// The files whose names begin with that of the store.
fn files_of_the_store(dir: &Dir) -> Vec<String> {
    let names = std::fs::read_dir(dir.path("")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("s.db")).collect()
}

#[test]
fn a_stopped_import_keeps_whole_files_and_says_so() {
    // With text, the import is in the middle of its second input; without, it reads in vain.
    for (number, text) in [
        (Signal::INT, String::new()),
        (Signal::TERM, String::new()),
        (Signal::INT, many()),
        (Signal::HUP, many()),
    ] {
        let dir = Dir::new();
        dir.write("a.json", A);
        let mut child = start(&dir, &["import", "s.db", "a.json", "-"]);
        until_a_is_there(&dir, &mut child);
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        signal(&child, number);
        let (code, stdout, stderr) = ended(child);
        assert_eq!(code, STOPPED, "{stderr}");
        assert_eq!(stdout, "");
        assert!(stderr.contains("1 of 2 files are in the store"), "{stderr}");
        assert!(stderr.contains("nothing of - is"), "{stderr}");
        assert_eq!(files_of_the_store(&dir), ["s.db"]);
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 1);
        dir.check("s.db");
        // The same import again completes it.
        let ran =
            dir.run_with_input(["import", "s.db", "a.json", "-", "--quiet"], many().as_bytes());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 4001);
    }
}

#[test]
fn a_stopped_strict_import_keeps_nothing() {
    let dir = Dir::new();
    dir.write("a.json", A);
    dir.import(0, &["s.db", "a.json"]);
    dir.write("b.json", A.replace("\"a\"", "\"b\""));
    let mut child = start(&dir, &["import", "s.db", "--strict", "b.json", "-"]);
    child.stdin.as_mut().unwrap().write_all(many().as_bytes()).unwrap();
    signal(&child, Signal::INT);
    let (code, _, stderr) = ended(child);
    assert_eq!(code, STOPPED, "{stderr}");
    assert!(stderr.contains("the store is as it was"), "{stderr}");
    assert_eq!(files_of_the_store(&dir), ["s.db"]);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 1);
    dir.check("s.db");
}

#[test]
fn a_signal_stops_the_import_of_a_server_before_it_listens() {
    let dir = Dir::new();
    dir.write("a.json", A);
    let mut child = start(&dir, &["serve", "s.db", "a.json", "-", "--listen", "127.0.0.1:0"]);
    until_a_is_there(&dir, &mut child);
    signal(&child, Signal::TERM);
    let (code, stdout, stderr) = ended(child);
    assert_eq!((code, stdout.as_str()), (STOPPED, ""), "{stderr}");
    assert!(stderr.contains("1 of 2 files are in the store"), "{stderr}");
    assert_eq!(files_of_the_store(&dir), ["s.db"]);
    dir.check("s.db");
}

/// Another process holds the store, so the import waits and cannot answer the first signal.
#[test]
fn a_second_signal_ends_the_process_at_once() {
    let dir = Dir::new();
    dir.write("a.json", A);
    dir.import(0, &["s.db", "a.json"]);
    let other = dir.open("s.db");
    other.pragma_update(None, "journal_mode", "WAL").unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut child = start(&dir, &["import", "s.db", "a.json"]);
    let status = format!("/proc/{}/status", child.id());
    if std::fs::metadata(&status).is_err() {
        left_out("this system does not tell which signals a process catches");
        child.kill().unwrap();
        child.wait().unwrap();
        return;
    }
    until("the process catches SIGINT", || {
        let status = std::fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
        (caught & 1 << (Signal::INT.as_raw() - 1) != 0).then_some(())
    });
    signal(&child, Signal::INT);
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("a second signal ends at once"), "{line}");
    // It may have ended by the first signal after all.
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(STOPPED));
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("panicked"), "{rest}");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    dir.check("s.db");
}

/// The export is killed while it writes its large file.
#[test]
fn a_killed_export_leaves_no_file_that_looks_whole() {
    for gzip in [false, true] {
        let dir = Dir::new();
        dir.write("in.ndjson", many() + &many().replace("Basic", "Claim"));
        dir.import(0, &["s.db", "in.ndjson"]);
        let end: &[&str] = if gzip { &["--gzip"] } else { &[] };
        let args = [&["export", "s.db", "whole"], end].concat();
        assert_eq!(dir.run(args).code, 0);
        let args = [&["export", "s.db", "killed"], end].concat();
        let mut child = dir.command(args).stdout(Stdio::null()).spawn().unwrap();
        until("a file is being written, or the export has ended", || {
            let files = std::fs::read_dir(dir.path("killed"));
            let begun = files.is_ok_and(|mut files| files.next().is_some());
            (begun || child.try_wait().unwrap().is_some()).then_some(())
        });
        let _ = kill_process(Pid::from_child(&child), Signal::INT);
        child.wait().unwrap();
        for file in std::fs::read_dir(dir.path("killed")).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if !name.ends_with(".partial") && name != "manifest.json" {
                let [killed, whole] =
                    ["killed", "whole"].map(|folder| dir.read(&format!("{folder}/{name}")));
                assert!(killed == whole, "{name} is not whole");
            }
        }
        let names = std::fs::read_dir(dir.path("whole")).unwrap();
        for name in names.map(|file| file.unwrap().file_name().into_string().unwrap()) {
            assert!(!name.ends_with(".partial"), "{name}");
        }
    }
}

/// A wait for another program's write ends with the first signal, not after a minute.
#[test]
fn an_import_that_waits_for_another_writer_ends_with_the_first_signal() {
    for words in [&["import", "s.db", "b.json"][..], &["import", "s.db", "b.json", "--strict"]] {
        let dir = Dir::new();
        dir.write("a.json", A);
        dir.import(0, &["s.db", "a.json"]);
        dir.write("b.json", r#"{"resourceType":"Patient","id":"b"}"#);
        let other = dir.open("s.db");
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let mut child = start(&dir, words);
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert!(line.contains("waiting up to a minute"), "{line}");
        signal(&child, Signal::INT);
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        // The other program holds the store until here, so nothing else ended the wait.
        assert_eq!(ended(child).0, STOPPED, "{rest}");
        assert!(rest.contains("interrupted"), "{rest}");
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 1);
    }
}
