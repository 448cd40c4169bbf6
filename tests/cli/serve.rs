//! What `fhirlite serve` takes: stores in memory, ports, `--strict`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::bulk::{ended, kick_off, path, url_of};
use crate::support::client::get;
use crate::support::oneup::bearer;
use crate::support::{Dir, Served};

const LINES: &str = r#"{"resourceType":"Patient","id":"a"}
{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/a"}}
"#;

/// The first line that a server with this `--listen` prints.
fn first_line(dir: &Dir, listen: &str) -> String {
    let mut command = dir.command(["serve", "s.db", "--listen", listen]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    line
}

#[test]
fn a_port_alone_is_one_of_the_loopback() {
    let dir = Dir::new();
    for listen in ["0", ":0", "127.0.0.1:0"] {
        let line = first_line(&dir, listen);
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{listen}: {line:?}");
    }
    for wrong in ["", ":", "99999", ":99999", "-1", "80x", ":80:"] {
        let ran = dir.run(["serve", "s.db", &format!("--listen={wrong}")]);
        assert_eq!(ran.code, 2, "{wrong}: {}", ran.stderr);
        assert!(ran.stderr.contains("127.0.0.1:8080 or 8080"), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn port_gets_a_hint_to_listen() {
    let dir = Dir::new();
    for args in [&["--port", "8081"][..], &["--port=8081"], &["-p", "8081"], &["--port"]] {
        let ran = dir.run([&["serve", "s.db"], args].concat());
        assert_eq!(ran.code, 2, "{args:?}");
        assert!(ran.stderr.contains("--listen 8081"), "{args:?}: {}", ran.stderr);
    }
    assert!(!dir.run(["serve", "--help"]).stdout.contains("--port"));
    assert!(!dir.path("s.db").exists());
}

/// The names of the files in the folder.
fn files(dir: &Dir) -> Vec<String> {
    let names = std::fs::read_dir(dir.path("")).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_store_in_memory_is_served_and_is_nowhere_on_the_disk() {
    let dir = Dir::new();
    dir.write("in.ndjson", LINES);
    let served: Served = dir.serve(&[":memory:", "in.ndjson", "--quiet"]);
    let url = url_of(&served.manifest(""), "Patient");
    assert!(served.get(path(&url)).text().contains("\"id\":\"a\""));
    // Exports are jobs, whose rows are in memory too.
    let to = served.authority();
    let export =
        ended(to, &kick_off(to, "/fhir/Patient/$export", &[], "Prefer: respond-async\r\n"));
    assert_eq!(export.json()["output"].as_array().unwrap().len(), 2);
    let observations = served.get(path(&url_of(&export.json(), "Observation"))).text();
    assert_eq!(observations.lines().count(), 1);
    assert_eq!(files(&dir), ["in.ndjson"]);
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(files(&dir), ["in.ndjson"]);
}

#[test]
fn a_protected_store_in_memory_prints_a_token() {
    let dir = Dir::new();
    dir.write("in.ndjson", LINES);
    let served = dir.serve_with_log(&[":memory:", "in.ndjson", "--quiet", "--auth", "required"]);
    let said = dir.text("stderr");
    let token = said.lines().next().unwrap().rsplit(' ').next().unwrap();
    let to = served.authority();
    assert_eq!(get(to, "/fhir/Patient/a", "").status, 401);
    assert_eq!(get(to, "/fhir/Patient/a", &bearer(token)).status, 200);
    let prefer = format!("Prefer: respond-async\r\n{}", bearer(token));
    let started = kick_off(to, "/fhir/$export", &[], &prefer);
    assert_eq!(started.status, 202, "{}", started.text());
    // Of its own secret there is nothing in what the operator sees.
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(files(&dir), ["in.ndjson", "stderr"]);
    // The next server knows nothing of this token.
    let next = dir.serve_with_log(&[":memory:", "in.ndjson", "--quiet", "--auth", "required"]);
    assert_eq!(get(next.authority(), "/fhir/Patient/a", &bearer(token)).status, 401);
}

#[test]
fn only_serve_has_a_store_in_memory() {
    let dir = Dir::new();
    dir.write("in.ndjson", LINES);
    for args in [
        &["import", ":memory:", "in.ndjson"][..],
        &["export", ":memory:", "out"],
        &["info", ":memory:"],
        &["list", ":memory:", "Patient"],
        &["get", ":memory:", "Patient/a"],
        &["delete", ":memory:", "Patient/a"],
        &["check", ":memory:"],
        &["prune", ":memory:"],
        &["compact", ":memory:"],
        &["client", "add", ":memory:"],
        &["audit", ":memory:"],
        // There is nothing to serve.
        &["serve", ":memory:"],
    ] {
        let ran = dir.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(":memory:"), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(files(&dir), ["in.ndjson"]);
    // A file may have that name.
    dir.import(0, &["./:memory:", "in.ndjson"]);
    assert!(dir.path(":memory:").is_file());
}

#[test]
fn with_strict_a_reject_ends_the_server_before_it_listens() {
    let dir = Dir::new();
    dir.write("good.ndjson", LINES);
    dir.write("bad.ndjson", LINES.replace("\"o\"", "\"o o\"").replace("\"a\"", "\"b\""));
    let served = dir.serve(&["s.db", "good.ndjson", "--strict", "--quiet"]);
    assert_eq!(served.end("-TERM"), 0);
    let before = dir.bodies("s.db");
    let ran = dir.run(["serve", "s.db", "bad.ndjson", "--strict", "--listen", "127.0.0.1:0"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("because of --strict"), "{}", ran.stderr);
    assert!(ran.stderr.contains("bad.ndjson:2"), "{}", ran.stderr);
    assert_eq!(dir.bodies("s.db"), before);
}
