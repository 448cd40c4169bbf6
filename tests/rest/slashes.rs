//! A slash too many, as where a client joins a base and a path.

use super::filled;
use crate::support::client::send;

#[test]
fn slashes_behind_the_base_and_at_the_end_do_not_count() {
    let (_dir, served) = filled();
    for (odd, plain) in [
        ("/fhir/metadata/", "/fhir/metadata"),
        ("//fhir//metadata", "/fhir/metadata"),
        ("/fhir/Patient/a/", "/fhir/Patient/a"),
        ("/fhir//Patient/a//", "/fhir/Patient/a"),
        ("/fhir/Patient/a/_history/1/", "/fhir/Patient/a/_history/1"),
        ("/fhir/OperationDefinition/export/", "/fhir/OperationDefinition/export"),
        ("/health/", "/health"),
    ] {
        let (odd, plain) = (served.get(odd), served.get(plain));
        assert_eq!((odd.status, odd.text()), (200, plain.text()));
    }
    let ids = |target: &str| super::ids(&super::bundle(&served, target));
    assert_eq!(ids("/fhir/Patient/?_id=a,b"), ["a", "b"]);
    for target in
        ["/fhir//$export", "/fhir/$export/", "/fhir/Patient/$export/", "/fhir//Group/g/$export"]
    {
        assert_eq!(served.get(target).status, 202, "{target}");
    }
    let polled = served.get("/fhir//$export").header("content-location").unwrap().to_owned();
    assert_eq!(served.get(&format!("{polled}/")).status, 200);
    for target in ["/bulk-data//r4//$export", "/bulk-data/r4/$export/", "/fhir//$bulk-publish/"] {
        let manifest = served.get(target);
        assert_eq!(manifest.status, 200, "{target}");
        let url = manifest.json()["output"][0]["url"].as_str().unwrap().to_owned();
        assert_eq!(served.get(&url).status, 200, "{url}");
    }
}

/// A client whose variable is empty asks for nobody, and gets nobody instead of everybody.
#[test]
fn an_empty_id_does_not_widen_a_request() {
    let (_dir, served) = filled();
    for (method, target) in [
        ("GET", "/fhir/Patient//$export"),
        ("POST", "/fhir/Patient//$export"),
        ("POST", "/fhir/Patient//$export-v4"),
        ("GET", "/fhir/Group//$export"),
        ("GET", "/fhir//Patient//$export/"),
        ("GET", "/bulk-data/r4/Group//$export"),
        ("GET", "/fhir/Patient//_history/1"),
        ("GET", "/fhir/Patient//_history"),
        ("GET", "/fhir/Patient//$everything"),
        ("POST", "/fhir//_search"),
        ("DELETE", "/fhir/jobs/"),
        ("DELETE", "/fhir/jobs//"),
    ] {
        let answer = send(served.authority(), method, target, "Content-Length: 0\r\n", b"");
        assert_eq!(answer.status, 404, "{method} {target}: {}", answer.text());
    }
    assert_eq!(served.get("/fhir/Patient%2Fa").status, 404);
    // The page, which stands at `/`.
    assert_eq!(served.get("//").header("content-type"), Some("text/html; charset=utf-8"));
}
