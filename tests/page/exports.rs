//! The form of exports: the request that it shows is the one that it starts, and the API's answer is the page's.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::bulk::{ended_at, path};
use crate::support::client::{Answer, send};
use crate::support::oneup::encoded;
use crate::support::{Dir, Served, succeed, tool};

/// Texts that are code somewhere, or change what people see.
pub const HOSTILE: [&str; 6] = [
    "\"><script>alert(1)</script>",
    "'\u{202e}txt.exe",
    "javascript:alert(1)",
    "</textarea></pre></select><b>x</b>",
    "a\u{1b}[2Jb\u{0}c",
    "&quot;&#62;${7*7}{{7*7}}%3Cscript%3E",
];

/// A folder with a store `s.db` of two patients and a Group with a hostile name.
pub fn filled() -> Dir {
    let mut lines = String::new();
    for id in ["a", "b"] {
        lines += &format!(
            "{}\n",
            json!({"resourceType": "Patient", "id": id, "name": [{"text": HOSTILE.join(" ")}]})
        );
        let observation = json!({
            "resourceType": "Observation", "id": format!("o{id}"), "status": "final",
            "code": {"text": "x".repeat(5000)}, "subject": {"reference": format!("Patient/{id}")},
        });
        lines += &format!("{observation}\n");
    }
    lines += &format!("{}\n", json!({"resourceType": "Device", "id": "d"}));
    let member = json!([{"entity": {"reference": "Patient/a"}}]);
    let group = json!({
        "resourceType": "Group", "id": "g", "type": "person", "actual": true, "member": member,
        "name": HOSTILE.join(" "),
    });
    lines += &format!("{group}\n");
    let dir = Dir::new();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// Sends a form as a browser sends it from a screen of this server.
pub fn post(served: &Served, path: &str, headers: &str, fields: &[(&str, &str)]) -> Answer {
    let body = encoded(fields);
    let headers = format!(
        "Origin: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n{headers}",
        served.url,
        body.len()
    );
    send(served.authority(), "POST", path, &headers, body.as_bytes())
}

/// Starts an export with the form; the path of its screen.
pub fn started(served: &Served, headers: &str, fields: &[(&str, &str)]) -> String {
    let answer = post(served, "/exports", headers, fields);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location").expect("a Location");
    assert!(location.starts_with("/exports/"), "{location}");
    location.to_owned()
}

/// The path of the API's status of the export that has this screen.
pub fn status_of(screen: &str) -> String {
    screen.replace("/exports/", "/fhir/jobs/")
}

/// The manifest of the export that a screen shows, once it has ended.
pub fn manifest_of(served: &Served, screen: &str) -> Value {
    ended_at(served.authority(), &status_of(screen), "").json()
}

/// The text of HTML, as the first element with this beginning has it.
pub fn text_in(html: &str, begin: &str) -> String {
    let at = html.find(begin).unwrap_or_else(|| panic!("no {begin} in {html}"));
    let rest = &html[at + begin.len()..];
    unescaped(&rest[..rest.find('<').expect("an end")])
}

fn unescaped(html: &str) -> String {
    html.replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

/// Fails where a text of [`HOSTILE`] stands in HTML as it is.
pub fn assert_harmless(html: &str) {
    for code in ["<script>", "<b>", "href=\"javascript:", "\u{1b}", "\0"] {
        assert!(!html.contains(code), "{code:?} in {html}");
    }
}

#[test]
fn the_form_starts_the_request_that_it_shows() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for (fields, request) in [
        (&[][..], "/fhir/$export"),
        (
            &[
                ("level", "patient"),
                ("_type", "Patient"),
                ("_type", "Observation"),
                ("_elements", ""),
            ],
            "/fhir/Patient/$export?_type=Patient,Observation",
        ),
        (&[("level", "one"), ("patient_id", "b")], "/fhir/Patient/b/$export"),
        (
            &[("level", "group"), ("group_id", "g"), ("_since", "2001-01-01T00:00:00+02:00")],
            "/fhir/Group/g/$export?_since=2001-01-01T00:00:00%2B02:00",
        ),
        (
            &[("_typeFilter", "Patient?_id=a\r\nObservation?status=final&_id=oa,ob")],
            "/fhir/$export?_typeFilter=Patient%3F_id%3Da&_typeFilter=Observation%3Fstatus%3Dfinal%26_id%3Doa,ob",
        ),
    ] {
        let shown = served.get(&format!("/exports?{}", encoded(fields)));
        assert_eq!(shown.status, 200);
        let url = format!("{}{request}", served.url);
        let html = shown.text();
        assert_eq!(text_in(&html, "data-label=\"the URL\"><pre>"), url);
        let curl = text_in(&html, "data-label=\"the curl command\"><pre>");
        assert_eq!(curl, format!("curl -i -H 'Prefer: respond-async' '{url}'"));
        assert!(!html.contains("class=\"problem\""), "{html}");
        // The part that the script asks for is the same.
        let part = served.get(&format!("/exports?{}&part=request", encoded(fields))).text();
        assert!(html.contains(&part) && part.contains("<pre>"), "{part}");
        let screen = started(&served, "", fields);
        let by_form = manifest_of(&served, &screen);
        assert_eq!(by_form["request"], url);
        let by_client = served.get(&url);
        let by_client = ended_at(
            served.authority(),
            path(by_client.header("content-location").expect("a job")),
            "",
        )
        .json();
        let files = |manifest: &Value| served.files(manifest);
        assert_eq!(files(&by_form), files(&by_client), "{request}");
        assert!(!files(&by_form).is_empty());
        let html = served.get(&screen).text();
        assert!(html.contains("Finished: ") && html.contains("data-state=\"over\""), "{html}");
    }
}

#[test]
fn what_a_get_cannot_say_is_posted() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for (fields, path, wanted) in [
        (
            &[("level", "patient"), ("patient", "a, Patient/b"), ("_type", "Patient")][..],
            "/fhir/Patient/$export",
            json!({"resourceType": "Parameters", "parameter": [
                {"name": "_type", "valueString": "Patient"},
                {"name": "patient", "valueReference": {"reference": "Patient/a"}},
                {"name": "patient", "valueReference": {"reference": "Patient/b"}},
            ]}),
        ),
        (
            &[("protocol", "stu4"), ("_type", "Patient"), ("_type", "Device")],
            "/fhir/$export-v4",
            json!({"resourceType": "Parameters", "parameter": [
                {"name": "_type", "valueString": "Patient"}, {"name": "_type", "valueString": "Device"},
            ]}),
        ),
    ] {
        let html = served.get(&format!("/exports?{}", encoded(fields))).text();
        assert_eq!(text_in(&html, "data-label=\"the URL\"><pre>"), format!("{}{path}", served.url));
        let body: Value =
            serde_json::from_str(&text_in(&html, "data-label=\"the body\"><pre>")).expect("JSON");
        assert_eq!(body, wanted);
        let manifest = manifest_of(&served, &started(&served, "", fields));
        assert_eq!(manifest.get("manifestType").is_some(), path.ends_with("v4"));
        assert_eq!(
            manifest["output"][0]["count"].as_u64(),
            Some(if path.ends_with("v4") { 1 } else { 2 })
        );
    }
    // 1upHealth's protocol has its own URLs.
    let fields = [("protocol", "1up"), ("_type", "Patient")];
    let html = served.get(&format!("/exports?{}", encoded(&fields))).text();
    let url = format!("{}/bulk-data/r4/$export?_type=Patient", served.url);
    assert_eq!(text_in(&html, "data-label=\"the URL\"><pre>"), url);
    let html = served.get(&started(&served, "", &fields)).text();
    assert!(html.contains("href=\"/bulk-data/r4/$export/file/"), "{html}");
}

#[test]
fn the_commands_that_are_shown_work() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let fields = [
        ("level", "group"),
        ("group_id", "g"),
        ("_type", "Patient"),
        ("_type", "Observation"),
        ("_typeFilter", "Observation?_id=oa,o'b"),
    ];
    let html = served.get(&format!("/exports?{}", encoded(&fields))).text();
    let mut shell = Command::new("sh");
    let command = text_in(&html, "data-label=\"the command\"><pre>");
    let program = format!("PATH=\"$(dirname \"$PROGRAM\"):$PATH\"; {command}");
    let ran = succeed(
        shell
            .current_dir(dir.path(""))
            .env("PROGRAM", crate::support::FHIRLITE)
            .args(["-c", &program]),
    );
    assert!(ran.contains("2 resources"), "{ran}");
    let screen = started(&served, "", &fields);
    let files = served.files(&manifest_of(&served, &screen));
    for (name, bytes) in files {
        assert_eq!(dir.read(&format!("export/{name}.ndjson")), bytes, "{name}");
    }
    if tool("curl").is_none() {
        return;
    }
    let mut shell = Command::new("sh");
    let curl = text_in(&html, "data-label=\"the curl command\"><pre>");
    let answer = succeed(shell.args(["-c", &format!("{curl} -s")]));
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

#[test]
fn what_is_wrong_is_told_beside_what_was_typed() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for (fields, status, word) in [
        (&[("_since", "yesterday")][..], 400, "_since \"yesterday\" should be an instant"),
        (&[("level", "one"), ("patient_id", "nobody")], 404, "Patient/nobody is not here"),
        (&[("level", "group"), ("group_id", "nobody")], 404, "Group/nobody is not here"),
        (&[("level", "one")], 400, "the id of a patient is missing"),
        (&[("level", "system"), ("group_id", "g")], 400, "an id is given"),
        (
            &[("level", "patient"), ("_type", "Organization")],
            400,
            "outside of the Patient compartment",
        ),
        (&[("_type", "Martian")], 400, "no resource type"),
        (&[("patient", "a")], 400, "cannot be given here"),
        (&[("protocol", "1up"), ("_until", "2001-01-01")], 400, "not supported here"),
        (&[("_maximumFileSize", "-1")], 400, "should be a positive number of bytes"),
    ] {
        let answer = post(&served, "/exports", "", fields);
        assert_eq!(answer.status, status, "{fields:?}");
        let html = answer.text();
        assert!(text_in(&html, "role=\"alert\">").contains(word), "{word}: {html}");
        for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with('l')) {
            assert!(html.contains(&format!("value=\"{value}\"")), "{name} is lost: {html}");
        }
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
    let answer = post(&served, "/exports", "", &[]);
    assert_eq!(answer.status, 303);
    let headers =
        "Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 2\r\n";
    let answer = send(served.authority(), "POST", "/exports", headers, b"{}");
    assert_eq!(answer.status, 415, "{}", answer.text());
    let answer = send(served.authority(), "PUT", "/exports", "", b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD, POST")));
}

#[test]
fn another_site_starts_nothing() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n";
    for from in ["", "Origin: https://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let answer = send(served.authority(), "POST", "/exports", &format!("{form}{from}"), b"");
        assert_eq!(answer.status, 403, "{from}");
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
}

#[test]
fn nothing_that_is_typed_or_stored_becomes_code() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let names = [
        "level",
        "protocol",
        "patient_id",
        "group_id",
        "_type",
        "_since",
        "_elements",
        "_typeFilter",
        "patient",
        "_outputFormat",
        "organizeOutputBy",
        "_maximumFileSize",
        "before",
        "gone",
        "x",
    ];
    for hostile in HOSTILE {
        for name in names {
            let fields = [(name, hostile)];
            let query = encoded(&fields);
            for target in ["", "&part=request", "&level=one&patient_id=x", "&protocol=stu4"] {
                let answer = served.get(&format!("/exports?{query}{target}"));
                assert_eq!(answer.status, 200, "{name} {hostile:?}");
                assert_harmless(&answer.text().replace(['\u{1b}', '\0'], ""));
            }
            assert_harmless(
                &post(&served, "/exports", "", &fields).text().replace(['\u{1b}', '\0'], ""),
            );
        }
    }
    let html = served.get("/exports").text();
    assert!(html.contains("&#60;script&#62;alert(1)"), "the name of the Group is shown: {html}");
    let long = "x".repeat(100_000);
    let answer = post(&served, "/exports", "", &[("_since", &long)]);
    assert_eq!(answer.status, 400);
}
