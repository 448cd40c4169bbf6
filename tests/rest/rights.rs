//! What a search gives within the scopes of a token and the reach of a user: matches, counts, what comes along.

use serde_json::Value;

use super::{ids, list, text};
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served};

const SHARED: &str = r#"{"resourceType":"Organization","id":"org"}
{"resourceType":"Patient","id":"p","managingOrganization":{"reference":"Organization/org"},"generalPractitioner":[{"reference":"Organization/org"}]}
{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}
{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"}}
"#;

fn issued(dir: &Dir, args: &[&str]) -> String {
    let ran = dir.run([&["token", "issue", "s.db"], args].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    format!("Authorization: Bearer {}\r\n", ran.stdout.trim_end())
}

/// The names of all entries, sorted, with the total before them. Fails unless the answer is a page.
fn given(served: &Served, target: &str, header: &str) -> String {
    let answer = served.get_with(target, header);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    let page = answer.json();
    let name = |entry: &Value| {
        let resource = &entry["resource"];
        format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]))
    };
    let mut names: Vec<String> = list(&page["entry"]).iter().map(name).collect();
    names.sort();
    format!("{}: {}", page["total"], names.join(" "))
}

#[test]
fn a_scope_limits_types_that_come_along_or_are_counted() {
    let dir = Dir::new();
    dir.write("in.ndjson", SHARED);
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "app", "--new-key", "key.pem", EVERYTHING);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let all = issued(&dir, &["--client", "app"]);
    let scope = "system/Patient.rs system/Observation.rs";
    let some = issued(&dir, &["--client", "app", "--scope", scope]);
    for (target, of_all, of_some) in [
        ("/fhir/Patient?_include=*", "1: Organization/org Patient/p", "1: Patient/p"),
        (
            "/fhir/Patient?_include=Patient:general-practitioner",
            "1: Organization/org Patient/p",
            "1: Patient/p",
        ),
        (
            "/fhir/Patient?_revinclude=Observation:subject",
            "1: Observation/o Patient/p",
            "1: Observation/o Patient/p",
        ),
        (
            "/fhir?_lastUpdated=ge2000",
            "4: Condition/c Observation/o Organization/org Patient/p",
            "2: Observation/o Patient/p",
        ),
        ("/fhir?_summary=count", "4: ", "2: "),
        (
            "/fhir/Patient/p/*?_sort=_id",
            "3: Condition/c Observation/o Patient/p",
            "2: Observation/o Patient/p",
        ),
        ("/fhir/Patient/p/Observation", "1: Observation/o", "1: Observation/o"),
    ] {
        assert_eq!(given(&served, target, &all), of_all, "{target}");
        assert_eq!(given(&served, target, &some), of_some, "{target}");
    }
    // What is asked for by name is refused by name.
    for (target, named) in [
        ("/fhir/Patient?_revinclude=Condition:subject", "Condition"),
        ("/fhir/Patient?_include=Patient:organization", "Organization"),
        (
            "/fhir/Patient?_include:iterate=Patient:general-practitioner:Organization",
            "Organization",
        ),
        ("/fhir?_type=Patient,Condition", "Condition"),
        ("/fhir/Patient/p/Condition", "Condition"),
    ] {
        assert_eq!(served.get_with(target, &all).status, 200, "{target}");
        served.get_with(target, &some).assert_outcome(403, named);
    }
    assert_eq!(served.get("/fhir?_type=Patient").status, 401);
    assert_eq!(served.get("/fhir/Patient/p/*").status, 401);
}

#[test]
fn a_user_is_given_and_counted_what_is_theirs() {
    let dir = Dir::new();
    dir.write("shared.ndjson", SHARED);
    let own = |id: &str| {
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"{id}1\",\"status\":\"final\",\"code\":{{\"text\":\"x\"}},\"subject\":{{\"reference\":\"Patient/{id}\"}}}}\n{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"managingOrganization\":{{\"reference\":\"Organization/org\"}}}}\n"
        )
    };
    dir.write("anna.ndjson", own("anna"));
    dir.write("ben.ndjson", own("ben"));
    dir.import(0, &["s.db", "shared.ndjson"]);
    assert_eq!(dir.run(["client", "add", "s.db", "--client-id", "app"]).code, 0);
    for user in ["anna", "ben"] {
        assert_eq!(dir.run(["user", "add", "s.db", user]).code, 0);
        dir.import(0, &["s.db", &format!("{user}.ndjson"), "--user", user]);
    }
    let served = dir.serve(&["s.db", "--auth", "required"]);
    for user in ["anna", "ben"] {
        let token = issued(&dir, &["--user", user]);
        let (patient, observation) = (format!("Patient/{user}"), format!("Observation/{user}1"));
        for (target, expected) in [
            ("/fhir/Patient?_sort=_id&_summary=count".to_owned(), "1: ".to_owned()),
            ("/fhir/Patient?_total=accurate&_count=1".to_owned(), format!("1: {patient}")),
            ("/fhir/Patient?_include=*".to_owned(), format!("1: {patient}")),
            ("/fhir/Patient?_sort=-_lastUpdated".to_owned(), format!("1: {patient}")),
            (
                "/fhir/Patient?_revinclude=Observation:subject".to_owned(),
                format!("1: {observation} {patient}"),
            ),
            (
                "/fhir?_type=Patient,Observation&_sort=-_lastUpdated".to_owned(),
                format!("2: {observation} {patient}"),
            ),
            ("/fhir?_lastUpdated=ge2000".to_owned(), format!("2: {observation} {patient}")),
            (format!("/fhir/Patient/{user}/*"), format!("2: {observation} {patient}")),
            ("/fhir/Patient/p/*".to_owned(), "0: ".to_owned()),
            ("/fhir/Patient/p/Observation?_summary=count".to_owned(), "0: ".to_owned()),
        ] {
            assert_eq!(given(&served, &target, &token), expected, "{target}");
        }
    }
    // A link of another caller gives no more.
    let anna = issued(&dir, &["--user", "anna"]);
    let app = dir.run(["info", "s.db"]);
    assert_eq!(app.code, 0);
    let open = dir.serve(&["s.db"]);
    let first = open.get("/fhir/Patient?_count=1").json();
    let next = super::link(&first, "next").expect("a next page").replace(&open.url, "");
    let answer = served.get_with(&next, &anna);
    assert_eq!((answer.status, ids(&answer.json())), (200, vec!["anna".to_owned()]));
}
