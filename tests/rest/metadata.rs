//! `/fhir/metadata`: the CapabilityStatement is complete, and what it claims is there.

use std::collections::BTreeSet;

use serde_json::json;

use super::{FHIR_JSON, bundle, filled, ids, list, text};
use crate::support::Served;

#[test]
fn the_capability_statement_has_what_r4_requires() {
    let (_dir, served) = filled();
    for accept in ["", "Accept: application/fhir+json\r\n", "Accept: application/json\r\n"] {
        let answer = served.get_with("/fhir/metadata", accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, FHIR_JSON), "{accept}");
    }
    let statement = served.get("/fhir/metadata").json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["status"], "active");
    assert_eq!(statement["kind"], "instance");
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert!(list(&statement["format"]).contains(&json!("application/fhir+json")));
    let date = text(&statement["date"]);
    assert!(fhirlite::Instant::parse(date).is_some(), "{date}");
    // kind = instance demands an implementation (cpb-15); software is optional.
    assert_eq!(statement["implementation"]["url"], format!("{}/fhir", served.url));
    assert!(statement["implementation"]["description"].is_string());
    assert_eq!(statement["software"]["name"], "fhirlite");
    assert_eq!(
        statement["instantiates"],
        json!(["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"])
    );
    assert_eq!(list(&statement["rest"]).len(), 1);
    assert_eq!(statement["rest"][0]["mode"], "server");
    let types: Vec<&str> =
        list(&statement["rest"][0]["resource"]).iter().map(|r| text(&r["type"])).collect();
    assert_eq!(
        types,
        ["Binary", "DocumentReference", "Group", "Observation", "Patient"],
        "each once (cpb-9)"
    );
}

#[test]
fn the_capability_statement_says_that_all_types_and_compartments_are_searched() {
    let (_dir, served) = filled();
    let statement = served.get("/fhir/metadata").json();
    let rest = &statement["rest"][0];
    assert!(list(&rest["interaction"]).contains(&json!({"code": "search-system"})));
    assert_eq!(rest["compartment"], json!(["http://hl7.org/fhir/CompartmentDefinition/patient"]));
    let names: Vec<&str> =
        list(&rest["searchParam"]).iter().map(|parameter| text(&parameter["name"])).collect();
    assert_eq!(names, ["_id", "_lastUpdated", "_profile", "_security", "_source", "_tag"]);
    let of_patients = list(&rest["resource"]).iter().find(|one| one["type"] == "Patient").unwrap();
    let from = list(&of_patients["searchRevInclude"]);
    assert!(from.contains(&json!("Observation:subject")) && from.contains(&json!("Group:member")));
    assert!(!from.contains(&json!("Condition:subject")), "the store has no Condition");
}

#[test]
fn the_capability_statement_lists_the_types_in_the_store() {
    let (dir, served) = filled();
    let types = |served: &Served| -> Vec<String> {
        let statement = served.get("/fhir/metadata").json();
        let resources = list(&statement["rest"][0]["resource"]);
        resources.iter().map(|resource| text(&resource["type"]).to_owned()).collect()
    };
    let before = types(&served);
    assert!(!before.contains(&"Device".to_owned()));
    dir.write("more.ndjson", r#"{"resourceType":"Device","id":"x"}"#);
    dir.import(0, &["s.db", "more.ndjson"]);
    let mut expected = [before, vec!["Device".to_owned()]].concat();
    expected.sort();
    assert_eq!(types(&served), expected);
    // Patient and Group have their operations even in an empty store.
    dir.write("empty.ndjson", "");
    let empty = dir.serve(&["empty.db", "empty.ndjson"]);
    assert_eq!(types(&empty), ["Group", "Patient"]);
}

#[test]
fn every_listed_interaction_and_parameter_works() {
    let (_dir, served) = filled();
    let statement = served.get("/fhir/metadata").json();
    let mut tried = BTreeSet::new();
    let of_all = &statement["rest"][0]["interaction"];
    let codes: Vec<&str> = list(of_all).iter().map(|one| text(&one["code"])).collect();
    assert_eq!(codes, ["batch", "search-system", "history-system"]);
    assert_eq!(bundle(&served, "/fhir?_type=Patient")["total"], 3);
    assert_eq!(served.get("/fhir/_history").status, 200);
    for resource in list(&statement["rest"][0]["resource"]) {
        let of_type = text(&resource["type"]);
        let all = bundle(&served, &format!("/fhir/{of_type}"));
        let first = &all["entry"][0]["resource"];
        let (id, version) = (text(&first["id"]), text(&first["meta"]["versionId"]));
        for interaction in list(&resource["interaction"]) {
            let code = text(&interaction["code"]);
            let target = match code {
                "read" => format!("/fhir/{of_type}/{id}?_format=json"),
                "vread" => format!("/fhir/{of_type}/{id}/_history/{version}?_format=json"),
                "search-type" => format!("/fhir/{of_type}?_id={id}"),
                "history-instance" => format!("/fhir/{of_type}/{id}/_history"),
                "history-type" => format!("/fhir/{of_type}/_history?_before=2"),
                other => panic!("{other} is claimed"),
            };
            let answer = served.get(&target);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            let found = match code {
                // Of a type, the resource that was imported first is in it.
                "history-type" => answer.json()["entry"]
                    .as_array()
                    .map_or_else(|| first.clone(), |entries| entries[0]["resource"].clone()),
                "search-type" | "history-instance" => answer.json()["entry"][0]["resource"].clone(),
                _ => answer.json(),
            };
            assert_eq!(&found, first, "{target}");
            tried.insert(code.to_owned());
        }
        for (key, parameter) in [("searchInclude", "_include"), ("searchRevInclude", "_revinclude")]
        {
            for value in list(&resource[key]) {
                let target = format!("/fhir/{of_type}?_count=1&{parameter}={}", text(value));
                assert_eq!(served.get(&target).status, 200, "{target}");
            }
        }
        assert_eq!(list(&resource["searchInclude"])[0], "*");
        assert_ne!(resource["searchRevInclude"], json!([]), "FHIR has no empty lists");
        assert_eq!(resource["versioning"], "versioned");
        assert_eq!(resource["readHistory"], true);
        let mut names = Vec::new();
        for parameter in list(&resource["searchParam"]) {
            let name = text(&parameter["name"]);
            names.push(name);
            // `search_parameters.rs` tries the others.
            let (kind, value) = match name {
                "_id" => ("token", id.to_owned()),
                "_lastUpdated" => ("date", "ge2000".to_owned()),
                "identifier" => ("token", "urn:none%7C0".to_owned()),
                "name" if of_type == "Group" => ("string", "Hea".to_owned()),
                _ => (text(&parameter["type"]), "x".to_owned()),
            };
            assert_eq!(parameter["type"], kind, "{of_type} {name}");
            // export: Data Providers SHOULD indicate search parameters that are accessible through the
            // REST API, but not available using the Bulk Export operation. There are none.
            assert!(parameter["extension"].is_null(), "{of_type} {name}");
            if value != "x" {
                let filter = format!("/fhir/$export?_typeFilter={of_type}%3F{name}={value}");
                assert_eq!(served.get(&filter).status, 202, "{filter}");
                let bundle = bundle(&served, &format!("/fhir/{of_type}?{name}={value}"));
                assert_eq!(ids(&bundle).is_empty(), name == "identifier", "{of_type} {name}");
            }
        }
        assert_eq!(names.contains(&"name"), ["Group", "Patient"].contains(&of_type));
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "cpb-12");
        assert!(["_id", "_lastUpdated", "identifier"].iter().all(|name| names.contains(name)));
    }
    assert_eq!(
        tried.into_iter().collect::<Vec<_>>(),
        ["history-instance", "history-type", "read", "search-type", "vread"]
    );
}
