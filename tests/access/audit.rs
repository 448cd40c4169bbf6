//! The audit: one entry for each export, read and search on a protected server.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{REQUIRED, with_data};
use crate::support::bulk::{ended_at, kick_off, location, path, url_of};
use crate::support::client::{get, send};
use crate::support::oneup::{EXPORT, bearer, exported};
use crate::support::{Dir, gunzip};

/// The entries that the command `audit` prints.
fn audited(dir: &Dir) -> Vec<Value> {
    let ran = dir.run(["audit", "s.db", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The path of the first file of an export.
fn first_file(to: &str, headers: &str) -> String {
    let manifest = get(to, EXPORT, headers).json();
    path(&url_of(&manifest, "Patient")).to_owned()
}

#[test]
fn each_export_has_an_entry_with_client_user_time_request_and_size() {
    let (dir, app) = with_data(10, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let tokens = app.tokens(to, "anna");
    let all = app.headers("client");
    let sent: usize = exported(to, &all).iter().map(|(_, text)| text.len()).sum();
    // An export with a token and parameters, one of which is a secret.
    let query = format!("{EXPORT}?_type=Patient&_since=2001-01-01&access_token={}", tokens.access);
    assert_eq!(get(to, &query, &bearer(&tokens.access)).status, 200);
    // A kick-off by POST, with parameters in the body. Its files, and parts of them, count as part of it.
    let parameters = [("_type", "Patient"), ("_since", "2001-01-01T00:00:00Z")];
    let started = kick_off(
        to,
        "/fhir/$export",
        &parameters,
        &format!("{}Prefer: respond-async\r\n", bearer(&tokens.access)),
    );
    let status = location(&started);
    let manifest = ended_at(to, path(&status), &bearer(&tokens.access)).json();
    let file = path(&url_of(&manifest, "Patient")).to_owned();
    let with = |more: &str| get(to, &file, &format!("{}{more}", bearer(&tokens.access)));
    assert_eq!(with("").body.len(), sent);
    assert_eq!(with("Range: bytes=5-24\r\n").body.len(), 20);
    let packed = with("Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(gunzip(&packed.body).len(), sent);
    // These answers hold no data, so they are not in the audit.
    let etag = with("").header("etag").expect("an ETag").to_owned();
    assert_eq!(with(&format!("If-None-Match: {etag}\r\n")).status, 304);
    assert_eq!(with("Range: bytes=9999999-\r\n").status, 416);
    assert_eq!(send(to, "HEAD", &file, &bearer(&tokens.access), b"").status, 200);
    assert_eq!(send(to, "HEAD", EXPORT, &bearer(&tokens.access), b"").status, 200);
    assert_eq!(get(to, EXPORT, "").status, 401);
    assert_eq!(get(to, &file, &bearer("x")).status, 401);
    // The audit is complete once the server has ended.
    assert_eq!(served.end("-TERM"), 0);
    let entries = audited(&dir);
    assert_eq!(entries.len(), 3, "{entries:?}");
    let short = |one: &Value| {
        (
            one["client"].clone(),
            one["user"].clone(),
            one["files"].as_u64().unwrap_or_default(),
            one["bytes"].as_u64().unwrap_or_default(),
        )
    };
    assert_eq!(short(&entries[0]), (json!("app"), Value::Null, 1, sent as u64));
    assert_eq!(short(&entries[1]), (json!("app"), json!("anna"), 0, 0));
    assert_eq!(short(&entries[2]), (json!("app"), json!("anna"), 4, (3 * sent + 20) as u64));
    assert_eq!(entries[0]["request"], EXPORT);
    assert_eq!(entries[1]["request"], format!("{EXPORT}?_type=Patient&_since=2001-01-01"));
    assert_eq!(entries[2]["request"], "/fhir/$export?_type=Patient&_since=2001-01-01T00:00:00Z");
    let last_seq = dir.count("s.db", "SELECT value FROM setting WHERE name = 'last_seq'");
    for one in &entries {
        assert_eq!(one["snapshot"], last_seq);
        let at = one["at"].as_str().expect("a time");
        let at = chrono::DateTime::parse_from_rfc3339(at).expect("an instant");
        assert!((chrono::Utc::now() - at.to_utc()).num_hours() == 0, "{at}");
    }
    let text = dir.run(["audit", "s.db"]).stdout;
    assert_eq!(text.lines().count(), 4, "{text}");
    for word in ["client", "snapshot", "bytes", "anna", "_since=2001-01-01", "app"] {
        assert!(text.contains(word), "{text}");
    }
    assert_eq!(dir.run(["audit", "missing.db"]).code, 3);
    // An open server writes no audit.
    let open = dir.serve(&["s.db"]);
    assert_eq!(get(open.authority(), EXPORT, "").status, 200);
    assert_eq!(open.end("-TERM"), 0);
    assert_eq!(audited(&dir), entries);
    dir.check("s.db");
}

#[test]
fn reads_and_searches_have_entries_with_their_request() {
    let (dir, app) = with_data(3, 10);
    let served = dir.serve(&REQUIRED);
    let (to, headers) = (served.authority(), app.headers("client"));
    let read = get(to, "/fhir/Patient/1", &headers).body.len();
    let found = get(to, "/fhir/Patient?_id=2", &headers).body.len();
    let form = b"_id=1&_count=7";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 14\r\n";
    let posted = send(to, "POST", "/fhir/Patient/_search", &format!("{headers}{kind}"), form);
    assert_eq!(posted.status, 200, "{}", posted.text());
    assert_eq!(get(to, "/fhir/Patient/9", &headers).status, 404);
    assert_eq!(served.end("-TERM"), 0);
    let db = dir.open("s.db");
    let mut rows = db
        .prepare(
            "SELECT event, request, bytes FROM audit WHERE event IN ('read', 'search') ORDER BY id",
        )
        .expect("rows");
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, usize)> = rows.expect("rows").map(Result::unwrap).collect();
    let expected = [
        ("read", "/fhir/Patient/1", read),
        ("search", "/fhir/Patient?_id=2", found),
        // The parameters in the body of a POST as well.
        ("search", "/fhir/Patient/_search?_id=1&_count=7", posted.body.len()),
    ];
    assert_eq!(rows, expected.map(|(event, request, bytes)| (event.into(), request.into(), bytes)));
}

#[test]
fn head_requests_have_no_entries() {
    let (dir, app) = with_data(3, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let headers = app.headers("client");
    let file = first_file(to, &headers);
    for target in [&*file, EXPORT, "/fhir/Patient/1", "/fhir/Patient?_id=2"] {
        let answer = send(to, "HEAD", target, &headers, b"");
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{target}");
    }
    assert_eq!(served.end("-TERM"), 0);
    // The export that the test started with GET.
    let of =
        |event: &str| dir.count("s.db", &format!("SELECT count(*) FROM audit WHERE event {event}"));
    assert_eq!((of("IN ('file', 'read', 'search')"), of("= 'export'")), (0, 1));
}

#[test]
fn an_interrupted_download_has_an_entry_with_the_bytes_sent() {
    let (dir, app) = with_data(400, 100_000);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let headers = app.headers("client");
    let file = first_file(to, &headers);
    let mut socket = TcpStream::connect(to).expect("a connection");
    let request =
        format!("GET {file} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).expect("sent");
    let mut some = vec![0; 1_000_000];
    socket.read_exact(&mut some).expect("a million bytes");
    drop(socket);
    assert_eq!(served.end("-TERM"), 0);
    let sql = "SELECT count(*) FROM audit WHERE event = 'file' AND whole = 0 AND bytes >= 900000 AND bytes < 40000000";
    assert_eq!(dir.count("s.db", sql), 1);
    let said = audited(&dir);
    assert_eq!((said.len(), &said[0]["files"]), (1, &json!(1)));
    dir.check("s.db");
}
