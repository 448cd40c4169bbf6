//! What the URLs in answers begin with: the `Host` of the request, or `--base-url`.

use serde_json::Value;

use super::{EXPORT, two_types, url};
use crate::rest::{filled_dir, link};
use crate::support::Served;
use crate::support::bulk::{ended, location, path};
use crate::support::client::{Answer, get, parse, raw};

/// Every string anywhere in a value.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn export_urls_begin_with_the_host_header_or_the_base_url() {
    let (dir, open) = two_types();
    drop(open);
    let names = ["demo.example.org", "a!b", "a%20b", "b.example.org"];
    let served = dir.serve(
        &["s.db"]
            .into_iter()
            .chain(names.iter().flat_map(|name| ["--allow-host", name]))
            .collect::<Vec<_>>(),
    );
    let authority = served.authority();
    let request = |host: &str| {
        let answer = raw(
            authority,
            format!("GET {EXPORT} HTTP/1.1\r\n{host}Connection: close\r\n\r\n").as_bytes(),
        );
        parse(&answer).json()["request"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        request("Host: demo.example.org:99\r\n"),
        format!("http://demo.example.org:99{EXPORT}")
    );
    assert_eq!(request("Host: [::1]:8\r\n"), format!("http://[::1]:8{EXPORT}"));
    for unusable in ["Host: \r\n", "Host: a!b\r\n", "Host: a%20b:1\r\n"] {
        assert_eq!(request(unusable), format!("{}{EXPORT}", served.url), "{unusable:?}");
    }
    // The host of a target that is a URL counts for more than `Host`.
    let whole = format!(
        "GET http://b.example.org:7{EXPORT} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    );
    let answer = parse(&raw(authority, whole.as_bytes()));
    assert_eq!(answer.json()["request"], format!("http://b.example.org:7{EXPORT}"));
    drop(served);
    let behind = dir.serve(&["s.db", "--base-url", "https://demo.example.org/fhirlite/"]);
    let manifest = behind.manifest("?_type=Patient");
    assert_eq!(
        manifest["request"],
        format!("https://demo.example.org/fhirlite{EXPORT}?_type=Patient")
    );
    assert!(
        url(&manifest, "Patient")
            .starts_with(&format!("https://demo.example.org/fhirlite{EXPORT}/Patient/"))
    );
}

/// Fails unless every URL in the answers to requests with this `Host` begins with `base`.
fn assert_urls_begin_with(served: &Served, host: &str, base: &str) {
    let authority = served.authority();
    let ask = |method: &str, target: &str, headers: &str| {
        let request = format!(
            "{method} {target} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: 0\r\n{headers}\r\n"
        );
        parse(&raw(authority, request.as_bytes()))
    };
    let is_ours = |url: &&str| {
        let known = ["hl7.org/", "terminology.hl7.org/"];
        url.contains("://") && !known.iter().any(|guide| url.contains(guide))
    };
    let check = |answer: &Answer, least: usize| {
        let value = answer.json();
        let urls: Vec<&str> = strings(&value).into_iter().filter(is_ours).collect();
        assert!(urls.len() >= least, "{host:?}: only {urls:?}");
        for url in urls {
            let url = &url[url.find("http").unwrap()..];
            assert!(url.starts_with(&format!("{base}/")), "{host:?}: {url}");
        }
        value
    };
    let paged = "allowPartialManifests=true&_maximumFileSize=1&organizeOutputBy=Patient";
    for target in [
        "/fhir/$export".to_owned(),
        format!("/fhir/$export?{paged}"),
        "/fhir/$export?_maximumFileSize=1&allowPartialManifests=true".to_owned(),
    ] {
        let started = ask("GET", &target, "");
        let location = location(&started);
        assert!(location.starts_with(&format!("{base}/fhir/jobs/")), "{host:?}: {location}");
        check(&started, 1);
        ended(authority, &started);
        let manifest = check(&ask("GET", path(&location), ""), 4);
        assert_eq!(manifest["request"], format!("{base}{target}"));
        if let Some(next) = link(&manifest, "next") {
            check(&ask("GET", path(next), ""), 2);
        }
        if target == "/fhir/$export" {
            let url = format!("{}/DocumentReference.ndjson", path(&location));
            let documents = ask("GET", &url, "").text();
            assert!(documents.contains(&format!("\"{base}/fhir/Binary/text\"")), "{documents}");
        }
    }
    let oneup = ask("GET", EXPORT, "Prefer: respond-async\r\n");
    assert!(location(&oneup).starts_with(&format!("{base}/bulk-data/r4/$export/job/")));
    ended(authority, &oneup);
    check(&ask("GET", path(&location(&oneup)), ""), 5);
    check(&ask("GET", EXPORT, ""), 5);
    check(&ask("GET", "/fhir/$bulk-publish", ""), 5);
    let statement = check(&ask("GET", "/fhir/metadata", ""), 1);
    assert_eq!(statement["implementation"]["url"], format!("{base}/fhir"));
    let search = check(&ask("GET", "/fhir/Patient?_count=1", ""), 3);
    let next = link(&search, "next").expect("more");
    check(&ask("GET", path(next), ""), 3);
}

#[test]
fn all_urls_begin_with_the_host_header() {
    let dir = filled_dir();
    let served = dir.serve(&["s.db", "--allow-host", "demo.example.org", "--allow-host", "a!b"]);
    let own = served.url.clone();
    for (host, base) in [
        (format!("Host: {}\r\n", served.authority()), own.as_str()),
        ("Host: demo.example.org:99\r\n".to_owned(), "http://demo.example.org:99"),
        ("Host: [::1]:8\r\n".to_owned(), "http://[::1]:8"),
        // These do not say where the server is, or not validly.
        (
            "Host: \r\nX-Forwarded-Host: evil.example.org\r\nForwarded: host=evil.example.org\r\n"
                .to_owned(),
            &own,
        ),
        ("Host: a!b\r\n".to_owned(), &own),
    ] {
        assert_urls_begin_with(&served, &host, base);
    }
}

#[test]
fn all_urls_begin_with_the_base_url_if_there_is_one() {
    let dir = filled_dir();
    for (given, base) in [
        ("https://example.org/demo", "https://example.org/demo"),
        ("https://example.org:8443/a/b/", "https://example.org:8443/a/b"),
    ] {
        let served = dir.serve(&["s.db", "--base-url", given, "--allow-host", "other.example.org"]);
        assert_urls_begin_with(&served, "Host: other.example.org\r\n", base);
        assert_eq!(
            get(served.authority(), "/demo/fhir/metadata", "").status,
            404,
            "only the proxy knows the path of the base URL"
        );
    }
}
