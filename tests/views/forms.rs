//! `$sql-run`: the forms of rows, and how they are sent.

use std::io::Read;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{PEOPLE, served, text};
use crate::support::client::{Kept, get, parse, raw};
use crate::support::{Dir, gunzip, until};

#[test]
fn rows_come_in_each_form_and_format_goes_before_accept() {
    let (dir, served) = served();
    let run = "/fhir/ViewDefinition/people/$sql-run";
    let ndjson = "{\"id\":\"a\",\"gender\":\"female\",\"family\":\"Moss\"}\n{\"id\":\"b\",\"gender\":\"male\",\"family\":\"Reed, the second\"}\n{\"id\":\"c\",\"gender\":null,\"family\":\"Ash\"}\n";
    for (query, accept, kind, rows) in [
        ("", "", "application/x-ndjson", Some(ndjson)),
        ("", "Accept: text/html, */*\r\n", "application/x-ndjson", Some(ndjson)),
        ("?_format=ndjson", "", "application/x-ndjson", Some(ndjson)),
        ("?_format=application/x-ndjson", "", "application/x-ndjson", Some(ndjson)),
        ("?_format=csv", "Accept: application/json\r\n", "text/csv", Some(PEOPLE)),
        ("?_format=text/csv;header=present", "", "text/csv", Some(PEOPLE)),
        ("", "Accept: text/csv\r\n", "text/csv", Some(PEOPLE)),
        (
            "?header=false",
            "Accept: application/json;q=0.1, text/csv\r\n",
            "text/csv",
            PEOPLE.split_once("\r\n").map(|(_, rest)| rest),
        ),
        ("?_format=json", "", "application/json", None),
        ("?_format=parquet", "", "application/vnd.apache.parquet", None),
    ] {
        let answer = served.get_with(&format!("{run}{query}"), accept);
        assert_eq!(answer.header("content-type"), Some(kind), "{query} {accept}");
        match (rows, kind) {
            (Some(rows), _) => assert_eq!(text(&answer), rows, "{query} {accept}"),
            (None, "application/json") => {
                let list: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
                let lines = ndjson.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                assert_eq!(list, lines.collect::<Vec<_>>());
            }
            (None, _) => {
                assert!(answer.body.starts_with(b"PAR1") && answer.body.ends_with(b"PAR1"))
            }
        }
    }
    // The command has the same bytes, in each form.
    dir.write("view.json", dir.get("s.db", "ViewDefinition/people"));
    let ran = dir.run(["view", "run", "s.db", "view.json", "--format", "csv"]);
    assert_eq!(ran.stdout, PEOPLE);
}

#[test]
fn a_client_that_accepts_fhir_alone_gets_a_binary() {
    let (_dir, served) = served();
    for (query, accept) in [
        ("?_format=csv", "application/fhir+json"),
        ("?_format=csv", "application/fhir+json, */*;q=0.5"),
    ] {
        let answer = served.get_with(
            &format!("/fhir/ViewDefinition/people/$sql-run{query}"),
            &format!("Accept: {accept}\r\n"),
        );
        assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
        let binary = answer.json();
        assert_eq!(
            (&binary["resourceType"], &binary["contentType"]),
            (&json!("Binary"), &json!("text/csv"))
        );
        let data = BASE64_STANDARD.decode(binary["data"].as_str().unwrap()).unwrap();
        assert_eq!(String::from_utf8(data).unwrap(), PEOPLE);
    }
}

#[test]
fn an_answer_is_compressed_and_has_chunks_only_for_clients_that_take_them() {
    let (_dir, served) = served();
    let run = "/fhir/ViewDefinition/people/$sql-run?_format=csv";
    let zipped = served.get_with(run, "Accept-Encoding: gzip\r\n");
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert_eq!(String::from_utf8(gunzip(&zipped.body)).unwrap(), PEOPLE);
    let plain = served.get(run);
    assert_eq!(plain.header("transfer-encoding"), Some("chunked"));
    assert_eq!(plain.header("cache-control"), Some("no-store"));
    let old = format!("GET {run} HTTP/1.0\r\nHost: {}\r\n\r\n", served.authority());
    let old = parse(&raw(served.authority(), old.as_bytes()));
    assert_eq!(old.header("content-length"), Some(&*PEOPLE.len().to_string()));
    assert_eq!(old.text(), PEOPLE);
    let head =
        format!("HEAD {run} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.authority());
    let head = raw(served.authority(), head.as_bytes());
    assert!(head.starts_with(b"HTTP/1.1 200 OK") && head.ends_with(b"\r\n\r\n"));
    assert_eq!(served.get("/fhir/Patient/$sql-run").status, 404);
}

#[test]
fn rows_that_end_in_a_fault_do_not_look_whole() {
    let dir = Dir::new();
    let name = "x".repeat(1000);
    let patient = |n: usize| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"name\":[{{\"family\":\"{name}\"}}]}}\n"
        )
    };
    let mut lines: String = (0..2000).map(patient).collect();
    lines.push_str(
        r#"{"resourceType":"Patient","id":"last","name":[{"family":"a"},{"family":"b"}]}"#,
    );
    lines.push_str("\n{\"resourceType\":\"ViewDefinition\",\"id\":\"v\",\"status\":\"active\",\"resource\":\"Patient\",\"select\":[{\"column\":[{\"name\":\"family\",\"path\":\"name.family\"}]}]}\n");
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let request = format!(
        "GET /fhir/ViewDefinition/v/$sql-run?_format=csv HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        served.authority()
    );
    let bytes = raw(served.authority(), request.as_bytes());
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"), "rows came before the fault");
    assert!(bytes.len() > 1_000_000, "{}", bytes.len());
    assert!(!bytes.ends_with(b"\r\n0\r\n\r\n"), "the last chunk is missing");
    // The fault is the view's, and others are answered as before.
    assert_eq!(
        get(served.authority(), "/fhir/ViewDefinition/v/$sql-run?_format=csv&_limit=1999", "")
            .status,
        200
    );
}

#[test]
fn a_client_that_is_slow_keeps_no_read_transaction() {
    let dir = Dir::new();
    let name = "x".repeat(4000);
    let patient = |n: usize| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{n}\",\"name\":[{{\"family\":\"{name}\"}}]}}\n"
        )
    };
    let view = r#"{"resourceType":"ViewDefinition","id":"v","status":"active","resource":"Patient","select":[{"column":[{"name":"family","path":"name.family"}]}]}"#;
    dir.write("in.ndjson", (0..8000).map(patient).collect::<String>() + view);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let mut slow = Kept::connect(served.authority());
    let target = "/fhir/ViewDefinition/v/$sql-run";
    slow.send(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", served.authority()));
    let mut first = [0; 100];
    slow.socket.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200 OK"));
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    // What reads an older state of the file keeps the log from being emptied.
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let store = dir.open("s.db");
    until("the log is emptied", || {
        let busy: i64 = store.query_row(checkpoint, (), |row| row.get(0)).ok()?;
        (busy == 0).then_some(())
    });
    // The rest of the rows is that of the same snapshot.
    let mut rest = Vec::new();
    while !rest.ends_with(b"\r\n0\r\n\r\n") {
        let mut piece = vec![0; 1 << 20];
        let read = slow.socket.read(&mut piece).unwrap();
        assert!(read > 0, "the answer is whole");
        rest.extend_from_slice(&piece[..read]);
    }
    assert!(rest.len() > 30_000_000, "{}", rest.len());
    assert!(!String::from_utf8_lossy(&rest[rest.len() - 10_000..]).contains("new"));
}
