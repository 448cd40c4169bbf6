//! `_typeFilter` and what changes: deletions, and an export whose server ends before it is planned.

use serde_json::{Value, json};

use super::client::{EDITIONS, ended, ids, lines, list, string};
use super::type_filter::by_post;
use crate::support::bulk::{kick_off, location, path};
use crate::support::{Dir, Held};

#[test]
fn deletions_are_told_and_provenance_comes_with_what_the_filters_leave() {
    let dir = Dir::new();
    let mut data = String::new();
    for (id, status) in [("a", "final"), ("b", "amended"), ("c", "final")] {
        let observation = json!({"resourceType": "Observation", "id": id, "status": status,
                                 "subject": {"reference": "Patient/p"}});
        let target = [json!({"reference": format!("Observation/{id}")})];
        let provenance = json!({"resourceType": "Provenance", "id": format!("of-{id}"), "target": target,
                                "recorded": "2024-01-01T00:00:00Z"});
        data += &format!("{observation}\n{provenance}\n");
    }
    data += "{\"resourceType\":\"Patient\",\"id\":\"p\"}\n";
    dir.write("in.ndjson", data);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/b", "Observation/c"]).code, 0);
    let served = dir.serve(&["s.db"]);
    for level in ["", "Patient/"] {
        for edition in EDITIONS {
            let path = format!("/fhir/{level}{edition}");
            let parameters = [
                ("_since", "2000-01-01T00:00:00Z"),
                ("_typeFilter", "Observation?status=final"),
                ("includeAssociatedData", "RelevantProvenanceResources"),
            ];
            let manifest = by_post(&served, &path, &parameters, "");
            let expected = ["Observation/a", "Patient/p", "Provenance/of-a"];
            assert_eq!(ids(&served, [&manifest]), expected, "{path}");
            // What a client has of a type may have met the filter once.
            assert_eq!(manifest["deleted"][0]["count"], 2, "{path}");
        }
    }
    // Without associated data the filter decides about Provenance too, and what it is about stays.
    let filter = [string("_typeFilter", "Provenance?target=Observation/a")];
    let manifest = super::client::manifest(&served, "/fhir/$export", &filter);
    let expected = ["Observation/a", "Patient/p", "Provenance/of-a"];
    assert_eq!(ids(&served, [&manifest]), expected);
}

/// The server ends before it has planned the export, and the store changes before the next one does.
#[test]
fn filters_find_on_an_old_snapshot_what_it_shows() {
    let dir = Dir::new();
    let patient = |id: &str, identifier: &str| json!({"resourceType": "Patient", "id": id, "identifier": [{"system": "urn:s", "value": identifier}]});
    let of_patient = |of_type: &str, id: &str, patient: &str, code: &str| {
        json!({"resourceType": of_type, "id": id, "subject": {"reference": format!("Patient/{patient}")},
               "code": {"coding": [{"code": code}]}})
    };
    let before = [
        patient("a", "x"),
        patient("b", "y"),
        of_patient("Observation", "oa", "a", "1"),
        of_patient("Observation", "ob", "b", "1"),
        of_patient("Condition", "ca", "a", "1"),
        of_patient("Condition", "cb", "b", "2"),
        of_patient("Procedure", "pa", "a", "1"),
        of_patient("Procedure", "pb", "b", "1"),
    ];
    let after = [
        patient("a", "z"),
        patient("b", "x"),
        patient("c", "x"),
        of_patient("Observation", "oa", "b", "1"),
        of_patient("Observation", "oc", "a", "1"),
        of_patient("Condition", "ca", "a", "2"),
        of_patient("Condition", "cb", "b", "1"),
    ];
    let filters = [
        ("_typeFilter", "Patient?identifier=urn:s|x"),
        ("_typeFilter", "Observation?patient=a"),
        ("_typeFilter", "Condition?code=1"),
        ("_typeFilter", "Procedure?patient.identifier=x"),
    ];
    let write = |name: &str, resources: &[Value]| {
        let lines: String = resources.iter().map(|one| format!("{one}\n")).collect();
        dir.write(name, lines);
        dir.import(0, &["s.db", name]);
    };
    write("before.ndjson", &before);
    let served = dir.serve_with_log(&["s.db"]);
    let held = Held::new(&dir);
    let jobs: Vec<String> = ["/fhir/$export", "/fhir/Patient/$export"]
        .iter()
        .map(|level| path(&location(&kick_off(served.authority(), level, &filters, ""))).to_owned())
        .collect();
    served.end("-KILL");
    held.release();
    write("after.ndjson", &after);
    assert_eq!(dir.run(["delete", "s.db", "Procedure/pa"]).code, 0);
    let served = dir.serve(&["s.db"]);
    for job in jobs {
        let manifest = ended(&served, &job);
        assert_eq!(manifest.status, 200, "{}", manifest.text());
        let files = list(&manifest.json()["output"]).to_vec();
        let mut found: Vec<Value> = files.iter().flat_map(|file| lines(&served, file)).collect();
        // Imports add `meta`.
        found.iter_mut().for_each(|one| drop(one.as_object_mut().map(|one| one.remove("meta"))));
        let expected = [&before[4], &before[2], &before[0], &before[6]];
        assert!(found.iter().eq(expected), "{job}: {found:?}");
    }
    let now = by_post(&served, "/fhir/$export", &filters, "");
    let expected = ["Condition/cb", "Observation/oc", "Patient/b", "Patient/c", "Procedure/pb"];
    assert_eq!(ids(&served, [&now]), expected);
}
