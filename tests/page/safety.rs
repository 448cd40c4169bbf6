//! What keeps other sites away from the page, and the page small.

use sha2::{Digest, Sha256};

use super::visits::{HOSTILE, assert_escaped, attributes, post_from, screens};
use crate::support::client::{Answer, parse, raw, send};
use crate::support::{Dir, Served, gunzip, served};

/// The most bytes of anything, over the wire.
const LARGEST: usize = 60_000;

const PATIENT: &str = r#"{"resourceType":"Patient","id":"a","name":[{"family":"Moss"}]}"#;

fn with_option(options: &[&str]) -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&[&["s.db"], options].concat());
    (dir, served)
}

/// The paths of the style sheet, the script and the icon.
fn assets(html: &str) -> Vec<String> {
    let (head, _) = html.split_once("</head>").expect("a head");
    let mut assets = attributes(head, "href");
    assets.extend(attributes(head, "src"));
    assert_eq!(assets.len(), 3, "{assets:?}");
    assets
}

fn assert_protected(path: &str, answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap_or_else(|| panic!("{path}"));
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|known| known == rule), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("data:"), "{path}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{path}");
    }
    assert!(!answer.head.to_lowercase().contains("access-control"), "{path}: {}", answer.head);
}

#[test]
fn every_screen_is_protected_from_other_sites() {
    let (_dir, served) = with_option(&["--cors", "any"]);
    let from = "Origin: https://evil.example\r\n";
    assert!(
        served.get_with("/fhir/metadata", from).header("access-control-allow-origin").is_some()
    );
    for path in screens(&served) {
        let answer = served.get_with(&path, from);
        assert_eq!(answer.status, 200, "{path}");
        assert_protected(&path, &answer);
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{path}");
        let html = answer.text();
        for forbidden in ["<style", " style=", " onclick=", "javascript:", "data:image"] {
            assert!(!html.contains(forbidden), "{path} has {forbidden}");
        }
        assert_eq!(html.matches("<script").count(), html.matches("<script defer src=").count());
        let asked = format!("{from}Access-Control-Request-Method: GET\r\n");
        let preflight = send(served.authority(), "OPTIONS", &path, &asked, b"");
        assert_eq!(preflight.status, 405, "{path}");
        assert!(!preflight.head.to_lowercase().contains("access-control"), "{}", preflight.head);
    }
    // Errors too.
    let refused = post_from(&served, "/access/operator", from, &[("token", "x")]);
    assert_eq!(refused.status, 403);
    assert_protected("/access/operator", &refused);
    for path in assets(&served.get("/").text()) {
        assert_protected(&path, &served.get_with(&path, from));
    }
}

#[test]
fn forms_come_from_this_server_alone() {
    let (dir, served) = with_option(&[]);
    let own = format!("Origin: {}\r\n", served.url);
    let elsewhere = "Origin: https://evil.example\r\n";
    let other_port = "Origin: http://127.0.0.1:1\r\n";
    let refused = [
        String::new(),
        elsewhere.to_owned(),
        other_port.to_owned(),
        "Origin: null\r\n".to_owned(),
        format!("Referer: {}/access\r\n", served.url),
        format!("{own}Sec-Fetch-Site: cross-site\r\n"),
        format!("{own}Sec-Fetch-Site: same-site\r\n"),
        format!("{own}Sec-Fetch-Site: none\r\n"),
        format!("{own}{elsewhere}"),
    ];
    let ran = dir.run(["token", "issue", "s.db", "--operator"]);
    let token = ran.stdout.trim();
    let known = format!("Cookie: fhirlite_operator={token}\r\n");
    let fields = [("kind", "secret"), ("client_id", "planted")];
    for headers in refused {
        for path in ["/access/clients", "/access/operator", "/sign-in", "/sign-out"] {
            let answer = post_from(&served, path, &format!("{known}{headers}"), &fields);
            assert_eq!(answer.status, 403, "{path} with {headers}: {}", answer.text());
            assert!(answer.text().contains("not sent by a page of this server"), "{path}");
            assert_eq!(answer.header("set-cookie"), None, "{path} with {headers}");
        }
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM client"), 0);
    for headers in [own.clone(), format!("{elsewhere}Sec-Fetch-Site: same-origin\r\n")] {
        let name = headers.len().to_string();
        let fields = [("kind", "secret"), ("client_id", &*name)];
        let answer = post_from(&served, "/access/clients", &format!("{known}{headers}"), &fields);
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM client"), 2);
}

#[test]
fn a_page_in_disguise_gets_nothing() {
    let (_dir, served) = with_option(&[]);
    for path in screens(&served) {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
        let answer = parse(&raw(served.authority(), request.as_bytes()));
        answer.assert_outcome(421, "--allow-host");
    }
}

#[test]
fn without_the_page_there_is_nothing_at_its_paths() {
    let (_dir, shown) = with_option(&[]);
    let mut paths = screens(&shown);
    paths.extend(assets(&shown.get("/").text()));
    paths.extend(
        ["/sign-in", "/sign-out", "/access/clients", "/access/clients/1"].map(str::to_owned),
    );
    let (_dir, hidden) = with_option(&["--no-page"]);
    let nowhere = hidden.get("/nowhere");
    nowhere.assert_outcome(404, "/fhir/metadata");
    for path in paths {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
            let answer = send(hidden.authority(), method, &path, "", b"");
            assert_eq!(answer.status, 404, "{method} {path}");
            if method == "GET" {
                answer.assert_same(&nowhere);
            }
        }
    }
    assert_eq!(hidden.get("/fhir/Patient/a").status, 200);
}

#[test]
fn assets_are_kept_under_the_name_of_their_content() {
    let (_dir, served) = with_option(&[]);
    for path in assets(&served.get("/").text()) {
        let answer = served.get(&path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        let hash: String =
            Sha256::digest(&answer.body)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(path.contains(&hash), "{path} is not named by {hash}");
        let kind = answer.header("content-type").expect("a type");
        let ending = path.rsplit('.').next().expect("an ending");
        assert!(kind.contains(match ending {
            "css" => "text/css",
            "js" => "text/javascript",
            _ => "image/svg+xml",
        }));
        let former = path.replace(&hash, "0123456789abcdef");
        assert_eq!(served.get(&former).status, 404, "{former}");
    }
    for path in
        ["/assets", "/assets/", "/assets/style.css", "/assets/..%2fstyle.css", "/assets/a/b"]
    {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
}

#[test]
fn screens_are_small_and_packed() {
    let (_dir, served) = with_option(&[]);
    let mut paths = screens(&served);
    paths.extend(assets(&served.get("/").text()));
    for path in paths {
        let plain = served.get(&path);
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        let packed = served.get_with(&path, "Accept-Encoding: gzip\r\n");
        assert!(packed.body.len() < LARGEST, "{path} has {} bytes", packed.body.len());
        assert!(
            packed.header("vary").is_some_and(|vary| vary.contains("Accept-Encoding")),
            "{path}"
        );
        if plain.body.len() >= 1024 {
            assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
            let unpacked = gunzip(&packed.body);
            // A form may have a number of its own.
            assert_eq!(unpacked.len(), plain.body.len(), "{path}");
        }
    }
}

#[test]
fn behind_a_path_every_link_begins_with_it() {
    let (_dir, served) = with_option(&["--base-url", "https://x.example/demo"]);
    let start = served.get("/").text();
    let mut seen = 0;
    for path in ["/", "/access", "/nowhere/else"] {
        let html = served.get(path).text();
        for name in ["href", "src", "action"] {
            for link in attributes(&html, name) {
                let is_own = link.starts_with("/demo/") || link.starts_with('#');
                let is_outside = link.starts_with("https://");
                assert!(is_own || is_outside, "{path} has {name}={link}");
                seen += usize::from(is_own);
            }
        }
    }
    assert!(seen > 10, "only {seen} links");
    // The proxy takes the path away.
    for asset in assets(&start) {
        let path = asset.strip_prefix("/demo").expect("the path");
        assert_eq!(served.get(path).status, 200, "{path}");
    }
    let from = "Origin: https://x.example\r\n";
    let answer = post_from(&served, "/sign-out", from, &[]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/demo/")));
    assert_eq!(
        post_from(&served, "/sign-out", "Origin: https://x.example/demo\r\n", &[]).status,
        403
    );
}

#[test]
fn the_name_of_the_store_is_text() {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    let name = format!("{}.db", HOSTILE.replace('/', ""));
    dir.import(0, &[&name, "in.ndjson"]);
    let served = dir.serve(&[&name]);
    let html = served.get("/").text();
    assert_escaped(&html);
    assert_escaped(&served.get("/access").text());
}

#[test]
fn an_error_is_a_screen() {
    let (_dir, served) = served(PATIENT);
    let ran = served.get("/access/clients/1");
    assert_eq!(ran.status, 200, "the gate comes first: {}", ran.text());
    let answer = post_from(&served, "/access/clients/1/remove", "", &[]);
    assert_eq!(answer.status, 403);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    let html = answer.text();
    assert_eq!(html.matches("<h1").count(), 1);
    assert!(html.contains("role=\"alert\"") && html.contains("403 Forbidden"), "{html}");
    let id = answer.header("x-request-id").expect("an id");
    assert!(html.contains(id), "{html}");
}
