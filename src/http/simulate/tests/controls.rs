//! The control routes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;

fn entry(path: &str) -> JournalEntry {
    JournalEntry {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers: BTreeMap::new(),
        status: 200,
        bytes: Arc::new(7.into()),
        time: NOW.to_string(),
        fault: "file: bom".to_owned(),
    }
}

#[test]
fn rules_are_put_got_and_deleted() {
    let mut simulation = Simulation::default();
    let mut ask = |method: &str, body: &str| {
        let answer = simulation.answer(method, "/faults", body.as_bytes())?.unwrap();
        Ok::<_, crate::error::Error>(String::from_utf8(answer.body).unwrap())
    };
    assert_eq!(ask("GET", "").unwrap(), "[]");
    ask("PUT", r#"["file: bom",{"at":"status","polls":1}]"#).unwrap();
    let rules: Json = serde_json::from_str(&ask("GET", "").unwrap()).unwrap();
    assert_eq!(rules, json!([{"at": "file", "bom": true}, {"at": "status", "polls": 1}]));
    let message = ask("PUT", "file: bon").unwrap_err().to_string();
    assert!(message.starts_with("line 1: \"bon\""), "{message}");
    assert_eq!(serde_json::from_str::<Json>(&ask("GET", "").unwrap()).unwrap(), rules);
    ask("DELETE", "").unwrap();
    assert_eq!(ask("GET", "").unwrap(), "[]");
    assert!(simulation.answer("PUT", "/faults", b"\xff").is_err());
    assert_eq!(simulation.answer("POST", "/faults", b"").unwrap(), None);
    assert_eq!(simulation.answer("GET", "/fhir", b"").unwrap(), None);
    assert_eq!(control_methods("/faults"), Some("GET, PUT, DELETE, OPTIONS"));
    assert_eq!(control_methods("/fhir"), None);
}

#[test]
fn requests_are_listed_and_forgotten() {
    let mut simulation = Simulation::new(vec![rule("file: bom")]);
    simulation.journal.add(entry("/a"));
    simulation.journal.add(entry("/b"));
    let listed = |simulation: &mut Simulation| -> Json {
        let answer = simulation.answer("GET", "/requests", b"").unwrap().unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    };
    let requests = listed(&mut simulation);
    assert_eq!((&requests[0]["path"], &requests[1]["bytes"]), (&json!("/a"), &json!(7)));
    simulation.answer("DELETE", "/requests", b"").unwrap();
    assert_eq!(listed(&mut simulation), json!([]));
    simulation.journal.add(entry("/c"));
    simulation.answer("PUT", "/faults", b"[]").unwrap();
    simulation.reset();
    assert_eq!((listed(&mut simulation), simulation.books.rules().count()), (json!([]), 1));
}

#[test]
fn the_clock_goes_ahead_only() {
    assert_eq!(clock_advance(br#"{"advance": 1.5}"#).unwrap(), Duration::from_millis(1500));
    for (body, word) in [
        ("", "not as it should be"),
        (r#"{"advance": -1}"#, "advance is -1"),
        (r#"{"advance": 1e300}"#, "from 0 to"),
        (r#"{"ahead": 1}"#, "unknown field"),
    ] {
        let message = clock_advance(body.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(word), "{body}: {message}");
    }
}
