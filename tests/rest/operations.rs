//! The operations that the CapabilityStatement lists, and their OperationDefinitions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{FHIR_JSON, filled, list, operations, text};
use crate::support::Served;
use crate::support::bulk::kick_off;

/// The definition of R4's own operation.
const EVERYTHING: &str = "http://hl7.org/fhir/OperationDefinition/Patient-everything";
/// What the URLs of the guide's definitions begin with.
const GUIDE: &str = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/";

/// The path of an operation that the CapabilityStatement lists for this type.
fn target(on: &str, name: &str) -> String {
    match on {
        "" => format!("/fhir/${name}"),
        "Group" => format!("/fhir/Group/g/${name}"),
        "Patient" if name == "everything" => "/fhir/Patient/a/$everything".to_owned(),
        other => format!("/fhir/{other}/${name}"),
    }
}

/// True for an operation of SQL on FHIR, whose guide has the `$` in the names: `tests/views/` is about these.
fn is_of_sql(name: &str) -> bool {
    name.starts_with('$')
}

/// The operations that the guide defines.
fn of_guide(served: &Served) -> Vec<(String, String, String)> {
    let is_of_guide = |name: &str| name != "everything" && !is_of_sql(name);
    operations(served).into_iter().filter(|(_, name, _)| is_of_guide(name)).collect()
}

#[test]
fn everything_has_a_definition_whose_parameters_it_takes() {
    let (_dir, served) = filled();
    let listed = ("Patient".to_owned(), "everything".to_owned(), EVERYTHING.to_owned());
    assert!(operations(&served).contains(&listed));
    let read = served.get("/fhir/OperationDefinition/Patient-everything").json();
    assert_eq!((&read["url"], &read["code"]), (&json!(EVERYTHING), &json!("everything")));
    assert_eq!(read["resource"], json!(["Patient"]));
    assert_eq!([&read["system"], &read["type"], &read["instance"]], [false, false, true]);
    let mut names = BTreeSet::new();
    for parameter in list(&read["parameter"]).iter().filter(|each| each["use"] == "in") {
        let name = text(&parameter["name"]);
        let value = match name {
            "_since" => "2020-01-01T00:00:00Z",
            "_type" => "Observation",
            "_count" => "1",
            other => panic!("{other} is defined"),
        };
        let target = format!("/fhir/Patient/a/$everything?{name}={value}");
        assert_eq!(served.get(&target).status, 200, "{target}");
        names.insert(name);
    }
    assert_eq!(names.len(), 3);
}

#[test]
fn every_operation_has_a_readable_definition_of_its_version() {
    let (_dir, served) = filled();
    let mut seen = BTreeSet::new();
    let mut canonicals = BTreeSet::new();
    for (on, name, definition) in of_guide(&served) {
        let (url, version) = match definition.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (definition.as_str(), None),
        };
        let stem = url.strip_prefix(GUIDE).expect("one of the guide's");
        let expected = match (name.as_str(), on.as_str()) {
            ("bulk-publish", "") => "bulk-publish",
            ("export" | "export-v4", "") => "export",
            ("export" | "export-v4", "Patient") => "patient-export",
            ("export" | "export-v4", "Group") => "group-export",
            other => panic!("{other:?} is named"),
        };
        assert_eq!(stem, expected);
        let id = if name == "export-v4" { format!("{stem}-v4") } else { stem.to_owned() };
        let answer = served.get(&format!("/fhir/OperationDefinition/{id}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, FHIR_JSON), "{id}");
        let read = answer.json();
        assert_eq!(read["resourceType"], "OperationDefinition");
        assert_eq!(read["id"], id.as_str());
        assert!(version.is_none_or(|version| read["version"] == version), "{definition}: {read}");
        // The guide defines no operation of the name export-v4: that is ours, based on the guide's.
        if name == "export-v4" {
            let own = format!("{}/fhir/OperationDefinition/{id}", served.url);
            assert_eq!(
                (text(&read["url"]), text(&read["base"])),
                (own.as_str(), definition.as_str())
            );
            assert_eq!(version, Some("4.0.0"), "as the ballot names itself");
        } else {
            assert_eq!((text(&read["url"]), &read["base"]), (url, &Value::Null));
        }
        assert!(
            canonicals.insert(text(&read["url"]).to_owned()),
            "{id}: two have one canonical URL"
        );
        assert_eq!((&read["status"], &read["kind"]), (&json!("active"), &json!("operation")));
        assert_eq!(read["code"], name.as_str());
        let computable_name = text(&read["name"]);
        assert!(
            computable_name.starts_with(|c: char| c.is_ascii_uppercase()),
            "{computable_name} (opd-0)"
        );
        assert!(computable_name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "opd-0");
        let levels = ["system", "type", "instance"].map(|key| read[key].as_bool().unwrap());
        let expected = match on.as_str() {
            "" => [true, false, false],
            "Patient" => [false, true, true],
            _ => [false, false, true],
        };
        assert_eq!(levels, expected, "{id}");
        let resource = if on.is_empty() { Value::Null } else { json!([on]) };
        assert_eq!(read["resource"], resource, "{id}");
        let mut names = BTreeSet::new();
        for parameter in list(&read["parameter"]) {
            assert_eq!((&parameter["use"], &parameter["min"]), (&json!("in"), &json!(0)), "{id}");
            assert!(["1", "*"].contains(&text(&parameter["max"])), "{id} {parameter}");
            assert!(parameter["type"].is_string(), "{id} {parameter}");
            assert!(names.insert(text(&parameter["name"]).to_owned()), "{id} {parameter} twice");
        }
        assert_eq!(names.contains("patient"), !on.is_empty(), "{id}");
        assert!(seen.insert(id));
    }
    assert_eq!(seen.len(), 7);
    served.get("/fhir/OperationDefinition/bulk-submit").assert_outcome(404, "bulk-submit");
}

#[test]
fn an_operation_accepts_the_parameters_of_its_definition_and_no_others() {
    let (_dir, served) = filled();
    let value = |name: &str| match name {
        "_outputFormat" => "ndjson",
        "_since" | "_until" => "2020-01-01T00:00:00Z",
        "_type" => "Patient",
        "_elements" => "Patient.birthDate",
        "_typeFilter" => "Patient?gender=female",
        "patient" => "Patient/a",
        "includeAssociatedData" => "LatestProvenanceResources",
        "organizeOutputBy" => "Patient",
        "allowPartialManifests" => "true",
        "_minimumFileSize" | "_maximumFileSize" => "1000",
        other => panic!("{other} is defined"),
    };
    for (on, name, definition) in of_guide(&served) {
        if name == "bulk-publish" {
            continue;
        }
        let stem = definition.split('|').next().unwrap().rsplit('/').next().unwrap();
        let id = if name == "export-v4" { format!("{stem}-v4") } else { stem.to_owned() };
        let read = served.get(&format!("/fhir/OperationDefinition/{id}")).json();
        let target = target(&on, &name);
        for parameter in list(&read["parameter"]) {
            let name = text(&parameter["name"]);
            let answer = kick_off(served.authority(), &target, &[(name, value(name))], "");
            assert_eq!(answer.status, 202, "{target} {name}: {}", answer.text());
        }
        for name in ["_typeFilter", "_sort", "_count"] {
            let answer = kick_off(served.authority(), &target, &[(name, "x")], "");
            answer.assert_outcome(400, name);
        }
    }
}

/// <https://hl7.org/fhir/R4/operations.html#executing>: GET may invoke an operation that does not affect state.
#[test]
fn get_invokes_exactly_the_operations_that_affect_no_state() {
    let (_dir, served) = filled();
    for (id, target) in [
        ("export", "/fhir/$export"),
        ("patient-export", "/fhir/Patient/$export"),
        ("group-export", "/fhir/Group/g/$export"),
        ("Patient-everything", "/fhir/Patient/a/$everything"),
        ("bulk-publish", "/fhir/$bulk-publish"),
        ("export-v4", "/fhir/$export-v4"),
        ("patient-export-v4", "/fhir/Patient/$export-v4"),
        ("group-export-v4", "/fhir/Group/g/$export-v4"),
    ] {
        let definition = served.get(&format!("/fhir/OperationDefinition/{id}")).json();
        let allows_get = served.get(target).status != 405;
        assert_eq!(allows_get, definition["affectsState"] == false, "{id}");
    }
}

/// export: To provide clarity to developers on which capabilities are implemented by a particular
/// Data Provider, Data Providers SHALL ensure that their CapabilityStatement accurately reflects
/// the implemented Bulk Data Operations.
#[test]
fn the_capability_statement_lists_the_available_operations() {
    let (_dir, served) = filled();
    let mut listed = operations(&served);
    listed.retain(|(_, name, _)| !is_of_sql(name));
    let places: BTreeSet<(&str, &str)> =
        listed.iter().map(|(on, name, _)| (on.as_str(), name.as_str())).collect();
    let expected = [
        ("", "bulk-publish"),
        ("", "export"),
        ("", "export-v4"),
        ("Group", "export"),
        ("Group", "export-v4"),
        ("Patient", "everything"),
        ("Patient", "export"),
        ("Patient", "export-v4"),
    ];
    assert_eq!(places, BTreeSet::from(expected));
    assert_eq!(listed.len(), expected.len());
    for (on, name, definition) in &listed {
        let path = target(on, name);
        if ["bulk-publish", "everything"].contains(&name.as_str()) {
            assert_eq!(served.get(&path).status, 200);
        } else {
            assert_eq!(kick_off(served.authority(), &path, &[], "").status, 202, "{path}");
        }
        assert!(definition.starts_with(GUIDE) || definition == EVERYTHING, "{definition}");
        if name != "bulk-publish" {
            // Only one edition is STU4.
            assert_eq!(definition.contains("|4."), name == "export-v4", "{path}: {definition}");
        }
    }
    for name in ["bulk-submit", "bulk-submit-status", "everything"] {
        kick_off(served.authority(), &format!("/fhir/${name}"), &[], "").assert_outcome(404, "");
    }
}
