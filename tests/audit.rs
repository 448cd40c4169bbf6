//! What is written down with authorization, and what is not: the audit, and secrets at rest.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::bulk::{kick_off, location, path};
use crate::support::client::{get, send};
use crate::support::oneup::{
    CODE, Client, EXPORT, TOKEN, USER, bearer, body, encoded, exported, pair, stored,
};
use crate::support::smart::register;
use crate::support::{Dir, Served};

const REQUIRED: [&str; 3] = ["s.db", "--auth", "required"];

/// A store with anna's patients: `count` of them, each with so many bytes of a name.
fn with_data(count: usize, bytes: usize) -> (Dir, Client) {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    assert_eq!(dir.run(["user", "add", "s.db", "anna"]).code, 0);
    let name = "x".repeat(bytes);
    let patient = |n| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"{n}\",\"name\":[{{\"text\":\"{name}\"}}]}}\n"
        )
    };
    dir.write("in.ndjson", (0..count).map(patient).collect::<String>());
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    (dir, app)
}

/// Serves, with what it says on stderr in a file.
fn serve(dir: &Dir) -> Served {
    let mut command = dir.command(["serve"].iter().chain(&REQUIRED));
    command.stderr(File::create(dir.path("stderr")).expect("a file"));
    Served::of(command)
}

fn audited(dir: &Dir) -> Vec<Value> {
    let ran = dir.run(["audit", "s.db", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn first_file(to: &str, headers: &str) -> String {
    let manifest = get(to, EXPORT, headers).json();
    path(manifest["output"][0]["url"].as_str().expect("a url")).to_owned()
}

#[test]
fn each_export_is_noted_with_who_when_what_and_how_much() {
    let (dir, app) = with_data(10, 10);
    let served = serve(&dir);
    let to = served.authority();
    let tokens = app.tokens(to, "anna");
    let all = app.headers("client");
    let sent: usize = exported(to, &all).iter().map(|(_, text)| text.len()).sum();
    // A token's export, with parameters, one of which is nobody's business.
    let query = format!("{EXPORT}?_type=Patient&_since=2001-01-01&access_token={}", tokens.access);
    assert_eq!(get(to, &query, &bearer(&tokens.access)).status, 200);
    // A kick-off by POST: what its body said; its files are counted with it, in part too.
    let parameters = [("_type", "Patient"), ("_since", "2001-01-01T00:00:00Z")];
    let started = kick_off(
        to,
        "/fhir/$export",
        &parameters,
        &format!("{}Prefer: respond-async\r\n", bearer(&tokens.access)),
    );
    let status = location(&started);
    let manifest = (0..10_000).find_map(|_| {
        Some(get(to, path(&status), &bearer(&tokens.access))).filter(|answer| answer.status != 202)
    });
    let manifest = manifest.expect("it ends").json();
    let file = path(manifest["output"][0]["url"].as_str().expect("a url")).to_owned();
    let with = |more: &str| get(to, &file, &format!("{}{more}", bearer(&tokens.access)));
    assert_eq!(with("").body.len(), sent);
    assert_eq!(with("Range: bytes=5-24\r\n").body.len(), 20);
    let packed = with("Accept-Encoding: gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("gzip");
    assert_eq!(unpacked.len(), sent);
    // Nothing is sent for these, so nothing is noted.
    let etag = with("").header("etag").expect("an ETag").to_owned();
    assert_eq!(with(&format!("If-None-Match: {etag}\r\n")).status, 304);
    assert_eq!(with("Range: bytes=9999999-\r\n").status, 416);
    assert_eq!(send(to, "HEAD", &file, &bearer(&tokens.access), b"").status, 200);
    assert_eq!(send(to, "HEAD", EXPORT, &bearer(&tokens.access), b"").status, 200);
    assert_eq!(get(to, EXPORT, "").status, 401);
    assert_eq!(get(to, &file, &bearer("x")).status, 401);
    // Everything that was noted is there when the server has ended in good order.
    assert_eq!(served.end("-TERM"), 0);
    let said = audited(&dir);
    assert_eq!(said.len(), 3, "{said:?}");
    let short = |one: &Value| {
        (
            one["client"].clone(),
            one["user"].clone(),
            one["files"].as_u64().unwrap_or_default(),
            one["bytes"].as_u64().unwrap_or_default(),
        )
    };
    assert_eq!(short(&said[0]), (json!("app"), Value::Null, 1, sent as u64));
    assert_eq!(short(&said[1]), (json!("app"), json!("anna"), 0, 0));
    assert_eq!(short(&said[2]), (json!("app"), json!("anna"), 4, (3 * sent + 20) as u64));
    assert_eq!(said[0]["request"], EXPORT);
    assert_eq!(said[1]["request"], format!("{EXPORT}?_type=Patient&_since=2001-01-01"));
    assert_eq!(said[2]["request"], "/fhir/$export?_type=Patient&_since=2001-01-01T00:00:00Z");
    let last_seq = dir.count("s.db", "SELECT value FROM setting WHERE name = 'last_seq'");
    for one in &said {
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
    // An open server notes nothing.
    let open = dir.serve(&["s.db"]);
    assert_eq!(get(open.authority(), EXPORT, "").status, 200);
    assert_eq!(open.end("-TERM"), 0);
    assert_eq!(audited(&dir), said);
    dir.check("s.db");
}

#[test]
fn reads_and_searches_are_noted_with_what_was_asked_for() {
    let (dir, app) = with_data(3, 10);
    let served = serve(&dir);
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
    let mut rows = db.prepare("SELECT event, request, bytes FROM audit ORDER BY id").expect("rows");
    let rows = rows.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let rows: Vec<(String, String, usize)> = rows.expect("rows").map(Result::unwrap).collect();
    let expected = [
        ("read", "/fhir/Patient/1", read),
        ("search", "/fhir/Patient?_id=2", found),
        // Of a POST, what its body said as well.
        ("search", "/fhir/Patient/_search?_id=1&_count=7", posted.body.len()),
    ];
    assert_eq!(rows, expected.map(|(event, request, bytes)| (event.into(), request.into(), bytes)));
}

#[test]
fn what_is_only_looked_at_by_head_is_not_noted() {
    let (dir, app) = with_data(3, 10);
    let served = serve(&dir);
    let to = served.authority();
    let headers = app.headers("client");
    let file = first_file(to, &headers);
    for target in [&*file, EXPORT, "/fhir/Patient/1", "/fhir/Patient?_id=2"] {
        let answer = send(to, "HEAD", target, &headers, b"");
        assert_eq!((answer.status, answer.body.len()), (200, 0), "{target}");
    }
    assert_eq!(served.end("-TERM"), 0);
    // The one export that was asked for.
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM audit WHERE event <> 'export'"), 0);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM audit"), 1);
}

#[test]
fn of_a_download_that_breaks_off_it_is_noted_how_far_it_came() {
    let (dir, app) = with_data(400, 100_000);
    let served = serve(&dir);
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

#[test]
fn nothing_that_is_secret_lies_in_the_file_or_the_log() {
    let (dir, app) = with_data(3, 10);
    let mut secrets = vec![app.secret.clone()];
    let served = serve(&dir);
    let to = served.authority();
    for way in 0..3 {
        let code = app.code(to, "anna");
        let tokens = pair(&app.exchange(to, &code));
        let next = pair(&app.refresh(to, &tokens.refresh));
        assert_eq!(exported(to, &bearer(&next.access)), exported(to, &app.headers("client")));
        // In URLs as well, where they do not belong.
        let query = encoded(&[
            ("client_secret", &app.secret),
            ("access_token", &next.access),
            ("refresh_token", &next.refresh),
            ("client_assertion", "aaaa.bbbb"),
        ]);
        for target in [EXPORT, "/fhir/$export", "/fhir/Patient", "/fhir/Patient/0", "/fhir/Nothing"]
        {
            let headers =
                format!("{}Prefer: respond-async, handling=lenient\r\n", bearer(&next.access));
            let answer = get(to, &format!("{target}?{query}"), &headers);
            for secret in [&app.secret, &next.access, &next.refresh] {
                assert!(
                    !answer.text().contains(secret.as_str())
                        && !answer.head.contains(secret.as_str()),
                    "{target}: {} {}",
                    answer.head,
                    answer.text()
                );
            }
        }
        if way == 0 {
            // A replay, a wrong secret, a broken body.
            assert_eq!(app.exchange(to, &code).status, 400);
            assert_eq!(get(to, EXPORT, &bearer(&app.secret)).status, 401);
            let text = format!("{{\"client_secret\":\"{}\"", app.secret);
            let answer = body(to, "POST", TOKEN, "application/json", text.as_bytes());
            assert!(!answer.text().contains(&app.secret), "{}", answer.text());
            let target = format!(
                "{CODE}?{}",
                encoded(&[
                    ("client_id", "app"),
                    ("client_secret", &app.secret),
                    ("active", &app.secret),
                    ("app_user_id", "anna")
                ])
            );
            assert_eq!(send(to, "POST", &target, "", b"").status, 200);
        }
        secrets.extend([code, tokens.access, tokens.refresh, next.access, next.refresh]);
    }
    let made = app.add_user(to, "ben");
    secrets.push(made["code"].as_str().expect("a code").to_owned());
    assert_eq!(
        get(to, &format!("{USER}?client_id=app&client_secret={}", app.secret), "").status,
        200
    );
    for args in [
        &["token", "issue", "s.db", "--user", "anna"][..],
        &["token", "issue", "s.db", "--client", "app"],
    ] {
        secrets.push(dir.run(args).stdout.trim_end().to_owned());
    }
    let rotated = dir.run(["client", "rotate", "s.db", "app", "--json"]).stdout;
    let rotated: Value = serde_json::from_str(&rotated).expect("JSON");
    secrets.push(rotated["client_secret"].as_str().expect("a secret").to_owned());
    assert!(
        dir.run([
            "client",
            "add",
            "s.db",
            "--client-id",
            "k",
            "--new-key",
            "k.pem",
            "--scope",
            "system/*.rs"
        ])
        .code
            == 0
    );
    let pem = dir.text("k.pem");
    secrets.push(pem.lines().nth(1).expect("a line of the key").to_owned());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for name in ["s.db", "s.db-wal", "s.db-shm"] {
            let mode = std::fs::metadata(dir.path(name)).expect(name).permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    let hold_none = |names: &[&str]| {
        for name in names {
            let bytes = dir.read(name);
            for secret in &secrets {
                assert!(secret.len() >= 32, "{secret}");
                for text in [secret.clone(), secret.to_uppercase()] {
                    let is_there =
                        bytes.windows(text.len()).any(|window| window == text.as_bytes());
                    assert!(!is_there, "{text} is in {name}");
                }
                // Nor as the bytes that the digits stand for.
                let digits: Option<Vec<u8>> = (0..secret.len() / 2)
                    .map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).ok())
                    .collect();
                if let Some(digits) = digits {
                    assert!(
                        !bytes.windows(digits.len()).any(|window| window == digits),
                        "{secret} is in {name}"
                    );
                }
            }
        }
    };
    assert_eq!(secrets.len(), 21);
    assert!(!dir.read("s.db-wal").is_empty());
    hold_none(&["s.db", "s.db-wal", "stderr"]);
    assert_eq!(served.end("-TERM"), 0);
    hold_none(&["s.db", "stderr"]);
    assert_eq!(dir.text("stderr"), "");
    dir.check("s.db");
}

/// Starts a server with these, whatever the address; its first line.
fn start(dir: &Dir, args: &[&str]) -> (Child, String) {
    let mut command: Command = dir.command(["serve"].iter().chain(args));
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its standard output");
    BufReader::new(out).read_line(&mut line).expect("a first line");
    (child, line)
}

#[test]
fn who_serves_has_to_say_for_whom() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    let here = ["--listen", "127.0.0.1:0"];
    let refused = |args: &[&str], word: &str| {
        let ran = dir.run(["serve", "s.db"].iter().chain(args));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{args:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(word), "{args:?}: {}", ran.stderr);
    };
    refused(&[&["--auth", "required"][..], &here].concat(), "fhirlite client add s.db");
    refused(&["--auth", "maybe"], "required");
    let everywhere = ["--listen", "0.0.0.0:0"];
    refused(&everywhere, "--insecure");
    refused(&[&everywhere[..], &["--auth", "off"]].concat(), "--auth required");
    let app = Client::add(&dir, "s.db", "app");
    refused(&everywhere, "--auth required");
    for (more, status) in [(&["--auth", "required"][..], 401), (&["--insecure"], 200)] {
        let (mut child, line) = start(&dir, &[&["s.db"][..], &everywhere, more].concat());
        let port = line.trim_end().rsplit_once(':').map(|(_, port)| port.to_owned());
        let to = format!("127.0.0.1:{}", port.unwrap_or_else(|| panic!("{more:?}: {line:?}")));
        assert_eq!(get(&to, EXPORT, "").status, status, "{more:?}");
        assert_eq!(get(&to, EXPORT, &app.headers("client")).status, 200, "{more:?}");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
    // A removed one is none.
    assert_eq!(dir.run(["client", "remove", "s.db", "app"]).code, 0);
    refused(&[&["--auth", "required"][..], &here].concat(), "fhirlite client add s.db");
    dir.check("s.db");
}

#[cfg(unix)]
#[test]
fn a_store_that_cannot_be_written_is_served_to_who_is_known() {
    let (dir, app) = with_data(3, 10);
    register(&dir, "keyed", "--new-key", "key.pem", "system/Patient.rs");
    let issued = dir.run(["token", "issue", "s.db", "--user", "anna"]).stdout;
    std::fs::create_dir(dir.path("ro")).expect("a folder");
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).expect("a copy");
    let before = dir.read("ro/s.db");
    let Some(mut command) = dir.without_rights(&["serve", "ro/s.db", "--auth", "required"]) else {
        return;
    };
    command.stderr(File::create(dir.path("stderr")).expect("a file"));
    let served = Served::of(command);
    let to = served.authority();
    let said = dir.text("stderr");
    assert!(said.contains("read-only") && said.contains("tokens"), "{said:?}");
    let expected = stored(&dir, "ro/s.db", &[dir.count("ro/s.db", "SELECT id FROM user")]);
    assert_eq!(exported(to, &app.headers("client")), expected);
    assert_eq!(exported(to, &bearer(issued.trim_end())), expected);
    assert_eq!(get(to, EXPORT, "").status, 401);
    // Codes and tokens are kept in memory, with all that they promise.
    let code = app.code(to, "anna");
    let tokens = pair(&app.exchange(to, &code));
    assert_eq!(exported(to, &bearer(&tokens.access)), expected);
    let next = pair(&app.refresh(to, &tokens.refresh));
    assert_eq!(exported(to, &bearer(&next.access)), expected);
    assert_eq!(app.refresh(to, &tokens.refresh).status, 400);
    assert_eq!(get(to, EXPORT, &bearer(&next.access)).status, 401);
    // Users are not.
    let answer = app.form(to, "POST", USER, &[("app_user_id", "ben")]);
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (403, &json!(false)),
        "{}",
        answer.text()
    );
    let started = kick_off(
        to,
        "/fhir/$export",
        &[],
        &format!("{}Prefer: respond-async\r\n", app.headers("client")),
    );
    assert_eq!(started.status, 202, "{}", started.text());
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.read("ro/s.db") == before, "the file was changed");
    std::fs::set_permissions(dir.path("ro"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("a mode");
}

/// Reads that wait to be written down: more than the writer takes at once.
const READS: usize = 1_100;

/// Reads a resource so often that more events wait than fit in one transaction, then ends the server.
/// What it said on stderr.
fn end_with_events_that_wait(dir: &Dir, app: &Client) -> String {
    let served = serve(dir);
    let headers = app.headers("client");
    for _ in 0..READS {
        assert_eq!(get(served.authority(), "/fhir/Patient/1", &headers).status, 200);
    }
    let (pid, (ended, end)) = (served.pid(), std::sync::mpsc::channel());
    std::thread::spawn(move || ended.send(served.end("-TERM")));
    // Far beyond its patience: only a server that hangs is cut off here.
    let code = end.recv_timeout(std::time::Duration::from_secs(120));
    if code.is_err() {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    assert_eq!(code, Ok(0));
    dir.text("stderr")
}

#[test]
fn an_audit_that_cannot_be_written_does_not_keep_the_server_from_ending() {
    let (dir, app) = with_data(3, 10);
    let lock = dir.open("s.db");
    lock.execute_batch("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE").expect("the write lock");
    let said = end_with_events_that_wait(&dir, &app);
    drop(lock);
    // It says how many are lost; a store that is only busy is nothing to complain of before.
    let expected = format!("fhirlite: {READS} events are missing in the audit: ");
    assert!(said.starts_with(&expected) && said.lines().count() == 1, "{said:?}");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM audit"), 0);
    dir.check("s.db");
}

#[test]
fn an_audit_that_is_refused_does_not_flood_the_log() {
    let (dir, app) = with_data(3, 10);
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END";
    dir.open("s.db").execute_batch(refuse).expect("a trigger");
    let said = end_with_events_that_wait(&dir, &app);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines[0].contains("cannot be written now") && lines[0].contains("full"), "{said:?}");
    assert!(lines[1].starts_with(&format!("fhirlite: {READS} events are missing")), "{said:?}");
}

#[test]
fn an_audit_catches_up_when_the_write_lock_is_free_again() {
    let (dir, app) = with_data(3, 10);
    let served = serve(&dir);
    let lock = dir.open("s.db");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    for _ in 0..READS {
        let answer = get(served.authority(), "/fhir/Patient/1", &app.headers("client"));
        assert_eq!(answer.status, 200);
    }
    drop(lock);
    assert_eq!(served.end("-TERM"), 0);
    assert_eq!(dir.text("stderr"), "");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM audit"), READS as i64);
}
