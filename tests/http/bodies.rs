//! Request bodies: media types, Parameters, the largest size.

use super::{MOST, ONLY_PATIENTS, post, types};
use crate::rest::filled;
use crate::support::client::send;

#[test]
fn each_name_of_json_is_accepted_and_other_media_types_are_415() {
    let (_dir, served) = filled();
    for kind in [
        "application/fhir+json",
        "application/json",
        "Application/FHIR+JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/fhir+json; fhirVersion=4.0",
    ] {
        let started = post(&served, "/fhir/$export", kind, ONLY_PATIENTS.as_bytes());
        assert_eq!(types(&served, &started), ["Patient"], "{kind}");
    }
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/fhir+xml",
        "application/fhir+ndjson",
        "application/json; charset=latin1",
        "multipart/form-data",
    ] {
        let answer = post(&served, "/fhir/$export", kind, ONLY_PATIENTS.as_bytes());
        answer.assert_outcome(415, "application/fhir+json");
    }
    // The type of an empty body does not matter.
    for kind in ["", "application/fhir+json", "text/plain"] {
        assert_eq!(types(&served, &post(&served, "/fhir/$export", kind, b"")).len(), 5, "{kind}");
    }
    let bare = send(served.authority(), "POST", "/fhir/$export", "", b"");
    assert_eq!(types(&served, &bare).len(), 5);
    // The parameters of query and body are combined.
    let both =
        post(&served, "/fhir/$export?_type=Group", "application/json", ONLY_PATIENTS.as_bytes());
    assert_eq!(types(&served, &both), ["Group", "Patient"]);
    let marked = format!("\u{feff} \r\n{ONLY_PATIENTS}\n");
    let started = post(&served, "/fhir/$export", "application/json", marked.as_bytes());
    assert_eq!(types(&served, &started), ["Patient"]);
}

#[test]
fn a_body_that_is_not_a_parameters_resource_is_400() {
    let (_dir, served) = filled();
    let cut = &ONLY_PATIENTS[..ONLY_PATIENTS.len() - 1];
    let twice = format!("{ONLY_PATIENTS}{ONLY_PATIENTS}");
    for body in [
        "{",
        "[]",
        "null",
        "1",
        "{}",
        " ",
        cut,
        twice.as_str(),
        r#"{"resourceType":"Patient","id":"a"}"#,
        r#"{"resourceType":"Parameters","parameter":{}}"#,
        r#"{"resourceType":"Parameters","parameter":[{}]}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":1,"valueString":"x"}]}"#,
    ] {
        for edition in ["$export", "$export-v4"] {
            let target = format!("/fhir/{edition}");
            let answer = post(&served, &target, "application/fhir+json", body.as_bytes());
            answer.assert_outcome(400, "the body is no Parameters resource");
        }
    }
    // Parameters with an unsupported value: lenient handling ignores that parameter.
    for odd in [
        r#"{"name":"_type"}"#,
        r#"{"name":"_type","valueString":null}"#,
        r#"{"name":"_type","valueString":"Patient","valueCode":"Group"}"#,
        r#"{"name":"_type","valueReference":{"display":"x"}}"#,
        r#"{"name":"_type","part":[]}"#,
    ] {
        let body = format!(r#"{{"resourceType":"Parameters","parameter":[{odd}]}}"#);
        let answer = post(&served, "/fhir/$export", "application/fhir+json", body.as_bytes());
        answer.assert_outcome(400, "parameter \"_type\" has a value");
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\nPrefer: handling=lenient\r\n",
            body.len()
        );
        let lenient = send(served.authority(), "POST", "/fhir/$export", &headers, body.as_bytes());
        assert_eq!(types(&served, &lenient).len(), 5, "{odd}");
    }
    let latin = post(&served, "/fhir/$export", "application/json", b"{\"resourceType\":\"\xe9\"}");
    latin.assert_outcome(400, "UTF-8");
}

#[test]
fn a_body_of_16_mib_is_accepted_and_one_byte_more_is_413() {
    let (_dir, served) = filled();
    let mut whole = ONLY_PATIENTS.as_bytes().to_vec();
    whole.resize(MOST, b' ');
    let started = post(&served, "/fhir/$export", "application/json", &whole);
    assert_eq!(types(&served, &started), ["Patient"]);
    let declared = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", MOST + 1);
    send(served.authority(), "POST", "/fhir/$export", &declared, b"{")
        .assert_outcome(413, "16777216");
    // The length of a chunked body shows only as it arrives; this chunk announces more than follows.
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut pieces = format!("{:x}\r\n", 2 * MOST).into_bytes();
    pieces.resize(pieces.len() + MOST + 1, b' ');
    send(served.authority(), "POST", "/fhir/$export", chunked, &pieces)
        .assert_outcome(413, "16777216");
    assert_eq!(served.get("/health").status, 200);
}
