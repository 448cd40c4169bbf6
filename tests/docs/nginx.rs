//! The configuration for nginx in docs/operate.md: nginx runs it, before a server with `--auth required`.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use super::page;
use super::service::block;
use crate::support::client::{get, send};
use crate::support::oneup::Client;
use crate::support::{Dir, Served, left_out, until};

/// nginx, ended when this is dropped.
struct Nginx {
    child: Child,
    authority: String,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the configuration of the page, without TLS and with a free port, before `served`.
fn nginx(dir: &Dir, served: &Served) -> Option<Nginx> {
    if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
        left_out("nginx is missing");
        return None;
    }
    let free =
        TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("its address");
    let server = block(&page("docs/operate.md"), "nginx", "server {")
        .replace("listen 443 ssl;", &format!("listen {free};"))
        .replace("http://127.0.0.1:8080", &served.url);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {name};"))
        .concat();
    let conf = format!(
        "daemon off; master_process off; pid nginx.pid; error_log nginx.log;\n\
         events {{}}\nhttp {{ access_log off; {temporary}\n{server}\n}}\n"
    );
    dir.write("nginx.conf", conf);
    let mut command = Command::new("nginx");
    command.arg("-p").arg(dir.path(".")).args(["-c", "nginx.conf", "-e", "nginx.log"]);
    let mut child = command.stderr(Stdio::null()).spawn().expect("nginx starts");
    let authority = free.to_string();
    until("nginx listens", || {
        let ended = child.try_wait().expect("its state");
        assert!(ended.is_none(), "nginx: {}", String::from_utf8_lossy(&dir.read("nginx.log")));
        TcpStream::connect(&authority).ok()
    });
    Some(Nginx { child, authority })
}

#[test]
fn nginx_lets_kick_offs_and_downloads_through_and_tells_who_asks() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n");
    let app = Client::add(&dir, "s.db", "app");
    assert_eq!(dir.run(["user", "add", "s.db", "anna", "--client", "app"]).code, 0);
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    let served = dir.serve_with_log(&[
        "s.db",
        "--auth",
        "required",
        "--base-url",
        "https://demo.example.org",
        "--trust-proxy",
        "127.0.0.1",
        "--access-log",
    ]);
    let Some(nginx) = nginx(&dir, &served) else { return };
    // The headers of 1upHealth have underscores.
    let credentials = app.headers("client");
    let manifest = get(&nginx.authority, "/bulk-data/r4/$export", &credentials);
    assert_eq!(manifest.status, 200, "{}", manifest.text());
    let url = manifest.json()["output"][0]["url"].as_str().expect("a url").to_owned();
    let path = url.strip_prefix("https://demo.example.org").expect("the base");
    let file = get(&nginx.authority, path, &credentials);
    assert_eq!((file.status, file.text().lines().count()), (200, 2), "{}", file.text());
    // A client that says who it is, in either way, is not believed.
    let forged = "Forwarded: for=192.0.2.7\r\nX-Forwarded-For: 192.0.2.7\r\n";
    assert_eq!(get(&nginx.authority, path, &format!("{credentials}{forged}")).status, 200);
    // A kick-off of nearly 16 MiB.
    let body = format!("{{\"resourceType\":\"Parameters\"{}}}", " ".repeat(15 << 20));
    let headers =
        format!("{credentials}Prefer: respond-async\r\nContent-Type: application/fhir+json\r\n");
    let kick_off = send(&nginx.authority, "POST", "/fhir/$export", &headers, body.as_bytes());
    assert_eq!(kick_off.status, 202, "{}", kick_off.text());
    let place = kick_off.header("content-location").expect("Content-Location");
    assert!(place.starts_with("https://demo.example.org/fhir/jobs/"), "{place}");
    drop(nginx);
    assert_eq!(served.end("-TERM"), 0);
    let log = String::from_utf8(dir.read("stderr")).expect("UTF-8");
    assert!(!log.contains("192.0.2.7"), "{log}");
}
