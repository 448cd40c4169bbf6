//! No name and no value, wherever it is from, rules the terminal that a command prints to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use crate::support::{Dir, Ran, project, zip};

/// Names of files that would clear a screen, set its title, forge a line, or turn the text round.
const NAMES: [&str; 6] = [
    "a\u{1b}[2J\u{1b}]0;owned\u{7}.ndjson",
    "b\u{9b}2J.ndjson",
    "c\nfhirlite: all is well\r.ndjson",
    "d\u{202e}nosj.exe.ndjson",
    "e\u{7f}\u{2066}\u{8}.ndjson",
    "f\u{85}g.ndjson",
];

/// Fails if something in the output rules a terminal. A message is one line.
fn harmless(ran: &Ran, what: &str) {
    for text in [&ran.stdout, &ran.stderr] {
        let bad = text.chars().find(|c| {
            c.is_control() && *c != '\n'
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(bad, None, "{what}: {text:?}");
        assert!(
            !text.lines().any(|line| line.starts_with("fhirlite: all is well")),
            "{what}: {text}"
        );
    }
}

#[test]
fn hostile_names_of_files_and_members_are_told_with_escapes() {
    let dir = Dir::new();
    let rubbish: &[u8] =
        b"rubbish\n{\"resourceType\":\"Patient\",\"id\":\"a\\u001b\xc2\x9b\xe2\x80\xae\"}\n";
    for name in NAMES {
        dir.write(&format!("in/{name}"), rubbish);
        dir.write(&format!("in/{}", name.replace("ndjson", "txt")), "no FHIR");
    }
    let members: Vec<(&str, &[u8])> = NAMES.iter().map(|name| (*name, rubbish)).collect();
    dir.write("x.zip", zip(&members));
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in &members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        let path = std::path::Path::new(OsStr::from_bytes(name.as_bytes()));
        tar.append_data(&mut header, path, *bytes).expect("a member");
    }
    dir.write("x.tar", tar.into_inner().expect("a tar"));
    for input in ["in", "x.zip", "x.tar"] {
        let ran = dir.run(["import", "s.db", input, "--rejects", "rejects.txt"]);
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        harmless(&ran, input);
        let place =
            format!("{input}/a\\u{{1b}}[2J\\u{{1b}}]0;owned\\u{{7}}.ndjson:1: not valid JSON");
        assert!(ran.stderr.contains(&place), "{}", ran.stderr);
        assert!(ran.stderr.contains("/c\\nfhirlite: all is well\\r.ndjson:1: "), "{}", ran.stderr);
        let rejects = Ran { code: 0, stdout: dir.text("rejects.txt"), stderr: String::new() };
        harmless(&rejects, "rejects");
        assert_eq!(rejects.stdout.lines().count(), 2 * NAMES.len());
    }
    let ran = dir.run([OsStr::new("import"), OsStr::new("s.db"), OsStr::new("no\u{1b}[2Jsuch")]);
    assert_eq!(ran.code, 3);
    harmless(&ran, "a missing file");
}

#[test]
fn hostile_names_of_stores_are_told_with_escapes() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Patient","id":"a"}"#);
    for (number, name) in NAMES.iter().enumerate() {
        let store = format!("{}{number}.db", name.replace("ndjson", ""));
        dir.import(0, &[&store, "a.json"]);
        let copy = format!("{store}copy");
        for words in [
            &["check", &store][..],
            &["info", &store],
            &["info", &store, "--json"],
            &["list", &store, "Nothing"],
            &["get", &store, "Patient/b"],
            &["delete", &store, "Patient/b"],
            &["backup", &store, &copy],
            &["backup", &store, &copy],
            &["user", "add", &store, "u"],
            &["check", &format!("{store}missing")],
            &["import", &store, &store],
            &["export", &store, &store],
        ] {
            harmless(&dir.run(words), &words.join(" "));
        }
    }
}

#[test]
fn hostile_arguments_and_values_are_told_with_escapes() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Patient","id":"a"}"#);
    dir.import(0, &["s.db", "a.json"]);
    for hostile in ["x\u{1b}[2J", "x\u{9b}2J", "x\u{202e}y"] {
        let option = format!("--{hostile}");
        for words in [
            &[hostile][..],
            &["import", &option],
            &["serve", "s.db", "--listen", hostile],
            &["serve", "s.db", "--base-url", hostile],
            &["get", "s.db", hostile],
            &["list", "s.db", hostile],
            &["export", "s.db", "out", "--since", hostile],
            &["export", "s.db", "out", "--type", hostile],
            &["client", "add", "s.db", "--client-id", hostile],
            &["client", "add", "s.db", "--scope", hostile],
            &["client", "list", "s.db"],
            &["client", "list", "s.db", "--json"],
            &["user", "add", "s.db", hostile],
            &["user", "list", "s.db"],
            &["user", "list", "s.db", "--json"],
            &["user", "deactivate", "s.db", hostile],
        ] {
            harmless(&dir.run(words), &words.join(" "));
        }
    }
}

#[test]
fn data_goes_out_byte_for_byte() {
    let dir = Dir::new();
    let text = "{\"resourceType\":\"Patient\",\"id\":\"a\",\"meta\":{\"versionId\":\"1\",\"lastUpdated\":\"2020-01-01T00:00:00Z\"},\"x\":\"\u{9b}\u{7f}\u{202e}\u{85}\"}";
    dir.write("a.json", text);
    dir.import(0, &["s.db", "a.json"]);
    assert_eq!(dir.get("s.db", "Patient/a"), text);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.text("out/Patient.ndjson"), format!("{text}\n"));
}

/// What a command says goes through one place, which escapes it.
#[test]
fn only_one_file_prints() {
    let folder = project().join("src/cli");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a file");
        let prints = ["println!", "print!(", "stderr().lock", "stderr(),"]
            .iter()
            .any(|word| text.contains(word));
        assert!(!prints || path.ends_with("output.rs"), "{} prints", path.display());
    }
}
