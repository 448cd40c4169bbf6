//! References `urn:uuid:` that no Bundle explains: they find the resource whose id is that UUID. The
//! Bulk Data server of SMART writes the members of its Groups so, in NDJSON.

use serde_json::{Value, json};

use super::bundles::{bundle, import};
use crate::support::Dir;

const ONE: &str = "6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2";
const TWO: &str = "58c297c4-d684-4677-8024-01131d93835e";

fn group(id: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members
        .iter()
        .map(|id| json!({"entity": {"reference": format!("urn:uuid:{id}")}}))
        .collect();
    json!({"resourceType": "Group", "id": id, "type": "person", "actual": true, "member": members})
        .to_string()
}

fn resource(kind: &str, id: &str) -> String {
    json!({"resourceType": kind, "id": id}).to_string()
}

fn members(dir: &Dir, group: &str) -> Vec<String> {
    let body: Value = serde_json::from_str(&dir.get("s.db", &format!("Group/{group}"))).unwrap();
    let of = |member: &Value| member["entity"]["reference"].as_str().unwrap().to_owned();
    body["member"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn members_find_their_patients_in_any_order_of_files() {
    let dir = Dir::new();
    dir.write("Group.000.ndjson", group("g", &[ONE, TWO, "short"]));
    dir.write("Patient.000.ndjson", resource("Patient", ONE));
    let ran = dir.run(["import", "s.db", "Group.000.ndjson", "Patient.000.ndjson", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &report["unresolved"], &report["warnings"]), (0, &json!(2), &json!(2)));
    let said =
        format!("Group.000.ndjson:1: reference urn:uuid:{TWO} finds nothing; it is left as it is");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert_eq!(
        members(&dir, "g"),
        [format!("Patient/{ONE}"), format!("urn:uuid:{TWO}"), "urn:uuid:short".into()]
    );
    // In a later import, in another case, and by an id that is no UUID.
    dir.write(
        "later.ndjson",
        resource("Patient", &TWO.to_uppercase()) + "\n" + &resource("Patient", "short"),
    );
    assert_eq!(dir.import(0, &["s.db", "later.ndjson"])["unresolved"], 0);
    assert_eq!(
        members(&dir, "g"),
        [
            format!("Patient/{ONE}"),
            format!("Patient/{}", TWO.to_uppercase()),
            "Patient/short".into()
        ]
    );
    let before = dir.bodies("s.db");
    let again = dir.import(0, &["s.db", "Group.000.ndjson", "Patient.000.ndjson", "later.ndjson"]);
    assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)));
    assert_eq!(dir.bodies("s.db"), before);
    // The export of the Group holds its patients.
    let ran = dir.run(["export", "s.db", "out", "--group", "g"]);
    assert!(ran.stdout.contains("4 resources") || ran.code == 0, "{} {}", ran.stdout, ran.stderr);
    assert_eq!(dir.text("out/Patient.ndjson").lines().count(), 3);
    dir.check("s.db");
}

#[test]
fn other_references_find_the_one_resource_with_that_uuid() {
    let dir = Dir::new();
    let holder = |id: &str, urn: &str| {
        json!({"resourceType": "Observation", "id": id, "subject": {"reference": urn}}).to_string()
    };
    let subject = |id: &str| {
        let body: Value =
            serde_json::from_str(&dir.get("s.db", &format!("Observation/{id}"))).unwrap();
        body["subject"]["reference"].as_str().unwrap().to_owned()
    };
    dir.write(
        "a.ndjson",
        [
            holder("one", &format!("urn:uuid:{ONE}")),
            holder("two", &format!("urn:uuid:{TWO}")),
            holder("number", "urn:uuid:1"),
            holder("oid", "urn:oid:1.2"),
            resource("Device", ONE),
            resource("Patient", TWO),
            resource("Encounter", TWO),
            resource("Patient", "1"),
            group("g", &[TWO]),
        ]
        .join("\n"),
    );
    let ran = dir.run(["import", "s.db", "a.ndjson", "--json"]);
    assert_eq!(
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["unresolved"],
        3,
        "{}",
        ran.stderr
    );
    for said in [
        format!("urn:uuid:{TWO} finds several: Encounter/{TWO}, Patient/"),
        "urn:uuid:1 finds nothing".into(),
        "urn:oid:1.2 finds nothing".into(),
    ] {
        assert!(ran.stderr.contains(&said), "{said}: {}", ran.stderr);
    }
    assert_eq!(subject("one"), format!("Device/{ONE}"));
    assert_eq!(
        [subject("two"), subject("number"), subject("oid")],
        [format!("urn:uuid:{TWO}"), "urn:uuid:1".into(), "urn:oid:1.2".into()]
    );
    // A member of a Group is the patient of several resources.
    assert_eq!(members(&dir, "g"), [format!("Patient/{TWO}")]);
    dir.check("s.db");
}

#[test]
fn in_a_bundle_a_number_means_an_entry_and_nothing_else() {
    let dir = Dir::new();
    import(&dir, 0, &resource("Patient", "1"));
    let group: Value = serde_json::from_str(&group("g", &["1", TWO])).unwrap();
    dir.write("b.json", bundle("batch", json!([{"resource": group}])));
    let ran = dir.run(["import", "s.db", "b.json", "--json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&report["unresolved"], &report["warnings"]),
        (&json!(2), &json!(2)),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("reference urn:uuid:1 names no entry of its Bundle"),
        "{}",
        ran.stderr
    );
    import(&dir, 0, &resource("Patient", TWO));
    assert_eq!(members(&dir, "g"), ["urn:uuid:1".to_owned(), format!("Patient/{TWO}")]);
}

#[test]
fn a_store_from_before_resolves_them_when_the_file_comes_again() {
    let dir = Dir::new();
    dir.write("a.ndjson", group("g", &[ONE]));
    dir.import(0, &["s.db", "a.ndjson"]);
    // Such a store has no notes of these references.
    dir.open("s.db").execute_batch("DELETE FROM unresolved").unwrap();
    dir.write("b.ndjson", resource("Patient", ONE));
    assert_eq!(dir.import(0, &["s.db", "b.ndjson"])["unresolved"], 0);
    assert_eq!(members(&dir, "g"), [format!("urn:uuid:{ONE}")]);
    dir.import(0, &["s.db", "a.ndjson"]);
    assert_eq!(members(&dir, "g"), [format!("Patient/{ONE}")]);
    dir.check("s.db");
}
