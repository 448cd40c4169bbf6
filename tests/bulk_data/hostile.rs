//! Hostile requests and data: odd references, endless lists, changes during an export.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::support::bulk::{ended, kick_off, path};
use crate::support::client::{get, send};
use crate::support::{Dir, Served, SetOnDrop};

/// Runs a whole export; the lines of its output files.
fn lines(served: &Served, target: &str, parameters: &[(&str, &str)], headers: &str) -> Vec<Value> {
    let started = kick_off(served.authority(), target, parameters, headers);
    let ended = ended(served.authority(), &started);
    assert_eq!(ended.status, 200, "{}", ended.text());
    let manifest = ended.json();
    let mut lines = Vec::new();
    for file in manifest["output"].as_array().expect("output") {
        let url = path(file["url"].as_str().expect("a url"));
        let text = served.get(url).text();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")));
    }
    lines
}

fn names(lines: &[Value]) -> Vec<String> {
    let part = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    lines
        .iter()
        .map(|line| format!("{}/{}", part(line, "resourceType"), part(line, "id")))
        .collect()
}

#[test]
fn a_malformed_reference_refers_to_nothing() {
    let dir = Dir::new();
    let id = "12345678-aaaa-bbbb";
    let mut data = format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n");
    for (n, link) in [
        "Patient/é/Patient/1",
        &format!("Patient/Patient/{id}"),
        &format!("Patient/x/Patient/{id}"),
        &format!("Patient/{id}/_historyfoo"),
        &format!("Patient/{id}/"),
        &format!("Patient/{id}#p"),
        &format!(" Patient/{id}"),
        &format!("urn:Patient/{id}"),
    ]
    .iter()
    .enumerate()
    {
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{n}"), "subject": {"reference": link},
            "device": {"reference": "Device/é/Device/1"}, "url": link, "content": {"url": "Doc/é/Doc/1"},
        });
        data += &format!("{observation}\n");
    }
    data += &format!(
        "{}\n",
        json!({"resourceType": "Observation", "id": "theirs", "subject": {"reference": format!("Patient/{id}")},
               "device": {"reference": "Device/é/Device/1"}})
    );
    dir.write("in.ndjson", data);
    assert_eq!(dir.import(0, &["s.db", "in.ndjson"])["created"], 10);
    let served = dir.serve(&["s.db"]);
    for target in ["/fhir/Patient/$export".to_owned(), format!("/fhir/Patient/{id}/$export")] {
        let found = names(&lines(&served, &target, &[], ""));
        assert_eq!(found, ["Observation/theirs".to_owned(), format!("Patient/{id}")], "{target}");
    }
    let odd = [("patient", "Patient/é/Patient/1")];
    kick_off(served.authority(), "/fhir/Patient/$export", &odd, "").assert_outcome(400, "patient");
}

#[test]
fn a_list_of_half_a_million_errors_is_answered_briefly() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    let list = "a,".repeat(500_000);
    for name in ["includeAssociatedData", "_type", "_elements", "patient", &list] {
        let value = if name == list { "x" } else { &list };
        let body = json!({"resourceType": "Parameters", "parameter": [{"name": name, "valueString": value}]});
        let body = body.to_string();
        let headers =
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let answer =
            send(served.authority(), "POST", "/fhir/Patient/$export", &headers, body.as_bytes());
        if name == "_elements" {
            // Any name may be an element.
            assert_eq!(answer.status, 202);
            continue;
        }
        answer.assert_outcome(400, "");
        assert!(answer.body.len() < 50_000, "{} bytes", answer.body.len());
    }
}

#[test]
fn lenient_handling_exports_none_of_the_patients_that_it_ignores() {
    let dir = Dir::new();
    let data = r#"{"resourceType":"Patient","id":"a"}
{"resourceType":"Patient","id":"b"}
{"resourceType":"Observation","id":"of-a","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"of-b","subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"of-ghost","subject":{"reference":"Patient/ghost"}}
{"resourceType":"Group","id":"g","member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/ghost"}}]}
"#;
    dir.write("in.ndjson", data);
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    let lenient = "Prefer: handling=lenient\r\n";
    for (target, asked, left) in [
        (
            "/fhir/Patient/$export",
            ["Patient/a", "Patient/ghost"],
            vec!["Observation/of-a", "Patient/a"],
        ),
        ("/fhir/Patient/$export", ["Patient/ghost", "nobody"], vec![]),
        ("/fhir/Group/g/$export", ["Patient/b", "Patient/ghost"], vec![]),
    ] {
        let parameters = asked.map(|patient| ("patient", patient));
        let types = [("_type", "Patient"), ("_type", "Observation")];
        let all = [&parameters[..], &types[..]].concat();
        assert_eq!(names(&lines(&served, target, &all, lenient)), left, "{target} {asked:?}");
        let strict = kick_off(served.authority(), target, &all, "");
        assert!(matches!(strict.status, 400 | 404), "{}", strict.text());
    }
}

#[test]
fn a_patient_parameter_that_cannot_be_read_selects_nobody() {
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}\n");
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    for odd in [
        r#""valueReference":{"display":"x"}"#,
        r#""valueReference":{"identifier":{"value":"1"}}"#,
        r#""valueReference":null"#,
        r#""valueString":"""#,
        r#""part":[]"#,
    ] {
        let body =
            format!(r#"{{"resourceType":"Parameters","parameter":[{{"name":"patient",{odd}}}]}}"#);
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\nPrefer: handling=lenient\r\n",
            body.len()
        );
        let started =
            send(served.authority(), "POST", "/fhir/Patient/$export", &headers, body.as_bytes());
        let manifest = ended(served.authority(), &started).json();
        assert_eq!(manifest["output"], json!([]), "{odd}");
        assert_eq!(manifest["error"][0]["count"], 1, "{odd}");
    }
}

/// A manifest tells the right sizes, also if every resource is replaced meanwhile.
#[test]
fn sizes_are_right_while_resources_are_replaced() {
    let dir = Dir::new();
    let round = |round: u32| -> String {
        let line = |n| {
            json!({"resourceType": "Observation", "id": format!("o{n}"), "round": round,
                   "subject": {"reference": "Patient/a"}, "content": {"url": "Binary/1"}})
        };
        (0..40).map(|n| format!("{}\n", line(n))).collect()
    };
    dir.write("in.ndjson", round(0));
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let _over = SetOnDrop(&over);
            for n in 1..25 {
                dir.write("in.ndjson", round(n));
                dir.import(0, &["s.db", "in.ndjson"]);
            }
        });
        for target in ["/fhir/$bulk-publish", "/fhir/$export", "/fhir/Patient/$export"] {
            let (served, over) = (&served, &over);
            scope.spawn(move || {
                let mut is_last = false;
                while !is_last {
                    is_last = over.load(Ordering::Relaxed);
                    let answer = get(served.authority(), target, "");
                    let manifest = match answer.status {
                        200 => answer.json(),
                        // An import has the store.
                        503 => continue,
                        _ => ended(served.authority(), &answer).json(),
                    };
                    let url = path(manifest["output"][0]["url"].as_str().expect("a url"));
                    let file = served.get(url);
                    assert_eq!(file.status, 200, "{}", file.text());
                    assert_eq!(file.text().lines().count(), 40);
                    let length = file.header("content-length").expect("a Content-Length");
                    assert_eq!(length, file.body.len().to_string());
                    assert!(file.body.ends_with(b"}\n"));
                }
            });
        }
    });
}
