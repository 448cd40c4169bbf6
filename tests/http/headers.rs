//! Headers through the real door: every spelling that their grammars allow.

use crate::support::bulk::path;
use crate::support::client::{Answer, send};
use crate::support::{Dir, Served, gzip, served};

const LINES: &str = r#"{"resourceType":"Patient","id":"a","name":[{"family":"Grün & Söhne"}]}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1,2","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Group","id":"g","name":"A+B, 100% & more"}
{"resourceType":"Binary","id":"pdf","contentType":"Application/PDF; a=b","data":"aGVsbG8="}
"#;

fn filled() -> (Dir, Served) {
    served(LINES)
}

fn post(served: &Served, path: &str, headers: &str, body: &[u8]) -> Answer {
    let headers = format!("{headers}Content-Length: {}\r\n", body.len());
    send(served.authority(), "POST", path, &headers, body)
}

/// The path of the file of patients.
fn file(served: &Served) -> String {
    let manifest = served.manifest("?_type=Patient");
    path(manifest["output"][0]["url"].as_str().unwrap()).to_owned()
}

#[test]
fn a_form_is_a_form_in_every_spelling() {
    let (_dir, served) = filled();
    for (content_type, status) in [
        ("application/x-www-form-urlencoded", 200),
        ("Application/X-WWW-Form-Urlencoded", 200),
        ("APPLICATION/X-WWW-FORM-URLENCODED;charset=UTF-8", 200),
        ("application/x-www-form-urlencoded ; Charset=\"utf-8\"", 200),
        ("application/x-www-form-urlencoded; a=\"x;y,z\"", 200),
        ("application/json", 415),
        ("text/plain; a=\"application/x-www-form-urlencoded\"", 415),
    ] {
        let headers = format!("Content-Type: {content_type}\r\n");
        let answer = post(&served, "/fhir/Patient/_search", &headers, b"_id=a");
        assert_eq!(answer.status, status, "{content_type}: {}", answer.text());
    }
    // A body in a content coding is refused, not misread.
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (coding, status) in [("Identity", 200), ("gzip", 415)] {
        let headers = format!("{form}Content-Encoding: {coding}\r\n");
        let answer = post(&served, "/fhir/Patient/_search", &headers, b"_id=a");
        assert_eq!(answer.status, status, "{coding}");
    }
}

#[test]
fn a_kick_off_is_read_in_every_spelling_of_its_media_type() {
    let (_dir, served) = filled();
    let body =
        br#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"}]}"#;
    for (content_type, status) in [
        ("application/fhir+json", 202),
        ("Application/JSON; charset=\"UTF-8\"", 202),
        ("application/fhir+json; fhirVersion=\"4.0; charset=latin1\"", 202),
        ("application/fhir+json; charset=latin1", 415),
        ("application/fhir+xml; a=\"application/json\"", 415),
    ] {
        let headers = format!("Content-Type: {content_type}\r\n");
        let answer = post(&served, "/fhir/$export", &headers, body);
        assert_eq!(answer.status, status, "{content_type}: {}", answer.text());
    }
    let headers = "Content-Type: application/json\r\nContent-Encoding: gzip\r\n";
    post(&served, "/fhir/$export", headers, &gzip(body)).assert_outcome(415, "gzip");
}

#[test]
fn accept_is_read_with_weights_wildcards_and_quotes() {
    let (_dir, served) = filled();
    for (accept, status) in [
        ("Accept: APPLICATION/FHIR+JSON\r\n", 200),
        ("Accept: text/html;q=0.9, */*;q=0.1\r\n", 200),
        ("Accept: application/fhir+json;profile=\"a, b;q=0\"\r\n", 200),
        ("Accept: text/html\r\nAccept: application/json\r\n", 200),
        ("Accept: text/html;a=\"x, application/json\"\r\n", 406),
        ("Accept: application/json;q=0\r\n", 406),
        ("Accept: application/json; Q=\"0.0\"\r\n", 406),
        ("Accept: */*;q=0\r\n", 406),
        ("Accept: application/*;q=0, */*\r\n", 406),
    ] {
        let answer = served.get_with("/fhir/Patient/a", accept);
        assert_eq!(answer.status, status, "{accept}");
    }
}

#[test]
fn a_binary_is_its_content_unless_json_is_asked_for() {
    let (_dir, served) = filled();
    let json = Some("application/fhir+json");
    let content = Some("Application/PDF; a=b");
    for (query, accept, media) in [
        ("", "application/pdf", content),
        ("", "application/fhir+json, application/pdf", content),
        ("", "application/fhir+json, application/pdf;q=0", json),
        ("", "application/fhir+json;q=0, */*", content),
        ("?_format=json", "*/*", json),
        ("?_format=application/fhir%2Bjson", "*/*", json),
        ("?_format=application/fhir+json", "*/*", json),
        ("?_format=Application/FHIR%2BJSON;charset=utf-8", "*/*", json),
        ("?_format=application/pdf", "application/fhir+json", content),
    ] {
        let target = format!("/fhir/Binary/pdf{query}");
        let answer = served.get_with(&target, &format!("Accept: {accept}\r\n"));
        assert_eq!(answer.header("content-type"), media, "{query} {accept}");
    }
}

#[test]
fn gzip_is_negotiated_by_weights_and_wildcards() {
    let (_dir, served) = filled();
    let file = file(&served);
    for (headers, gzip) in [
        ("Accept-Encoding: *\r\n", true),
        ("Accept-Encoding: x-gzip\r\n", true),
        ("Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n", true),
        ("Accept-Encoding: identity;q=0.5, *\r\n", true),
        ("Accept-Encoding: gzip;q=0, *\r\n", false),
        ("Accept-Encoding: gzip; q=\"0\"\r\n", false),
        ("Accept-Encoding: *;q=0\r\n", false),
        ("Accept-Encoding: identity, *;q=0.5\r\n", false),
    ] {
        let answer = served.get_with(&file, headers);
        assert_eq!(answer.status, 200, "{headers}");
        let coding = answer.header("content-encoding");
        assert_eq!(coding, gzip.then_some("gzip"), "{headers}");
    }
}

#[test]
fn entity_tags_may_have_commas() {
    let (_dir, served) = filled();
    assert_eq!(served.get("/fhir/Patient/b").header("etag"), Some("W/\"1,2\""));
    for (tags, status) in [
        ("W/\"1,2\"", 304),
        ("\"x\", \"1,2\"", 304),
        ("*", 304),
        ("\"1\", \"2\"", 200),
        ("1,2", 200),
    ] {
        let answer = served.get_with("/fhir/Patient/b", &format!("If-None-Match: {tags}\r\n"));
        assert_eq!(answer.status, status, "{tags}");
    }
}

#[test]
fn if_match_and_if_range_compare_strongly() {
    let (_dir, served) = filled();
    let file = file(&served);
    let etag = served.get(&file).header("etag").unwrap().to_owned();
    for (headers, status) in [
        (format!("If-Match: {etag}\r\n"), 200),
        ("If-Match: *\r\n".to_owned(), 200),
        (format!("If-Match: W/{etag}\r\n"), 412),
        (format!("If-None-Match: W/{etag}\r\n"), 304),
        (format!("Range: bytes=0-9\r\nIf-Range: {etag}\r\n"), 206),
        (format!("Range: bytes=0-9\r\nIf-Range: W/{etag}\r\n"), 200),
        ("Range: bytes=0-9\r\nIf-Range: Thu, 01 Jan 2026 00:00:00 GMT\r\n".to_owned(), 200),
    ] {
        assert_eq!(served.get_with(&file, &headers).status, status, "{headers}");
    }
}

#[test]
fn ranges_are_read_in_every_spelling() {
    let (_dir, served) = filled();
    let file = file(&served);
    for (range, status, length) in [
        ("Range: bytes=0-9\r\n", 206, Some(10)),
        ("Range: Bytes=0-9\r\n", 206, Some(10)),
        ("Range: bytes=, 0-9 ,\r\n", 206, Some(10)),
        ("Range: bytes=0-1, 3-4\r\n", 200, None),
        ("Range: bytes=0-1\r\nRange: bytes=3-4\r\n", 200, None),
        ("Range: bytes=999999-\r\n", 416, None),
    ] {
        let answer = served.get_with(&file, range);
        assert_eq!(answer.status, status, "{range}");
        assert!(length.is_none_or(|length| answer.body.len() == length), "{range}");
    }
}

#[test]
fn a_quoted_value_is_not_another_preference() {
    let (_dir, served) = filled();
    for (prefer, applied) in [
        (
            "Prefer: respond-async, handling=\"lenient\"\r\n",
            Some("respond-async, handling=lenient"),
        ),
        (
            "Prefer: Respond-Async\r\nPrefer: handling = strict\r\n",
            Some("respond-async, handling=strict"),
        ),
        ("Prefer: note=\"x, respond-async; handling=lenient\"\r\n", None),
    ] {
        let answer = served.get_with("/fhir/$export", prefer);
        assert_eq!(answer.status, 202, "{prefer}");
        assert_eq!(answer.header("preference-applied"), applied, "{prefer}");
    }
}

#[test]
fn query_strings_and_forms_are_decoded_once() {
    let (_dir, served) = filled();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (query, found) in [
        ("name=A%2BB%2C%20100%25%20%26%20more", 1),
        ("name:exact=A%2BB", 0),
        ("name=A%2BB", 1),
        ("name=a%2bb", 1),
        ("name=A+B", 0),
        ("name:contains=100%25+%26+more", 1),
        ("name:contains=+100%", 1),
        ("name:contains=100%2525", 0),
        ("&&name=A%2BB&", 1),
        ("name=%FF", 0),
    ] {
        let answers = [
            served.get(&format!("/fhir/Group?{query}")),
            post(&served, "/fhir/Group/_search", form, query.as_bytes()),
        ];
        for answer in answers {
            assert_eq!(answer.status, 200, "{query}: {}", answer.text());
            assert_eq!(answer.json()["total"], found, "{query}");
        }
    }
    // In a path `+` stands for itself, and everything else may be encoded.
    for (target, status) in [
        ("/fhir/%24export", 202),
        ("/%66hir/%50atient/a", 200),
        ("/fhir/%2524export", 404),
        ("/fhir/Patient/a+", 404),
    ] {
        assert_eq!(served.get(target).status, status, "{target}");
    }
}

#[test]
fn a_content_length_has_digits_only() {
    let (_dir, served) = filled();
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for (length, status) in [
        ("5", 200),
        ("05", 200),
        ("+5", 400),
        ("-5", 400),
        ("5, 5", 400),
        ("5\r\nContent-Length: 6", 400),
    ] {
        let headers = format!("{form}Content-Length: {length}\r\n");
        let answer = send(served.authority(), "POST", "/fhir/Patient/_search", &headers, b"_id=a");
        assert_eq!(answer.status, status, "{length}");
    }
}
