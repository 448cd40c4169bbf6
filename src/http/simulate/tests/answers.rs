//! Status, body and headers of answers.

use serde_json::Value as Json;

use std::time::Duration;

use super::*;
use crate::http::simulate::answer::AnswerFault;

/// The answer to a kick-off.
fn accepted() -> PlainAnswer {
    PlainAnswer::outcome(202, "informational", "accepted").with("Content-Location", URL)
}

fn place() -> AnswerPlace<'static> {
    AnswerPlace { url: URL, now: NOW }
}

/// The answer instead, by one rule.
fn instead(short: &str) -> Option<PlainAnswer> {
    AnswerFault::of(&rule(short)).instead(place())
}

/// What becomes of the answer to a kick-off.
fn changed(short: &str) -> PlainAnswer {
    let decision = book(&[short]).decide(&request(FaultPlace::Kickoff, ""));
    assert_eq!(decision.instead, None, "{short}");
    let mut answer = accepted();
    decision.apply(&mut answer, place());
    answer
}

fn json(answer: &PlainAnswer) -> Json {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn errors_have_every_body() {
    let answer = instead("kickoff: status=429; retry_after=junk").unwrap();
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("soon")));
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    let outcome = json(&answer);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], "throttled");
    let answer = instead("status: status=500; code=transient; message=\"not now\"").unwrap();
    assert_eq!(json(&answer)["issue"][0]["code"], "transient");
    assert_eq!(json(&answer)["issue"][0]["diagnostics"], "not now");
    let answer = instead("file: status=502; body=text; message=bad").unwrap();
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.body, b"bad");
    assert_eq!(instead("file: status=504; body=empty").unwrap(), PlainAnswer::empty(504));
    assert_eq!(instead("status: status=204").unwrap(), PlainAnswer::empty(204));
    let other = instead("status: status=303").unwrap();
    assert_eq!((other.status, other.header("location")), (303, Some(URL)));
}

#[test]
fn the_token_endpoint_speaks_oauth() {
    for (short, status, error) in [
        ("token: status=401", 401, "invalid_client"),
        ("token: status=500", 500, "server_error"),
        ("token: error=invalid_scope", 400, "invalid_scope"),
        ("token: error=invalid_client; status=401; times=1", 401, "invalid_client"),
    ] {
        let answer = instead(short).unwrap();
        assert_eq!((answer.status, &json(&answer)["error"]), (status, &Json::from(error)));
    }
    let answer = instead("token: status=400; body=outcome").unwrap();
    assert_eq!(json(&answer)["resourceType"], "OperationOutcome");
}

#[test]
fn redirects_lead_elsewhere_or_nowhere() {
    for (short, status, location) in [
        ("file: redirect=foreign", 302, "http://localhost:8080/fhir/jobs/1"),
        ("file: redirect=loop; status=307", 307, URL),
        ("file: redirect=relative; status=308", 308, "/fhir/jobs/1"),
    ] {
        let answer = instead(short).unwrap();
        assert_eq!((answer.status, answer.header("location")), (status, Some(location)));
    }
    // At the other host, whichever it is, the request is answered; the next one is redirected again.
    let mut book = book(&["file: redirect=foreign"]);
    let (here, there) = ("http://127.0.0.1:8080/x", "http://localhost:8080/x");
    for (first, second) in [(here, there), ("http://localhost:8080/y", "http://127.0.0.1:8080/y")] {
        let mut ask = |url| {
            let at = AnswerPlace { url, now: NOW };
            let decision = book.decide(&FaultRequest { at, ..request(FaultPlace::File, "x") });
            decision.instead.map(|answer| answer.header("location").unwrap().to_owned())
        };
        assert_eq!([ask(first), ask(second)], [Some(second.to_owned()), None]);
        assert_eq!([ask(first), ask(second)], [Some(second.to_owned()), None]);
    }
}

#[test]
fn kick_offs_are_answered_wrongly() {
    for (short, status, location) in [
        ("kickoff: status=200", 200, Some(URL)),
        ("kickoff: content_location=absent", 202, None),
        ("kickoff: content_location=relative", 202, Some("/fhir/jobs/1")),
        ("kickoff: content_location=foreign", 202, Some("http://localhost:8080/fhir/jobs/1")),
    ] {
        let answer = changed(short);
        assert_eq!((answer.status, answer.header("content-location")), (status, location));
        assert_eq!(answer.body, accepted().body);
    }
    assert_eq!(
        changed("kickoff: retry_after=past").header("retry-after"),
        Some("Mon, 15 Jun 2020 09:00:00 GMT")
    );
    assert_eq!(changed("kickoff: retry_after=past; status=200").header("retry-after"), None);
}

#[test]
fn tokens_are_granted_otherwise() {
    let fault =
        TokenFault::of(&rule("token: lifetime=5; scope=\"system/Patient.rs\"; clock_offset=-60"));
    assert_eq!(fault.narrowed("system/Patient.rs system/Observation.rs"), "system/Patient.rs");
    assert_eq!(fault.narrowed("system/*.rs"), "system/Patient.rs");
    assert_eq!((fault.lifetime, fault.clock_offset), (Some(Duration::from_secs(5)), -60));
    assert_eq!(TokenFault::of(&rule("token: lifetime=5")).narrowed("a b"), "a b");
}

#[test]
fn the_note_fits_in_a_header() {
    let long = "ä".repeat(400);
    let mut book = book(&[&format!("read: status=500; message={long}"), "read: status=400"]);
    let note = book.decide(&request(FaultPlace::Read, "")).note;
    assert!(note.is_ascii() && note.starts_with("read: status=500; message=???"), "{note}");
    assert!(note.len() <= 1000);
}
