//! `GET /metrics`: a page that Prometheus reads, numbers that are true, and who may read them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::Stdio;

use serde_json::Value;

use super::{EXPORT, TWO_TYPES, patients, two_types};
use crate::support::bulk::{ended, kick_off};
use crate::support::client::{Kept, get, raw, send};
use crate::support::oneup::{Client, bearer};
use crate::support::smart::register;
use crate::support::{Dir, Served, left_out, project, python, until};

const FORWARDED: &str = "X-Forwarded-For: 10.0.0.1\r\n";

/// A page as Python reads it; `None` without Python.
struct Page(Value);

impl Page {
    fn of(bytes: &[u8]) -> Option<Page> {
        let mut command = python(&["json"])?;
        command.arg(project().join("tests/http/exposition.py"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(bytes));
        Some(Page(serde_json::from_slice(&output.stdout).unwrap()))
    }

    fn get(served: &Served) -> Option<Page> {
        let answer = served.get("/metrics");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        Page::of(&answer.body)
    }

    /// The samples of a metric with one label: its value, and the number.
    fn by(&self, metric: &str, label: &str) -> BTreeMap<String, f64> {
        let samples = self.0[metric].as_array().unwrap_or_else(|| panic!("{metric}")).iter();
        let pair = |sample: &Value| {
            (sample[1][label].as_str().unwrap_or_default().to_owned(), sample[2].as_f64().unwrap())
        };
        samples.map(pair).collect()
    }

    fn number(&self, metric: &str) -> f64 {
        self.0[metric][0][2].as_f64().unwrap_or_else(|| panic!("{metric}"))
    }

    /// The requests of a route whose status has this class.
    fn requests(&self, route: &str, class: &str) -> f64 {
        let samples = self.0["fhirlite_http_requests_total"].as_array().unwrap();
        let is_it = |sample: &&Value| sample[1]["route"] == route && sample[1]["status"] == class;
        samples.iter().filter(is_it).map(|sample| sample[2].as_f64().unwrap()).sum()
    }
}

#[test]
fn requests_are_counted_by_route_and_never_by_path() {
    let (_dir, served) = two_types();
    let file = patients(&served);
    let bytes = served.get(&file).body.len();
    for id in ["a", "b", "zzz"] {
        served.get(&format!("/fhir/Patient/{id}?secret-query={id}"));
        served.get(&format!("/nowhere/{id}"));
    }
    send(served.authority(), "POST", "/fhir/Patient/_search", "Content-Length: 5\r\n", b"_id=a");
    raw(served.authority(), b"nonsense\r\n\r\n");
    served.get("/fhir/jobs/0123/manifest/2");
    let Some(page) = Page::get(&served) else { return };
    // The answer of the download may be counted a moment after the client has it; the later ones follow it.
    assert_eq!(page.requests("/bulk-data/{version}/$export", "2xx"), 1.0);
    assert_eq!(page.requests("/bulk-data/{version}/$export/{Type}/{JWT}.ndjson", "2xx"), 1.0);
    assert_eq!(page.requests("/fhir/jobs/{id}/manifest/{page}", "4xx"), 1.0);
    let reads =
        page.requests("/fhir/{Type}/{id}", "2xx") + page.requests("/fhir/{Type}/{id}", "4xx");
    assert_eq!(reads, 3.0);
    assert_eq!(page.requests("other", "4xx"), 4.0);
    assert_eq!(page.by("fhirlite_http_refusals_total", "status")["400"], 1.0);
    let sent = page.by("fhirlite_http_response_bytes_total", "route");
    assert_eq!(sent["/bulk-data/{version}/$export/{Type}/{JWT}.ndjson"], bytes as f64);
    let text = served.get("/metrics").text();
    for raw in ["zzz", "secret-query", "nowhere", "0123", "127.0.0.1"] {
        assert!(!text.contains(raw), "{raw}: {text}");
    }
}

#[test]
fn gauges_say_what_is_there() {
    let (dir, served) = two_types();
    let to = served.authority();
    ended(to, &kick_off(to, "/fhir/$export", &[], ""));
    let kept: Vec<Kept> = (0..3)
        .map(|_| {
            let mut kept = Kept::connect(to);
            kept.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
            kept.answer();
            kept.send("GET /health HTTP/1.1\r\n");
            kept
        })
        .collect();
    // The places of the answers above are given back a moment after the clients have them.
    let at_rest = |page: &Page| page.number("fhirlite_http_requests_at_work") == 1.0;
    let Some(mut page) = Page::get(&served) else { return };
    until("only the page itself is worked on", || {
        page = Page::get(&served)?;
        at_rest(&page).then_some(())
    });
    assert!(page.number("fhirlite_http_connections") >= 3.0);
    assert!(page.number("fhirlite_http_threads") >= 3.0);
    assert_eq!(page.number("fhirlite_http_requests_waiting"), 0.0);
    drop(kept);
    let jobs = page.by("fhirlite_jobs", "state");
    assert_eq!(
        jobs,
        [("complete", 1.0), ("failed", 0.0), ("running", 0.0)]
            .map(|(k, v)| (k.to_owned(), v))
            .into()
    );
    let types = page.by("fhirlite_store_resources", "type");
    let info: Value = serde_json::from_str(&dir.run(["info", "s.db", "--json"]).stdout).unwrap();
    for (name, of_type) in info["types"].as_object().unwrap() {
        assert_eq!(types[name], of_type["resources"].as_f64().unwrap());
    }
    assert_eq!(types.len(), 2);
    let size = |file: &str| std::fs::metadata(dir.path(file)).map_or(0, |meta| meta.len()) as f64;
    let bytes = page.by("fhirlite_store_bytes", "file");
    assert_eq!((bytes["store"], bytes["jobs"]), (size("s.db"), 0.0));
    assert!(bytes["log"] > 0.0);
    let written = dir.count("s.db", "SELECT value FROM setting WHERE name = 'last_write_time'");
    assert_eq!(page.number("fhirlite_store_last_write_time_seconds"), written as f64 / 1e6);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let started = page.number("process_start_time_seconds");
    assert!(started > written as f64 / 1e6 - 1.0 && started <= now.as_secs_f64());
    assert_eq!(page.by("fhirlite_build_info", "version")[env!("CARGO_PKG_VERSION")], 1.0);
    assert!(page.0.get("fhirlite_audit_queue_length").is_none());
}

#[test]
fn a_download_under_way_is_counted_and_one_that_is_cut_too() {
    let dir = super::much_to_download();
    let served = dir.serve(&["s.db"]);
    let manifest = served.manifest("");
    let path = manifest["output"][0]["url"]
        .as_str()
        .unwrap()
        .strip_prefix(&served.url)
        .unwrap()
        .to_owned();
    let mut socket = TcpStream::connect(served.authority()).unwrap();
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
    let mut first = [0; 1000];
    socket.read_exact(&mut first).unwrap();
    let Some(page) = Page::get(&served) else { return };
    assert_eq!(page.number("fhirlite_http_downloads"), 1.0);
    drop(socket);
    until("the download has ended", || {
        let page = Page::get(&served)?;
        let cut = page.by("fhirlite_http_responses_cut_total", "route");
        let is_cut = cut.get("/bulk-data/{version}/$export/{Type}/{JWT}.ndjson") == Some(&1.0);
        (is_cut && page.number("fhirlite_http_downloads") == 0.0).then_some(())
    });
}

#[test]
fn only_programs_on_this_machine_that_ask_directly_need_no_token() {
    let (dir, served) = two_types();
    assert_eq!(served.get("/metrics").status, 200);
    assert_eq!(send(served.authority(), "HEAD", "/metrics", "", b"").status, 200);
    for header in [
        FORWARDED,
        "Forwarded: for=10.0.0.1\r\n",
        "X-Forwarded-Proto: https\r\n",
        "X-Forwarded-Host: localhost\r\n",
        "X-Real-IP: 10.0.0.1\r\n",
        "Via: 1.1 proxy\r\n",
        "Origin: http://evil.example\r\n",
        "Authorization: Basic YTpi\r\n",
    ] {
        let status = if header.starts_with("Auth") { 200 } else { 401 };
        let answer = served.get_with("/metrics", header);
        assert_eq!(answer.status, status, "{header}: {}", answer.text());
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
    // A page whose name leads to this machine.
    let bytes = b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert!(raw(served.authority(), bytes).starts_with(b"HTTP/1.1 421"));
    drop(served);
    let served = dir.serve(&["s.db", "--base-url", "https://demo.example.org"]);
    served.get("/metrics").assert_outcome(401, "system/metrics");
    drop(served);
    let served = dir.serve(&["s.db", "--metrics", "token"]);
    served.get("/metrics").assert_outcome(401, "system/metrics");
    drop(served);
    let served = dir.serve(&["s.db", "--metrics", "off"]);
    served.get("/metrics").assert_outcome(404, "--metrics");
}

#[test]
fn other_machines_need_a_token() {
    let (dir, served) = two_types();
    drop(served);
    let mut command = dir.command(["serve", "s.db", "--insecure", "--listen", "0.0.0.0:0"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = [0; 64];
    let count = child.stdout.as_mut().unwrap().read(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..count]).into_owned();
    let port = line.trim_end().rsplit(':').next().unwrap();
    // The address by which this machine reaches others; nothing is sent.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr());
    let near = get(&format!("127.0.0.1:{port}"), "/metrics", "").status;
    let far = own.ok().filter(|own| !own.ip().is_loopback());
    let far = far.map(|own| get(&format!("{}:{port}", own.ip()), "/metrics", "").status);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(near, 200);
    match far {
        Some(status) => assert_eq!(status, 401),
        None => left_out("this machine has no address but the loopback"),
    }
}

#[test]
fn a_token_reads_metrics_or_resources_by_its_scope() {
    let dir = Dir::new();
    dir.write("in.ndjson", TWO_TYPES);
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "watch", "--new-key", "w.pem", "system/metrics");
    register(&dir, "read", "--new-key", "r.pem", "system/*.rs");
    register(&dir, "both", "--new-key", "b.pem", "system/*.rs system/metrics");
    let app = Client::add(&dir, "s.db", "app");
    let token = |client: &str, scope: &[&str]| {
        let args =
            [&["token", "issue", "s.db", "--client", client, "--ttl", "24h"], scope].concat();
        let ran = dir.run(args);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        bearer(ran.stdout.trim_end())
    };
    let (watch, read, both) = (token("watch", &[]), token("read", &[]), token("both", &[]));
    let narrow = token("both", &["--scope", "system/metrics"]);
    let secret = token("app", &[]);
    let refused =
        dir.run(["token", "issue", "s.db", "--client", "read", "--scope", "system/metrics"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let to = served.authority();
    // On the loopback a program needs no token, and has no data without one.
    assert_eq!((get(to, "/metrics", "").status, get(to, "/fhir/Patient", "").status), (200, 401));
    get(to, "/metrics", FORWARDED).assert_outcome(401, "system/metrics");
    let page = get(to, "/metrics", &format!("{FORWARDED}{watch}"));
    assert_eq!(page.status, 200);
    if let Some(page) = Page::of(&page.body) {
        assert_eq!(page.number("fhirlite_audit_queue_length"), 0.0);
    }
    for (headers, metrics, data) in [
        (&watch, 200, 403),
        (&narrow, 200, 403),
        (&read, 403, 200),
        (&both, 200, 200),
        (&secret, 403, 200),
        (&bearer(&"0".repeat(64)), 401, 401),
        (&app.headers("client"), 401, 200),
    ] {
        let headers = format!("{FORWARDED}{headers}");
        assert_eq!(get(to, "/metrics", &headers).status, metrics, "{headers}");
        for path in ["/fhir/Patient", "/fhir/Patient/a", EXPORT, "/fhir/$bulk-publish"] {
            let answer = get(to, path, &headers);
            let is_allowed = answer.status == data || (data == 200 && answer.status == 404);
            assert!(is_allowed, "{path} {headers}: {}", answer.text());
            assert!(data == 200 || !answer.text().contains("\"Patient\""), "{}", answer.text());
        }
    }
    let export = kick_off(to, "/fhir/$export", &[], &watch);
    export.assert_outcome(403, "no resources");
    drop(served);
    // An open server takes such tokens too.
    let served = dir.serve(&["s.db", "--metrics", "token"]);
    assert_eq!(get(served.authority(), "/metrics", &watch).status, 200);
    assert_eq!(get(served.authority(), "/metrics", &read).status, 403);
}
