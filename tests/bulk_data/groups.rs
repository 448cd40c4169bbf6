//! Groups that say by more than a list and searches who belongs to them: they are refused everywhere.

use serde_json::{Value, json};

use crate::support::Dir;
use crate::support::bulk::{ended, kick_off};

const FILTER: &str = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter";

/// A Group that lists Patient/p, with `more` elements.
fn group(id: &str, more: Value) -> Value {
    let mut group = json!({
        "resourceType": "Group", "id": id, "type": "person", "actual": true,
        "member": [{"entity": {"reference": "Patient/p"}}],
    });
    for (name, value) in more.as_object().expect("elements") {
        group[name] = value.clone();
    }
    group
}

/// Groups that a list does not tell, and what the refusal names.
fn refused() -> Vec<(Value, &'static str)> {
    let filter = |language: &str, expression: &str| json!([{"url": FILTER, "valueExpression": {"language": language, "expression": expression}}]);
    let query = |expression: &str| filter("application/x-fhir-query", expression);
    let unknown = json!([{"url": "https://example.org/not", "valueBoolean": true}]);
    let of_member = json!([{"entity": {"reference": "Patient/p"}, "modifierExtension": unknown}]);
    let within = json!([{"entity": {"reference": "Group/filtered"}}]);
    vec![
        (group("filtered", json!({"modifierExtension": filter("text/cql", "x")})), "member-filter"),
        (group("unnamed", json!({"modifierExtension": query("Patient?nonsense=1")})), "nonsense"),
        (group("sorted", json!({"modifierExtension": query("Patient?_sort=name")})), "_sort"),
        (group("no-search", json!({"modifierExtension": query("Patient")})), "should be a search"),
        (
            group("templates", json!({"modifierExtension": query("Patient?_id={{%x}}")})),
            "member-filter",
        ),
        (group("beyond", json!({"modifierExtension": query("Location?name=x")})), "compartment"),
        (
            group(
                "devices",
                json!({"modifierExtension": query("Patient?_id=p"), "type": "device", "member": []}),
            ),
            "person",
        ),
        (
            group(
                "traits-too",
                json!({"modifierExtension": query("Patient?_id=p"), "characteristic": [{"exclude": false}]}),
            ),
            "traits",
        ),
        (group("unknown", json!({"modifierExtension": unknown})), "https://example.org/not"),
        (group("of-member", json!({"member": of_member})), "https://example.org/not"),
        (group("definitional", json!({"membership": "definitional"})), "definitional"),
        (group("conceptual", json!({"membership": "conceptual", "member": null})), "conceptual"),
        (group("traits", json!({"actual": false, "member": []})), "traits"),
        (group("within", json!({"member": within})), "Group/filtered"),
    ]
}

/// "Applications processing a resource are required to check for modifier extensions."
/// (<https://hl7.org/fhir/R4/extensibility.html#modifierExtension>)
#[test]
fn a_group_that_a_filter_defines_is_refused_everywhere() {
    let dir = Dir::new();
    let listed = group("listed", json!({"membership": "enumerated", "modifierExtension": []}));
    let mut lines = format!("{}\n{listed}\n", json!({"resourceType": "Patient", "id": "p"}));
    for (group, _) in refused() {
        lines += &format!("{group}\n");
    }
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    for (group, named) in refused() {
        let id = group["id"].as_str().expect("an id");
        for operation in ["$export", "$export-v4"] {
            let target = format!("/fhir/Group/{id}/{operation}");
            for (parameters, headers) in [
                (&[][..], ""),
                (&[], "Prefer: handling=lenient\r\n"),
                (&[("patient", "Patient/p")], ""),
                (&[("_type", "Patient")], ""),
            ] {
                let answer = kick_off(served.authority(), &target, parameters, headers);
                answer.assert_outcome(400, named);
            }
        }
        served.get(&format!("/fhir/Group/{id}/$export")).assert_outcome(400, named);
        served.get(&format!("/bulk-data/r4/Group/{id}/$export")).assert_outcome(400, named);
        let ran = dir.run(["export", "s.db", "out", "--group", id]);
        assert!(ran.code != 0 && ran.stderr.contains(named), "{id}: {}", ran.stderr);
        assert!(!dir.path("out").exists(), "{id}");
    }
    let started = kick_off(served.authority(), "/fhir/Group/listed/$export", &[], "");
    assert_eq!(ended(served.authority(), &started).json()["output"].as_array().unwrap().len(), 2);
    // The Groups themselves are data like any other.
    let started = kick_off(served.authority(), "/fhir/$export?_type=Group", &[], "");
    let manifest = ended(served.authority(), &started).json();
    assert_eq!(manifest["output"][0]["count"], refused().len() + 1);
}
