//! Help, exit codes, and what each command prints.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Dir, gunzip};

const A: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}"#;

/// A folder with a store `s.db` of eleven Patients and a Group.
fn filled() -> Dir {
    let dir = Dir::new();
    let many: String =
        (0..10).map(|n| format!("{}\n", A.replace("\"a\"", &format!("\"a{n}\"")))).collect();
    dir.write("in.ndjson", format!("{A}\n{many}{}\n", A.replace("Patient", "Group")));
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

#[test]
fn help_names_every_command_and_exit_code() {
    let dir = Dir::new();
    let help = dir.run(["--help"]);
    assert_eq!(help.code, 0);
    for command in [
        "import",
        "serve",
        "export",
        "info",
        "list",
        "get",
        "delete",
        "check",
        "prune",
        "compact",
        "completions",
    ] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{command}");
        let own = dir.run([command, "--help"]);
        assert_eq!(own.code, 0);
        assert!(own.stdout.contains("Usage: fhirlite"), "{command}");
    }
    for code in (0..=10).chain([130]) {
        assert!(
            help.stdout.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
            "exit code {code}"
        );
    }
}

#[test]
fn wrong_usage_is_2() {
    let dir = filled();
    for args in [
        vec![],
        vec!["nonsense"],
        vec!["import", "s.db"],
        vec!["get", "s.db", "nonsense"],
        vec!["get", "s.db", "a/b/c"],
        vec!["export", "s.db", "out", "--since", "yesterday"],
        vec!["export", "s.db", "out", "--resources-per-file", "0"],
        vec!["completions", "klingon"],
    ] {
        let ran = dir.run(&args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(!ran.stderr.is_empty());
    }
    assert!(!dir.path("out").exists());
}

#[test]
fn missing_stores_inputs_and_resources_are_3() {
    let dir = filled();
    for args in [
        ["get", "s.db", "Patient/nobody"].as_slice(),
        &["get", "no.db", "Patient/a"],
        &["info", "no.db"],
        &["list", "no.db", "Patient"],
        &["check", "no.db"],
        &["export", "no.db", "out"],
        &["delete", "no.db", "Patient/a"],
        &["import", "new.db", "no.json"],
        &["serve", "new.db", "no-folder"],
    ] {
        let ran = dir.run(args);
        assert_eq!(ran.code, 3, "{args:?}: {}", ran.stderr);
    }
    assert!(
        !dir.path("no.db").exists() && !dir.path("new.db").exists() && !dir.path("out").exists()
    );
}

#[test]
fn an_export_writes_files_and_a_manifest() {
    let dir = filled();
    assert_eq!(dir.run(["export", "s.db", "deep/out"]).code, 0);
    let manifest: Value = serde_json::from_slice(&dir.read("deep/out/manifest.json")).unwrap();
    assert_eq!(
        manifest["output"],
        json!([{"type": "Group", "url": "Group.ndjson", "count": 1}, {"type": "Patient", "url": "Patient.ndjson", "count": 11}])
    );
    assert_eq!(dir.text("deep/out/Patient.ndjson").lines().next(), Some(A));
    assert_eq!(
        dir.run(["export", "s.db", "split", "--type", "Patient", "--resources-per-file", "4"]).code,
        0
    );
    let parts = ["001", "002", "003"].map(|part| dir.text(&format!("split/Patient.{part}.ndjson")));
    assert_eq!(parts.each_ref().map(|part| part.lines().count()), [4, 4, 3]);
    assert_eq!(parts.concat(), dir.text("deep/out/Patient.ndjson"));
    assert!(!dir.path("split/Group.ndjson").exists());
    let types = ["--type", "Group,Basic", "--type", "Patient", "--gzip"];
    assert_eq!(dir.run(["export", "s.db", "types"].iter().chain(&types)).code, 0);
    assert_eq!(gunzip(&dir.read("types/Patient.ndjson.gz")), parts.concat().as_bytes());
    assert!(dir.path("types/Group.ndjson.gz").exists());
}

#[test]
fn file_names_need_not_be_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let dir = filled();
    let odd = OsStr::from_bytes(b"\xff\xfe.db");
    std::fs::copy(dir.path("s.db"), dir.path("").join(odd)).unwrap();
    assert_eq!(dir.run([OsStr::new("export"), odd, OsStr::new("out")]).code, 0);
    assert_eq!(dir.run([OsStr::new("import"), odd, OsStr::new("in.ndjson")]).code, 0);
}

#[test]
fn an_export_never_overwrites_a_file() {
    let dir = filled();
    dir.write("mine/letter.txt", "dear");
    dir.write("file", "mine");
    for out in ["mine", "file"] {
        let ran = dir.run(["export", "s.db", out]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
    assert_eq!(std::fs::read_dir(dir.path("mine")).unwrap().count(), 1);
    assert_eq!(dir.text("file"), "mine");
}

#[test]
fn delete_names_missing_resources() {
    let dir = filled();
    let ran = dir.run(["delete", "s.db", "Patient/a", "Patient/nobody"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, "deleted 1\n"));
    assert!(ran.stderr.contains("Patient/nobody"), "{}", ran.stderr);
    assert_eq!(dir.run(["get", "s.db", "Patient/a"]).code, 3);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM history WHERE deleted = 1"), 1);
}

#[test]
fn info_counts_resources_and_bytes() {
    let dir = filled();
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    assert_eq!((&info["resources"], &info["format"]), (&12.into(), &8.into()));
    assert_eq!(info["types"]["Patient"]["oldest"], "2020-01-01T00:00:00.000Z");
    assert_eq!(info["bytes"], dir.bodies("s.db").iter().map(|(_, body)| body.len()).sum::<usize>());
    assert!(dir.run(["info", "s.db"]).stdout.contains("Patient"));
}

#[test]
fn a_closed_output_pipe_is_no_failure() {
    let dir = filled();
    let mut child = dir.command(["completions", "bash"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn completions_are_printed_for_every_shell() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = dir.run(["completions", shell]);
        assert_eq!(ran.code, 0);
        assert!(ran.stdout.contains("rejects"), "{shell}");
    }
}

#[test]
fn with_quiet_nothing_is_printed() {
    let dir = filled();
    let ran = dir.run(["import", "s.db", "in.ndjson", "--quiet"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
}
