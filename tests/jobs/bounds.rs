//! Bounds of kick-offs and searches: how many exports a client may have, how much a request may cost.

use serde_json::{Value, json};

use super::{by_get, cancel, filled, manifest, start};
use crate::support::bulk::{ended, ended_at, kick_off, location, parameters, path};
use crate::support::client::{Answer, get, send};
use crate::support::oneup::Client;
use crate::support::{Dir, Held, Served, until};

/// Posts a body.
fn post(served: &Served, target: &str, media_type: &str, body: &str) -> Answer {
    let headers = format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len());
    send(served.authority(), "POST", target, &headers, body.as_bytes())
}

/// The ids of some patients, each as long as a UUID.
fn ids(count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{:08x}-0000-4000-8000-{number:012x}", number * 2_654_435))
        .collect()
}

/// A store with these patients.
fn of_patients(ids: &[String]) -> Dir {
    let dir = Dir::new();
    let patient = |id: &String| format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n");
    dir.write("in.ndjson", ids.iter().map(patient).collect::<String>());
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

#[test]
fn a_client_has_so_many_unfinished_exports_and_hinders_no_other_client() {
    let dir = Dir::new();
    let [app, other] = ["app", "other"].map(|name| Client::add(&dir, "s.db", name));
    dir.write("in.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\"}");
    assert_eq!(dir.run(["user", "add", "s.db", "anna", "--client", "app"]).code, 0);
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    let held = Held::new(&dir);
    let served = dir.serve_with_log(&["s.db", "--auth", "required", "--max-jobs", "3"]);
    let to = served.authority();
    let ask = |client: &Client| {
        let headers = format!("{}Prefer: respond-async\r\n", client.headers("client"));
        get(to, "/fhir/Patient/$export", &headers)
    };
    let begun: Vec<String> = (0..3).map(|_| path(&location(&ask(&app))).to_owned()).collect();
    let refused = ask(&app);
    refused.assert_outcome(429, "3 exports of this client are not done yet");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 3);
    assert_eq!(ask(&other).status, 202);
    // An export that needs no work, and the manifest of 1upHealth, are not limited.
    for target in ["/fhir/$export", "/bulk-data/r4/$export"] {
        let answer = get(to, target, &app.headers("client"));
        assert!([200, 202].contains(&answer.status), "{target}: {}", answer.text());
    }
    // One that waits makes room as soon as it is cancelled.
    let gone = send(to, "DELETE", &begun[2], &app.headers("client"), b"");
    assert_eq!(gone.status, 202);
    let next = path(&location(&ask(&app))).to_owned();
    assert_eq!(ask(&app).status, 429);
    held.release();
    for status in [&begun[0], &begun[1], &next] {
        assert_eq!(ended_at(to, status, &app.headers("client")).status, 200);
    }
    until("there is room again", || (ask(&app).status == 202).then_some(()));
}

#[test]
fn on_an_open_server_the_address_is_the_client() {
    let dir = filled();
    let held = Held::new(&dir);
    let served = dir.serve_with_log(&["s.db", "--max-jobs", "2"]);
    let ask = || served.get("/fhir/Patient/$export");
    let [one, two] = [0; 2].map(|_| location(&ask()));
    ask().assert_outcome(429, "exports of this client are not done yet");
    // The limit holds after a restart too.
    assert_eq!(served.end("-TERM"), 0);
    let served = dir.serve_with_log(&["s.db", "--max-jobs", "2"]);
    served.get("/fhir/Patient/$export").assert_outcome(429, "not done yet");
    assert_eq!(cancel(&served, path(&one)).status, 202);
    until("there is room", || (served.get("/fhir/Patient/$export").status == 202).then_some(()));
    held.release();
    assert_eq!(ended_at(served.authority(), path(&two), "").status, 200);
}

#[test]
fn a_kick_off_that_names_many_patients_takes_little_room() {
    let ids = ids(3000);
    let dir = of_patients(&ids);
    let references: Vec<String> = ids.iter().map(|id| format!("Patient/{id}")).collect();
    let named: Vec<(&str, &str)> =
        references.iter().skip(1).map(|reference| ("patient", reference.as_str())).collect();
    let held = Held::new(&dir);
    let served = dir.serve_with_log(&["s.db"]);
    let started = kick_off(served.authority(), "/fhir/Patient/$export", &named, "");
    let status = path(&location(&started)).to_owned();
    assert!(parameters(&named).len() > 200_000);
    let kept = dir.count("s.db", "SELECT max(length(request)) FROM job");
    assert!(kept < 10_000, "the request takes {kept} bytes");
    // A server that starts anew knows the patients too.
    assert_eq!(served.end("-TERM"), 0);
    let served = dir.serve_with_log(&["s.db"]);
    held.release();
    let answer = ended_at(served.authority(), &status, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let output = answer.json()["output"].clone();
    assert_eq!(output[0]["count"], 2999, "{output}");
    let file = served.get(path(output[0]["url"].as_str().expect("a url"))).text();
    assert!(!file.contains(&ids[0]) && references[1..].iter().all(|one| file.contains(&one[8..])));
    // A patient who is not there is still told.
    let one = [("patient", "Patient/nobody"), ("patient", &references[0])];
    kick_off(served.authority(), "/fhir/Patient/$export", &one, "").assert_outcome(404, "nobody");
    dir.check("s.db");
}

#[test]
fn a_list_costs_no_more_for_what_it_repeats() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let to = served.authority();
    let types = vec!["Patient"; 200_000].join(",");
    let elements = vec!["Patient.gender"; 100_000].join(",");
    let started =
        kick_off(to, "/fhir/Patient/$export", &[("_type", &types), ("_elements", &elements)], "");
    assert_eq!(ended(to, &started).status, 200);
    assert!(dir.count("s.db", "SELECT max(length(request)) FROM job") < 2000);
    // What is wrong a million times is told a hundred times.
    let wrong = vec!["x"; 500_000].join(",");
    let refused = kick_off(to, "/fhir/Patient/$export", &[("_type", &wrong)], "");
    refused.assert_outcome(400, "more are wrong");
    assert!(refused.body.len() < 100_000);
}

#[test]
fn a_request_that_is_too_long_to_be_kept_is_refused() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let elements: Vec<String> =
        (0..60_000).map(|number| format!("Patient.element{number:010}")).collect();
    let asked = [("_elements", &*elements.join(","))];
    let refused = kick_off(served.authority(), "/fhir/Patient/$export", &asked, "");
    refused.assert_outcome(413, "at most; name fewer types or elements");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
}

#[test]
fn a_search_for_many_ids_answers_with_its_page() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let ids = ids(1500);
    let dir = of_patients(&ids);
    let served = dir.serve(&["s.db"]);
    let nobody = (0..40_000).map(|number| format!("nobody-{number}"));
    let all = ids.iter().cloned().chain(nobody).collect::<Vec<_>>().join(",");
    let found = |bundle: &Value| {
        let entries = bundle["entry"].as_array().expect("entries");
        let id = |entry: &Value| entry["resource"]["id"].as_str().expect("an id").to_owned();
        entries.iter().map(id).collect::<Vec<_>>()
    };
    // In the order of their import, page by page.
    let first = post(&served, "/fhir/Patient/_search", FORM, &format!("_id={all}&_count=1000"));
    assert_eq!(first.status, 200, "{}", first.text());
    assert_eq!(found(&first.json()), ids[..1000]);
    let last = first.json()["entry"][999].clone();
    assert!(last["resource"].is_object());
    // A total alone, and several lists, of which a resource must be in each.
    let both = format!("_id={all}&_id={},nobody-1&_id={},{}&_count=0", ids[7], ids[7], ids[8]);
    let total = post(&served, "/fhir/Patient/_search", FORM, &both);
    assert_eq!(total.json()["total"], json!(1), "{}", total.text());
    // A parameter may be repeated, within a bound.
    let repeated = |count: usize| vec![format!("_id={}", ids[3]); count].join("&");
    let one = post(&served, "/fhir/Patient/_search", FORM, &repeated(1000));
    assert_eq!(found(&one.json()), [ids[3].clone()]);
    post(&served, "/fhir/Patient/_search", FORM, &repeated(1001)).assert_outcome(400, "too many");
    let times = format!("_lastUpdated={}", vec!["gt2000"; 101].join(","));
    post(&served, "/fhir/Patient/_search", FORM, &times).assert_outcome(400, "too many values");
    assert_eq!(
        manifest(&served, &start(&served, &by_get("/fhir/Patient/$export")))["output"][0]["count"],
        1500
    );
}
