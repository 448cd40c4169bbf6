//! The log of a server: what goes wrong, and a line for each request.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::thread;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::request_ids::broken;
use super::{patients, two_types};
use crate::support::client::{Kept, get, raw, send};
use crate::support::oneup::{Client, EXPORT, TOKEN, bearer, pair};
use crate::support::smart::{ask, register};
use crate::support::{Dir, Served, until};

/// The members of a line for a request, in their order.
const MEMBERS: [&str; 13] = [
    "time",
    "level",
    "event",
    "client",
    "client_id",
    "user",
    "method",
    "path",
    "status",
    "bytes",
    "whole",
    "ms",
    "request_id",
];

/// The lines of a log once there are so many.
fn lines(dir: &Dir, count: usize) -> Vec<String> {
    until("the log has its lines", || {
        let text = dir.text("stderr");
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
}

/// True for a UTC time with milliseconds, as RFC 3339 has it.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000Z"
}

/// The store of two types, served with these options.
fn logged(options: &[&str]) -> (Dir, Served) {
    let (dir, served) = two_types();
    drop(served);
    let served = dir.serve_with_log(&[&["s.db"], options].concat());
    (dir, served)
}

#[test]
fn a_fault_is_a_line_with_time_and_level() {
    let (dir, served) = broken(&[]);
    served.get_with("/fhir/$export", "X-Request-Id: one\r\n").assert_outcome(500, "one");
    let line = lines(&dir, 1).remove(0);
    let words: Vec<&str> = line.splitn(3, ' ').collect();
    assert!(
        is_time(words[0]) && words[1] == "error" && words[2].ends_with("(request id one)"),
        "{line}"
    );
    drop(served);
    let (dir, served) = broken(&["--log", "json"]);
    served.get_with("/fhir/$export", "X-Request-Id: two\r\n").assert_outcome(500, "two");
    let line = lines(&dir, 1).remove(0);
    let fault = json(&line);
    let members: Vec<&str> = ["time", "level", "event", "message", "request_id"].to_vec();
    assert_eq!(fault.as_object().unwrap().len(), members.len(), "{line}");
    assert_eq!((&fault["level"], &fault["event"]), (&"error".into(), &"fault".into()));
    assert!(is_time(fault["time"].as_str().unwrap()) && fault["request_id"] == "two", "{line}");
    let (dir, served) = broken(&["--log", "off"]);
    served.get("/fhir/$export").assert_outcome(500, "request id");
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(dir.text("stderr"), "");
}

#[test]
fn a_flood_of_faults_is_one_line_and_each_request_has_its_own() {
    let (dir, served) = broken(&["--log", "json", "--access-log"]);
    for _ in 0..200 {
        served.get("/fhir/$export").assert_outcome(500, "request id");
    }
    assert_eq!(served.end("-TERM"), 0);
    let lines: Vec<Value> = dir.text("stderr").lines().map(json).collect();
    let of = |event: &str| lines.iter().filter(|line| line["event"] == event).count();
    assert_eq!(of("request"), 200);
    assert!((1..=3).contains(&of("fault")), "{lines:#?}");
}

#[test]
fn each_request_is_a_line() {
    let (dir, served) = logged(&["--log", "json", "--access-log"]);
    let file = patients(&served);
    let whole = served.get(&file).body.len();
    let headers = "X-Request-Id: given\r\n";
    served.get_with("/fhir/Patient/a?_pretty=true", headers);
    send(served.authority(), "HEAD", "/fhir/Patient/a", "", b"");
    served.get("/nowhere");
    raw(served.authority(), b"nonsense\r\n\r\n");
    served.get_with(&file, "Range: bytes=3-12\r\n");
    served.get_with(&file, "Accept-Encoding: gzip\r\n");
    let lines: Vec<Value> = lines(&dir, 8).iter().map(|line| json(line)).collect();
    assert_eq!(lines.len(), 8);
    for line in &lines {
        let names: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(BTreeSet::from_iter(names), BTreeSet::from(MEMBERS));
        assert!(is_time(line["time"].as_str().unwrap()), "{line}");
        assert_eq!((&line["level"], &line["event"]), (&"info".into(), &"request".into()));
        assert_eq!((&line["client"], &line["client_id"]), (&"127.0.0.1".into(), &Value::Null));
        assert!(line["ms"].as_f64().unwrap() >= 0.0 && line["whole"] == true, "{line}");
    }
    // The members have the documented order.
    let text = dir.text("stderr");
    let first = text.lines().next().unwrap();
    let places: Vec<usize> =
        MEMBERS.iter().map(|name| first.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{first}");
    let is = |number: usize, method: &str, path: &str, status: u16, bytes: Option<usize>| {
        let line = &lines[number];
        assert_eq!((&line["method"], &line["path"]), (&method.into(), &path.into()));
        assert_eq!(line["status"], status, "{line}");
        if let Some(bytes) = bytes {
            assert_eq!(line["bytes"], bytes, "{line}");
        }
    };
    is(0, "GET", EXPORT, 200, None);
    assert_eq!((&lines[1]["bytes"], &lines[1]["status"]), (&whole.into(), &200.into()));
    is(2, "GET", "/fhir/Patient/a?_pretty=true", 200, None);
    assert_eq!(lines[2]["request_id"], "given");
    is(3, "HEAD", "/fhir/Patient/a", 200, Some(0));
    is(4, "GET", "/nowhere", 404, None);
    is(5, "", "", 400, None);
    assert_eq!((&lines[6]["bytes"], &lines[6]["status"]), (&10.into(), &206.into()));
    assert!(lines[7]["bytes"].as_u64().unwrap() > 20, "{}", lines[7]);
}

#[test]
fn a_line_of_text_has_twelve_words_and_no_control_characters() {
    let (dir, served) = logged(&["--access-log"]);
    raw(served.authority(), b"GET /a%20b%1b[2J%0aid?c='d HTTP/1.0\r\nConnection: close\r\n\r\n");
    raw(served.authority(), b"X!Y~Z /health HTTP/1.0\r\nConnection: close\r\n\r\n");
    served.get_with(&format!("/{}", "long/".repeat(3_000)), "");
    let lines = lines(&dir, 3);
    for line in &lines {
        assert_eq!(line.split(' ').count(), 12, "{line}");
        assert!(
            line.len() < 4096 && line.bytes().all(|b| b.is_ascii_graphic() || b == b' '),
            "{line}"
        );
    }
    assert!(lines[0].contains(" GET /a%20b%1b[2J%0aid?c='d 404 "), "{}", lines[0]);
    assert!(lines[1].contains(" other /health 405 "), "{}", lines[1]);
    assert!(lines[2].contains("/long/") && lines[2].contains("... 404 "), "{}", lines[2]);
}

#[test]
fn a_download_that_is_cut_is_said_to_be() {
    let dir = super::much_to_download();
    let served = dir.serve_with_log(&["s.db", "--access-log", "--log", "json"]);
    let manifest = served.manifest("");
    let url = manifest["output"][0]["url"].as_str().unwrap();
    let path = url.strip_prefix(&served.url).unwrap();
    let mut socket = TcpStream::connect(served.authority()).unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut first = [0; 1000];
    socket.read_exact(&mut first).unwrap();
    drop(socket);
    let cut = json(&lines(&dir, 2)[1]);
    assert_eq!((&cut["status"], &cut["whole"]), (&200.into(), &false.into()));
    let bytes = cut["bytes"].as_u64().unwrap();
    assert!(bytes > 0 && bytes < 30_000_000, "{cut}");
}

/// Ways to write a text in a URL.
fn spellings(text: &str) -> Vec<String> {
    let once = utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let every: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let twice = utf8_percent_encode(&every, NON_ALPHANUMERIC).to_string();
    vec![text.to_owned(), text.to_uppercase(), once, every, twice]
}

#[test]
fn no_secret_token_or_code_is_in_any_line() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let app = Client::add(&dir, "s.db", "app");
    register(&dir, "k", "--new-key", "k.pem", "system/*.rs");
    for form in ["text", "json"] {
        let options = ["s.db", "--auth", "required", "--access-log", "--log", form];
        let served = dir.serve_with_log(&options);
        let to = served.authority();
        app.add_user(to, form);
        let tokens = app.tokens(to, form);
        let code = app.code(to, form);
        let issued = dir.run(["token", "issue", "s.db", "--user", form]).stdout;
        let jwt = "eyJhbGciOiJSUzM4NCIsImtpZCI6ImEifQ.eyJpc3MiOiJrIn0.c2lnbmF0dXJlLW9mLWl0";
        assert_eq!(ask(&served, jwt, "system/*.rs").status, 401);
        let secrets = [&app.secret, &tokens.access, &tokens.refresh, &code, issued.trim_end(), jwt];
        for secret in secrets {
            get(to, "/fhir/Patient/a", &bearer(secret));
            for spelled in spellings(secret) {
                for target in [
                    format!("/{spelled}"),
                    format!("/fhir/Patient/{spelled}"),
                    format!("/fhir/jobs/{spelled}/{spelled}.ndjson"),
                    format!("{EXPORT}/Patient/{spelled}.ndjson"),
                    format!("/fhir/Patient?{spelled}"),
                    format!("/fhir/Patient?_id=a;client_secret={spelled}"),
                    format!("/fhir/Patient?_id=a%3bclient_secret%3D{spelled}"),
                    format!("/fhir/Patient?_id=x,{spelled},y&access_token={spelled}"),
                    format!("{TOKEN}?code={spelled}&client_assertion={spelled}"),
                    format!("{EXPORT}?refresh_token={spelled}&Client%5Fsecret={spelled}"),
                ] {
                    get(to, &target, "");
                    send(
                        to,
                        "POST",
                        &target,
                        &format!("Cookie: {spelled}\r\nContent-Length: 0\r\n"),
                        b"",
                    );
                }
            }
            app.form(to, "POST", TOKEN, &[("grant_type", "authorization_code"), ("code", secret)]);
        }
        get(to, "/health", &format!("X-Request-Id: {}\r\n", app.secret));
        assert_eq!(served.end("-TERM"), 0);
        let log = dir.text("stderr");
        assert!(log.lines().count() > 600, "{}", log.lines().count());
        assert!(log.contains("app") && log.contains("/fhir/Patient"));
        for secret in secrets {
            for spelled in spellings(secret) {
                assert!(!log.contains(&spelled), "{spelled} is in the log");
            }
        }
    }
}

#[test]
fn a_line_names_the_caller() {
    let dir = Dir::new();
    dir.write("in.ndjson", super::TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    let app = Client::add(&dir, "s.db", "app");
    let served =
        dir.serve_with_log(&["s.db", "--auth", "required", "--access-log", "--log", "json"]);
    let to = served.authority();
    app.add_user(to, "anna o");
    let tokens = pair(&app.exchange(to, &app.code(to, "anna o")));
    get(to, "/fhir/Patient", &bearer(&tokens.access));
    get(to, "/fhir/Patient", &bearer("wrong"));
    let lines: Vec<Value> = lines(&dir, 5).iter().map(|line| json(line)).collect();
    let caller = |line: &Value| (line["client_id"].clone(), line["user"].clone());
    for line in &lines[..3] {
        assert_eq!(caller(line), ("app".into(), Value::Null), "{line}");
    }
    assert_eq!(caller(&lines[3]), ("app".into(), "anna o".into()));
    assert_eq!((caller(&lines[4]), &lines[4]["status"]), ((Value::Null, Value::Null), &401.into()));
}

#[test]
fn lines_are_whole_whoever_writes_them() {
    let (dir, served) = logged(&["--log", "json", "--access-log"]);
    thread::scope(|scope| {
        for client in 0..8 {
            let to = served.authority();
            scope.spawn(move || {
                let mut kept = Kept::connect(to);
                for number in 0..100 {
                    kept.send(format!("GET /fhir/Patient/a HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: {client}-{number}\r\n\r\n"));
                    assert_eq!(kept.answer().status, 200);
                }
            });
        }
    });
    let lines: Vec<Value> = lines(&dir, 800).iter().map(|line| json(line)).collect();
    let ids: BTreeSet<&str> =
        lines.iter().map(|line| line["request_id"].as_str().unwrap()).collect();
    assert_eq!((lines.len(), ids.len()), (800, 800));
}

/// Serves the store of two types, with standard error as a pipe; asks so many times, then calls `end` with the pipe.
fn piped(
    requests: usize,
    before: impl FnOnce(std::process::ChildStderr) -> Option<std::process::ChildStderr>,
) -> Vec<String> {
    let (dir, served) = two_types();
    drop(served);
    let mut command = dir.command(["serve", "s.db", "--access-log", "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 64];
    let count = child.stdout.as_mut().unwrap().read(&mut first).unwrap();
    let line = String::from_utf8_lossy(&first[..count]).trim_end().to_owned();
    let to = line.strip_prefix("listening on http://").unwrap();
    let pipe = before(child.stderr.take().unwrap());
    let mut kept = Kept::connect(to);
    for _ in 0..requests {
        kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(kept.answer().status, 200);
    }
    let read = thread::spawn(move || {
        let mut text = String::new();
        pipe.map(|mut pipe| pipe.read_to_string(&mut text).unwrap());
        text
    });
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    read.join().unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_closed_log_does_not_end_the_server() {
    let none = piped(50, |pipe| {
        drop(pipe);
        None
    });
    assert!(none.is_empty());
}

#[test]
fn a_log_that_nobody_reads_holds_no_request_up() {
    // More than the pipe and the queue hold.
    let lines = piped(8_000, Some);
    assert!(lines.len() > 1_000 && lines.len() < 8_000, "{}", lines.len());
    assert!(lines.iter().all(|line| is_time(line.split(' ').next().unwrap())));
    assert!(lines.iter().any(|line| line.contains("lines of the log are lost")));
}
