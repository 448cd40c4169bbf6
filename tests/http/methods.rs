//! Paths, and the methods that they allow.

use std::collections::BTreeSet;

use super::{EXPORT, every_path, patients, two_types};
use crate::rest::filled;
use crate::support::client::send;

#[test]
fn health_is_200_and_not_cached() {
    let (_dir, served) = filled();
    let answer = served.get("/health");
    assert_eq!((answer.status, answer.text()), (200, "{\"status\":\"ok\"}\n".to_owned()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[test]
fn unknown_paths_are_404_and_other_methods_are_405() {
    let (_dir, served) = two_types();
    let authority = served.authority();
    assert_eq!(served.get("/bulk-data/r4/%24export").status, 200);
    assert_eq!(served.get(&format!("http://localhost:1{EXPORT}")).status, 200);
    for path in [
        "/x",
        "/bulk-data/r4",
        "/bulk-data/r4/$export/Patient",
        "/BULK-DATA/r4/$export",
        "//bulk-data",
    ] {
        assert_eq!(served.get(path).status, 404, "{path}");
    }
    served.get("/nowhere").assert_outcome(404, EXPORT);
    served.get("bulk-data/r4/$export").assert_outcome(400, "path");
    served.get("/bulk-data/stu3/$export").assert_outcome(404, "r4");
    served.get("/bulk-data/r4/Group/1/$export").assert_outcome(404, "Group/1 is not here");
    for path in [EXPORT, &patients(&served)] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
            let answer = send(authority, method, path, "Content-Length: 3\r\n", b"abc");
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
}

#[test]
fn every_path_allows_exactly_the_methods_in_its_allow_header() {
    let (_dir, served) = filled();
    for (path, allow) in every_path(&served) {
        let allowed: Vec<&str> = allow.split(", ").collect();
        // DELETE is last, because it deletes the export at the path.
        for method in ["OPTIONS", "HEAD", "GET", "POST", "PUT", "PATCH", "BREW", "DELETE"] {
            let answer = send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
            if allowed.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                assert!(answer.status < 300 || answer.status == 501, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            if method != "HEAD" {
                answer.assert_outcome(405, &format!("{method} is not supported here"));
            }
        }
    }
}

#[test]
fn head_on_every_path_is_get_without_the_body() {
    let (_dir, served) = filled();
    let mut paths: Vec<String> = every_path(&served)
        .into_iter()
        .filter(|(_, allow)| allow.contains("HEAD"))
        .map(|(path, _)| path)
        .collect();
    paths.extend(["/fhir/Patient/nobody", "/fhir/nothing", "/fhir/Patient?x=1"].map(str::to_owned));
    // Two of these manifests differ: the file names hold the time. Two pages of metrics differ too.
    paths.retain(|path| path != "/bulk-data/r4/$export" && path != "/metrics");
    for path in paths {
        let (get, head) = (served.get(&path), send(served.authority(), "HEAD", &path, "", b""));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.undated(), get.undated(), "{path}");
        assert_eq!(
            get.header("content-length"),
            Some(get.body.len().to_string().as_str()),
            "{path}"
        );
    }
}

#[test]
fn head_on_a_file_ignores_the_range() {
    let (_dir, served) = two_types();
    let path = patients(&served);
    let get = served.get(&path);
    let head = send(served.authority(), "HEAD", &path, "", b"");
    assert!(head.body.is_empty());
    let ranged = send(served.authority(), "HEAD", &path, "Range: bytes=0-9\r\n", b"");
    assert_eq!(ranged.status, 200);
    assert_eq!(ranged.header("content-length"), get.header("content-length"));
    for name in ["content-length", "content-type", "etag", "accept-ranges"] {
        assert_eq!(get.header(name), head.header(name), "{name}");
    }
    assert_eq!(send(served.authority(), "HEAD", EXPORT, "", b"").status, 200);
}

#[test]
fn no_header_is_sent_twice() {
    let (_dir, served) = filled();
    for (path, allow) in every_path(&served) {
        let method = if allow.starts_with("GET") { "GET" } else { "POST" };
        let answer = send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
        let names: Vec<&str> =
            answer.head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{path}: {names:?}");
    }
}
