//! Searches of several types, and of the compartment of a patient.

use std::collections::BTreeSet;

use serde_json::Value;

use super::paging::pages;
use super::{bundle, link, list, text};
use crate::support::client::send;
use crate::support::{Dir, Served, project};

/// A server of the sample data.
fn sample() -> (Dir, Served) {
    let dir = Dir::new();
    let data = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", data.to_str().expect("UTF-8")]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

fn names(page: &Value) -> Vec<String> {
    let name = |entry: &Value| {
        let resource = &entry["resource"];
        format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"]))
    };
    list(&page["entry"]).iter().map(name).collect()
}

/// The names on all pages, each of which must be there once.
fn found(served: &Served, target: &str) -> BTreeSet<String> {
    let all: Vec<String> = pages(served, target).iter().flat_map(names).collect();
    let distinct: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(distinct.len(), all.len(), "{target} repeats a resource");
    distinct
}

/// The names that SQLite selects.
fn wanted(dir: &Dir, condition: &str) -> BTreeSet<String> {
    let db = dir.open("s.db");
    let sql = format!("SELECT type || '/' || id FROM resource WHERE {condition}");
    let mut statement = db.prepare(&sql).expect("a statement");
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

#[test]
fn several_types_are_searched_at_once() {
    let (dir, served) = sample();
    for (query, condition) in [
        ("_type=Patient,Encounter", "type IN ('Patient', 'Encounter')"),
        ("_type=Encounter&_type=Patient&_count=13", "type IN ('Patient', 'Encounter')"),
        ("_type=Encounter,Encounter", "type = 'Encounter'"),
        (
            "_type=Condition,Observation&patient.gender=female&_count=70",
            "type IN ('Condition', 'Observation') AND (SELECT p.body ->> '$.gender' FROM resource AS p
              WHERE p.type = 'Patient' AND p.id = substr(resource.body ->> '$.subject.reference', 9)) = 'female'",
        ),
        (
            "_type=Encounter,Observation&status=finished,final&_count=300",
            "type IN ('Encounter', 'Observation') AND body ->> '$.status' IN ('finished', 'final')",
        ),
        (
            "_lastUpdated=ge2024&_count=500",
            "last_updated >= unixepoch('2024-01-01') * 1000000",
        ),
        ("_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient", "type = 'Patient'"),
    ] {
        let expected = wanted(&dir, condition);
        assert!(!expected.is_empty(), "{query} tests little");
        assert_eq!(found(&served, &format!("/fhir?{query}")), expected, "{query}");
        let total = bundle(&served, &format!("/fhir/?{query}&_summary=count"))["total"].clone();
        assert_eq!(total, expected.len(), "{query}");
        let headers = "Content-Type: application/x-www-form-urlencoded\r\n";
        let headers = format!("{headers}Content-Length: {}\r\n", query.len());
        let posted = send(served.authority(), "POST", "/fhir/_search", &headers, query.as_bytes());
        assert_eq!(posted.status, 200, "{}", posted.text());
        let first = pages(&served, &format!("/fhir?{query}")).swap_remove(0);
        assert_eq!(names(&posted.json()), names(&first), "{query}");
        let own = link(&first, "self").unwrap();
        assert_eq!(own, format!("{}/fhir?{query}", served.url));
    }
    let sorted =
        bundle(&served, "/fhir?_type=Patient,Encounter&_sort=-_lastUpdated,_id&_count=1000");
    let times: Vec<&str> = list(&sorted["entry"])
        .iter()
        .map(|entry| text(&entry["resource"]["meta"]["lastUpdated"]))
        .collect();
    assert!(times.len() == 92 && times.is_sorted_by(|one, other| one >= other), "{times:?}");
    for (query, named) in [
        ("code=1", "Resource has _id, _lastUpdated"),
        ("_sort=date", "Resource cannot be sorted"),
        ("_type=Patient,Martian", "\\\"Martian\\\""),
        ("_type=", "no type here"),
        ("_type=Patient,Observation&gender=male", "Observation has _id"),
        ("_type=Patient,Observation&_sort=birthdate", "Observation cannot be sorted"),
    ] {
        let answer = served.get(&format!("/fhir?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(named), "{query}: {}", answer.text());
    }
    let types = "Account,CarePlan,CareTeam,Claim,ClinicalImpression,Communication,Condition,Consent,Coverage,DeviceRequest,\
                 DeviceUseStatement,DiagnosticReport,DocumentReference,Encounter,EpisodeOfCare,Flag,Goal,Immunization,List,\
                 MedicationRequest,Observation";
    let many = served.get(&format!("/fhir?_type={types}&patient.gender=female"));
    many.assert_outcome(400, "fewer types");
    // What one type does not have is applied to no type, so that the link means the same.
    let target = "/fhir?_type=Patient,Observation&gender=male&_count=1";
    let lenient = served.get_with(target, "Prefer: handling=lenient\r\n").json();
    let own = format!("{}/fhir?_type=Patient,Observation&_count=1", served.url);
    assert_eq!(link(&lenient, "self"), Some(own.as_str()));
}

#[test]
fn the_compartment_of_a_patient_is_searched_by_type_or_whole() {
    let (dir, served) = sample();
    let patient = wanted(&dir, "type = 'Patient' LIMIT 1").pop_first().expect("a patient");
    let id = patient.strip_prefix("Patient/").unwrap();
    let is_about = format!(
        "(coalesce(body ->> '$.subject.reference', body ->> '$.patient.reference') = '{patient}')"
    );
    for (path, condition) in [
        ("Observation", format!("type = 'Observation' AND {is_about}")),
        (
            "Observation?status=final&_count=20",
            format!("type = 'Observation' AND body ->> '$.status' = 'final' AND {is_about}"),
        ),
        ("Encounter", format!("type = 'Encounter' AND {is_about}")),
        ("Immunization", format!("type = 'Immunization' AND {is_about}")),
        ("Patient", format!("type = 'Patient' AND id = '{id}'")),
        ("Medication", "FALSE".to_owned()),
        (
            "*?_type=Condition,Encounter",
            format!("type IN ('Condition', 'Encounter') AND {is_about}"),
        ),
        (
            "*?_count=30",
            format!("id = '{id}' OR seq IN (SELECT seq FROM compartment WHERE patient = '{id}')"),
        ),
        ("*?_tag=nothing", "FALSE".to_owned()),
    ] {
        let expected = wanted(&dir, &condition);
        assert_eq!(expected.is_empty(), condition == "FALSE", "{path} tests little");
        assert_eq!(found(&served, &format!("/fhir/Patient/{id}/{path}")), expected, "{path}");
    }
    let one = wanted(&dir, &format!("type = 'Observation' AND {is_about} LIMIT 1")).pop_first();
    let one = one.unwrap().replace("Observation/", "");
    assert_eq!(found(&served, &format!("/fhir/Patient/{id}/Observation?_id={one}")).len(), 1);
    assert_eq!(found(&served, &format!("/fhir/Patient/nobody/Observation?_id={one}")).len(), 0);
    let sorted = pages(&served, &format!("/fhir/Patient/{id}/Observation?_sort=-date&_count=9"));
    let count = wanted(&dir, &format!("type = 'Observation' AND {is_about}")).len();
    assert_eq!((sorted[0]["total"].clone(), sorted.len()), (count.into(), count.div_ceil(9)));
    served.get(&format!("/fhir/Patient/{id}/Martian")).assert_outcome(404, "");
    served.get(&format!("/fhir/Patient/{id}/*?code=1")).assert_outcome(400, "code");
    served.get(&format!("/fhir/Group/{id}/Observation")).assert_outcome(404, "");
    served.get("/fhir/Patient//Observation").assert_outcome(404, "");
}
