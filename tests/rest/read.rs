//! Reads of resources, versions and Binary content.

use super::{FHIR_JSON, filled, line};

#[test]
fn a_read_returns_the_resource_byte_for_byte_with_validators() {
    let (_dir, served) = filled();
    for (id, etag, modified) in [
        ("a", "W/\"1\"", "Mon, 15 Jun 2020 10:00:00 GMT"),
        ("b", "W/\"7\"", "Mon, 15 Jun 2020 12:00:00 GMT"),
    ] {
        let target = format!("/fhir/Patient/{id}");
        let answer = served.get(&target);
        assert_eq!((answer.status, answer.text()), (200, line("Patient", id)));
        assert_eq!(answer.header("content-type"), FHIR_JSON);
        assert_eq!(answer.header("etag"), Some(etag));
        assert_eq!(answer.header("last-modified"), Some(modified));
        for known in [etag, "*", etag.trim_start_matches("W/"), &format!("\"x\", {etag}")] {
            let again = served.get_with(&target, &format!("If-None-Match: {known}\r\n"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), Some(etag));
            assert_eq!(again.header("content-length"), None);
        }
        let other = served.get_with(&target, "If-None-Match: W/\"2\"\r\n");
        assert_eq!((other.status, other.text()), (200, line("Patient", id)));
    }
    // The URL of an attachment stays relative: only exports make it absolute.
    assert_eq!(served.get("/fhir/DocumentReference/d").text(), line("DocumentReference", "d"));
    served.get("/fhir/Patient/%61").assert_same(&served.get("/fhir/Patient/a"));
}

#[test]
fn an_unknown_resource_is_404_and_a_deleted_one_is_410() {
    let (_dir, served) = filled();
    served.get("/fhir/Patient/nobody").assert_outcome(404, "Patient/nobody");
    served.get("/fhir/Observation/gone").assert_outcome(410, "Observation/gone");
    served.get("/fhir/Patient/gone").assert_outcome(404, "Patient/gone");
    served.get("/fhir/Device/x").assert_outcome(404, "Device/x");
    for target in [
        "/fhir/Martian",
        "/fhir/Martian/x",
        "/fhir/patient/a",
        "/fhir/Patient/a/Martian",
        "/fhir/Group/g/Observation",
        "/fhir/Patient/a/$nothing",
        "/fhir/Observation/o/$everything",
        "/fhir/Patient/$everything",
        "/fhir/Patient/a/_history/1/_history",
        "/fhir/Observation/$export",
        "/fhir/Observation/o/$export",
        "/FHIR/metadata",
        "/fhir/$export/x",
        "/fhir/metadata/x",
        "/health/x",
    ] {
        served.get(target).assert_outcome(404, "");
    }
    // Its earlier version is still there.
    assert_eq!(served.get("/fhir/Observation/gone/_history/1").text(), line("Observation", "gone"));
}

#[test]
fn every_version_in_the_store_can_be_read() {
    let (dir, served) = filled();
    dir.write("more.ndjson", r#"{"resourceType":"Patient","id":"a","active":true}"#);
    dir.import(0, &["s.db", "more.ndjson"]);
    let now = served.get("/fhir/Patient/a");
    assert_eq!(now.header("etag"), Some("W/\"2\""));
    assert_eq!(now.text(), dir.get("s.db", "Patient/a"));
    served.get("/fhir/Patient/a/_history/2").assert_same(&now);
    let before = served.get("/fhir/Patient/a/_history/1");
    assert_eq!((before.status, before.text()), (200, line("Patient", "a")));
    assert_eq!(before.header("etag"), Some("W/\"1\""));
    assert_eq!(before.header("last-modified"), Some("Mon, 15 Jun 2020 10:00:00 GMT"));
    let known = "If-None-Match: W/\"1\"\r\n";
    assert_eq!(served.get_with("/fhir/Patient/a", known).status, 200);
    assert_eq!(served.get_with("/fhir/Patient/a/_history/1", known).status, 304);
    for version in ["3", "0", "x", "%2e%2e"] {
        let target = format!("/fhir/Patient/a/_history/{version}");
        served.get(&target).assert_outcome(404, "version");
    }
    served.get("/fhir/Patient/nobody/_history/1").assert_outcome(404, "Patient/nobody");
}

#[test]
fn a_binary_is_returned_as_its_content_unless_fhir_is_requested() {
    let (_dir, served) = filled();
    let raw_text = ("text/plain", "hello".to_owned());
    let raw_json = ("application/json", "{\"a\":1}".to_owned());
    let fhir = |id: &str| ("application/fhir+json", line("Binary", id));
    let accept = |value: &str| format!("Accept: {value}\r\n");
    for (target, headers, expected) in [
        ("text", String::new(), &raw_text),
        ("text", accept("*/*"), &raw_text),
        ("text", accept("text/plain"), &raw_text),
        ("text", accept("image/png"), &raw_text),
        ("text", accept("application/fhir+json"), &fhir("text")),
        ("text", accept("application/fhir+json; fhirVersion=4.0"), &fhir("text")),
        ("text", accept("application/json"), &fhir("text")),
        ("text", accept("Application/FHIR+JSON, */*;q=0.1"), &fhir("text")),
        ("text", accept("text/plain") + &accept("application/fhir+json"), &raw_text),
        ("text", accept("image/png") + &accept("application/fhir+json"), &fhir("text")),
        ("text", accept("application/fhir+json;q=0, */*"), &raw_text),
        ("text?_format=json", String::new(), &fhir("text")),
        ("text?_format=application/fhir%2Bjson", accept("text/plain"), &fhir("text")),
        ("text?_format=text/plain", accept("application/fhir+json"), &raw_text),
        ("json", String::new(), &raw_json),
        ("json", accept("application/json"), &raw_json),
        ("json", accept("application/fhir+json"), &fhir("json")),
        ("json?_format=application/fhir%2Bjson", accept("application/json"), &fhir("json")),
        ("empty", String::new(), &("text/plain", String::new())),
        ("empty", accept("application/fhir+json"), &fhir("empty")),
        // Data that is not base64 cannot be decoded, so the answer is the resource.
        ("broken", String::new(), &fhir("broken")),
        ("text/_history/1", String::new(), &raw_text),
    ] {
        let answer = served.get_with(&format!("/fhir/Binary/{target}"), &headers);
        assert_eq!(answer.status, 200, "{target} {headers:?}");
        let got = (answer.header("content-type").unwrap(), answer.text());
        assert_eq!(got, *expected, "{target} {headers:?}");
        assert_eq!(answer.header("etag"), Some("W/\"1\""));
        assert_eq!(answer.header("vary"), Some("Accept, Origin"));
    }
    assert_eq!(served.get_with("/fhir/Binary/text", "If-None-Match: W/\"1\"\r\n").status, 304);
}
