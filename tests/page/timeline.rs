//! The timeline of a patient and its plots.

use serde_json::{Value, json};

use crate::support::client::{Answer, get};
use crate::support::oneup::Tenants;
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served, served, until};

/// Text that is markup, ends attributes, turns the direction of writing and rules a terminal.
const HOSTILE: &str = "</title>'\"><script>alert(1)</script>\u{202e}\u{1b}[2J";

/// The most bytes of a screen over the wire.
const MOST_BYTES: usize = 60_000;

fn lines(resources: &[Value]) -> String {
    resources.iter().map(|resource| format!("{resource}\n")).collect()
}

fn observation(id: &str, date: &str, code: &str, value: &Value, unit: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p"},
        "effectiveDateTime": date, "code": {"text": code}, "valueQuantity": {"value": value, "unit": unit}})
}

fn pressure(id: &str, date: &str, [high, low]: [u32; 2]) -> Value {
    let component = |name: &str, value: u32| json!({"code": {"text": name}, "valueQuantity": {"value": value, "unit": "mm[Hg]"}});
    json!({"resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": "Patient/p"},
        "effectiveDateTime": date, "code": {"text": "Blood pressure"},
        "component": [component("Systolic", high), component("Diastolic", low)]})
}

fn of_patient(resource_type: &str, id: &str, more: &Value) -> Value {
    let mut resource =
        json!({"resourceType": resource_type, "id": id, "subject": {"reference": "Patient/p"}});
    for (name, value) in more.as_object().expect("an object") {
        resource[name] = value.clone();
    }
    resource
}

/// A patient with some of everything.
fn data() -> String {
    lines(&[
        json!({"resourceType": "Patient", "id": "p", "birthDate": "1950-02-03", "gender": "female",
            "name": [{"family": "Doe", "given": ["Jane"]}],
            "identifier": [{"type": {"text": "MRN"}, "value": "4711"}]}),
        json!({"resourceType": "Patient", "id": "other", "name": [{"text": "Somebody Else"}]}),
        json!({"resourceType": "Medication", "id": "m", "code": {"text": "Aspirin"}}),
        of_patient(
            "Encounter",
            "e",
            &json!({"status": "finished", "type": [{"text": "Checkup"}], "period": {"start": "2020-01-01", "end": "2020-01-02"}}),
        ),
        of_patient(
            "Condition",
            "c",
            &json!({"code": {"text": "Asthma"}, "onsetDateTime": "2001", "abatementDateTime": "2015-06"}),
        ),
        of_patient(
            "MedicationRequest",
            "r",
            &json!({"status": "active", "intent": "order", "authoredOn": "2020-01-01", "medicationReference": {"reference": "Medication/m"}}),
        ),
        of_patient(
            "Procedure",
            "u",
            &json!({"status": "completed", "code": {"text": "Without a date"}}),
        ),
        pressure("b1", "2019-05-05", [120, 80]),
        pressure("b2", "2020-05-05", [135, 85]),
        observation("w1", "2019-05-05", "Weight", &json!(70.50), "kg"),
        observation("w2", "2020-05-05", "Weight", &json!(71), "kg"),
        observation("once", "2020-05-05", "Height", &json!(170), "cm"),
        json!({"resourceType": "Observation", "id": "foreign", "status": "final", "code": {"text": "Foreign"},
            "subject": {"reference": "Patient/other"}, "effectiveDateTime": "2020", "valueInteger": 1}),
    ])
}

fn screen(served: &Served, target: &str) -> String {
    let answer = served.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    answer.text()
}

/// The screen as it goes over the wire.
fn packed(served: &Served, target: &str) -> Answer {
    get(served.authority(), target, "Accept-Encoding: gzip\r\n")
}

#[test]
fn a_patient_is_shown_with_facts_lanes_plots_and_a_list() {
    let (_dir, served) = served(&data());
    let html = screen(&served, "/browse/Patient/p/timeline");
    for text in [
        "<h1><bdi>Jane Doe</bdi></h1>",
        "<dd>1950-02-03</dd>",
        "<dd>female</dd>",
        "<dt><bdi>MRN</bdi></dt><dd><bdi>4711</bdi></dd>",
        // A lane of each type, named; a bar with its dates.
        ">Encounter</text>",
        ">Observation</text>",
        "<title>Asthma, 2001 to 2015-06</title></rect>",
        // A Medication names what was ordered; what has no date is in the list.
        "<a href=\"/browse/MedicationRequest/r\"><bdi>Aspirin</bdi></a>",
        "Without a date",
        "1 without a date is in the list only",
        // Numbers as they are written.
        "70.5",
        "<strong><bdi>135 / 85</bdi></strong> <bdi>mm[Hg]</bdi>",
        "2 measurements, from 80 to 135",
    ] {
        assert!(html.contains(text), "{text} is missing: {html}");
    }
    assert!(!html.contains("Foreign") && !html.contains("Somebody"), "{html}");
    // Two plots, for what was measured twice; one of them has two lines.
    assert_eq!(html.matches("class=\"plot\"").count(), 2);
    assert_eq!(html.matches("<polyline").count(), 3);
    assert_eq!(html.matches("<h1").count(), 1);
    // The list has the newest first.
    let places: Vec<usize> = [
        "/browse/Observation/b2",
        "/browse/Encounter/e",
        "/browse/Condition/c",
        "/browse/Procedure/u",
    ]
    .map(|path| html.rfind(path).expect(path))
    .into();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn hostile_data_stays_text() {
    let code = json!({"text": HOSTILE, "coding": [{"system": HOSTILE, "code": HOSTILE}]});
    let hostile = |id: &str, date: &str| {
        json!({"resourceType": "Observation", "id": id, "status": HOSTILE, "subject": {"reference": "Patient/p"},
            "effectiveDateTime": date, "code": code,
            "referenceRange": [{"text": HOSTILE}], "valueQuantity": {"value": 1, "unit": HOSTILE},
            "component": [{"code": code, "valueQuantity": {"value": 2, "unit": HOSTILE}}]})
    };
    let (_dir, served) = served(&lines(&[
        json!({"resourceType": "Patient", "id": "p", "birthDate": HOSTILE, "gender": HOSTILE, "deceasedDateTime": HOSTILE,
            "name": [{"text": format!("{HOSTILE}{}", "w".repeat(500))}],
            "identifier": [{"type": {"text": HOSTILE}, "value": HOSTILE}, {"system": "javascript:alert(1)", "value": "1"}]}),
        of_patient(
            "Procedure",
            "d",
            &json!({"code": {"text": HOSTILE}, "performedDateTime": HOSTILE}),
        ),
        of_patient(
            "Condition",
            "c",
            &json!({"code": {"text": "javascript:alert(1)"}, "onsetDateTime": "0001-01-01", "abatementDateTime": "9999-12-31"}),
        ),
        hostile("a", "2020"),
        hostile("b", "2021"),
    ]));
    let answer = served.get("/browse/Patient/p/timeline");
    let html = answer.text();
    assert_eq!(answer.status, 200, "{html}");
    assert!(html.contains("&#60;script&#62;") && html.contains("&lt;script&gt;"), "{html}");
    assert!(!html.contains("<script>") && !html.contains("</title>'"), "{html}");
    assert!(!html.contains(['\u{202e}', '\u{1b}']), "{html}");
    assert!(!html.contains("href=\"javascript") && !html.contains("NaN"), "{html}");
    assert_eq!(html.matches("<polyline").count(), 2, "{html}");
    // The only script is the page's own.
    assert_eq!(html.matches("<script").count(), 1);
}

#[test]
fn numbers_that_no_plot_can_hold_do_not_break_it() {
    let numbers = ["1e308", "-1e308", "1e999", "0.1e-320", "123456789012345678901234567890.5", "0"];
    let mut text = lines(&[json!({"resourceType": "Patient", "id": "p"})]);
    for (place, number) in numbers.iter().enumerate() {
        text += &format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o{place}\",\"status\":\"final\",\"subject\":{{\"reference\":\"Patient/p\"}},\"effectiveDateTime\":\"20{place:02}\",\"code\":{{\"text\":\"x\"}},\"valueQuantity\":{{\"value\":{number}}}}}\n"
        );
    }
    let (_dir, served) = served(&text);
    let html = screen(&served, "/browse/Patient/p/timeline");
    assert!(
        html.contains("<polyline") && html.contains("123456789012345678901234567890.5"),
        "{html}"
    );
    assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
}

#[test]
fn nobody_sees_more_than_by_the_api() {
    let dir = Dir::new();
    dir.write("in.ndjson", data());
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "app", "--new-key", "key.pem", EVERYTHING);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let by = |scope: &str| {
        let ran = dir.run(["token", "issue", "s.db", "--client", "app", "--scope", scope]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let headers = format!("Authorization: Bearer {}\r\n", ran.stdout.trim_end());
        served.get_with("/browse/Patient/p/timeline", &headers)
    };
    let all = by("system/*.rs");
    assert!(all.status == 200 && all.text().contains("Asthma"), "{}", all.text());
    let some = by("system/Patient.rs system/Observation.rs");
    assert_eq!(some.status, 200, "{}", some.text());
    let html = some.text();
    assert!(
        html.contains("Weight") && !html.contains("Asthma") && !html.contains("Aspirin"),
        "{html}"
    );
    let without_names = by("system/Patient.rs system/MedicationRequest.rs").text();
    assert!(without_names.contains("Medication/m") && !without_names.contains("Aspirin"));
    let none = by("system/Observation.rs");
    assert!(none.status == 403 && !none.text().contains("Weight"), "{}", none.text());
    let nobody = served.get("/browse/Patient/p/timeline");
    assert!(nobody.status != 200 && !nobody.text().contains("Jane"), "{}", nobody.text());
}

#[test]
fn users_see_their_own_patients_and_the_audit_notes_it() {
    let tenants = Tenants::new();
    let anna = tenants.app.headers(&tenants.anna.to_string());
    let ben = tenants.app.headers(&tenants.ben.to_string());
    let path = "/browse/Patient/anna/timeline";
    let own = tenants.get(path, &anna);
    assert_eq!(own.status, 200, "{}", own.text());
    assert!(own.text().contains("20 events, the newest first"), "{}", own.text());
    let of_other = tenants.get(path, &ben);
    assert_eq!(of_other.status, 404, "{}", of_other.text());
    let sql = format!(
        "SELECT count(*) FROM audit WHERE event = 'search' AND request = '{path}' AND bytes > 0"
    );
    until("the screen is in the audit", || (tenants.dir.count("s.db", &sql) == 1).then_some(()));
}

#[test]
fn who_was_deleted_is_told_so() {
    let dir = Dir::new();
    dir.write("in.ndjson", data());
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/p", "Condition/c"]).code, 0);
    let served = dir.serve(&["s.db"]);
    let gone = served.get("/browse/Patient/p/timeline");
    assert!(gone.status == 410 && gone.text().contains("was deleted"), "{}", gone.text());
}

#[test]
fn who_is_not_here_is_told_so() {
    let (_dir, served) = served(&data());
    for (target, status) in [
        ("/browse/Patient/nobody/timeline", 404),
        ("/browse/Patient/%3Cscript%3Ealert(1)%3C%2Fscript%3E/timeline", 404),
        ("/browse/Patient/other/timeline", 200),
    ] {
        let answer = served.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert_eq!(answer.text().matches("<script").count(), 1, "{target}");
    }
}

#[test]
fn very_many_resources_make_a_small_screen_that_says_what_it_leaves_out() {
    let mut resources = vec![json!({"resourceType": "Patient", "id": "p"})];
    resources.extend((0..6000).map(|number| {
        // The first and the last one that were written are the newest.
        let year = if number % 5999 == 0 { 2024 } else { 1950 + number % 70 };
        let date = format!("{year}-{:02}-{:02}", number % 12 + 1, number % 28 + 1);
        let code = format!("Measure {} {}", number % 40, "of something long ".repeat(4));
        observation(&format!("o{number}"), &date, &code, &json!(number % 977), "mg/dL")
    }));
    let (_dir, served) = served(&lines(&resources));
    let target = "/browse/Patient/p/timeline";
    let html = screen(&served, target);
    assert!(html.contains("It leaves out") && html.contains("Page 1 of"), "{}", &html[..3000]);
    assert_eq!(html.matches("class=\"plot\"").count(), 12);
    // What was written first and what was written last is among them.
    for id in ["o0", "o5999"] {
        assert!(html.contains(&format!("/browse/Observation/{id}\"")), "{id} is missing");
    }
    let wire = packed(&served, target);
    assert_eq!(wire.header("content-encoding"), Some("gzip"));
    assert!(wire.body.len() < MOST_BYTES, "{} bytes", wire.body.len());
    // Other pages have other rows and plots; what is no page is the nearest one.
    let second = screen(&served, &format!("{target}?page=2&plots=2"));
    assert!(second.contains("Page 2 of") && second != html);
    assert_eq!(screen(&served, &format!("{target}?page=-1&plots=x")), html);
    let last = screen(&served, &format!("{target}?page=99999999999"));
    assert!(!last.contains(">Older</a>") && last.contains(">Newer</a>"));
}
