//! Groups whose members must meet searches: the `member-filter` of Bulk Cohort.
//!
//! <https://hl7.org/fhir/uv/bulkdata/group.html>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{EDITIONS, ids, kick_off, lines, list, manifest, text};
use crate::support::{Dir, Served};

/// A Group with these searches and members.
fn group(id: &str, filters: &[&str], members: &[&str]) -> Value {
    let filter = |expression: &&str| {
        json!({"url": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/member-filter",
               "valueExpression": {"language": "application/x-fhir-query", "expression": expression}})
    };
    let member = |reference: &&str| json!({"entity": {"reference": reference}});
    json!({
        "resourceType": "Group", "id": id, "type": "person", "actual": !members.is_empty(),
        "modifierExtension": filters.iter().map(filter).collect::<Vec<_>>(),
        "member": members.iter().map(member).collect::<Vec<_>>(),
    })
}

/// Four patients, who have an Encounter each, and two of them an active Condition.
fn data() -> Vec<Value> {
    let mut data = Vec::new();
    for (id, gender, class) in [
        ("a", "female", "AMB"),
        ("b", "male", "AMB"),
        ("c", "female", "IMP"),
        ("d", "female", "AMB"),
    ] {
        let subject = json!({"reference": format!("Patient/{id}")});
        data.push(json!({"resourceType": "Patient", "id": id, "gender": gender}));
        data.push(json!({"resourceType": "Encounter", "id": format!("e{id}"), "subject": subject,
                         "status": "finished", "class": {"code": class}}));
        if ["a", "b"].contains(&id) {
            data.push(
                json!({"resourceType": "Condition", "id": format!("c{id}"), "subject": subject,
                             "clinicalStatus": {"coding": [{"code": "active"}]}}),
            );
        }
    }
    data.push(json!({"resourceType": "Practitioner", "id": "doc"}));
    data
}

/// Groups, and the patients that their exports have.
fn groups() -> Vec<(Value, &'static str)> {
    let all = ["Patient/a", "Patient/b", "Patient/c", "Patient/d"];
    let women = "Patient?gender=female";
    let ambulatory = "Encounter?class=AMB";
    vec![
        (group("women", &[women], &[]), "a c d"),
        (group("ambulatory", &[ambulatory], &[]), "a b d"),
        (group("both", &[women, ambulatory], &[]), "a d"),
        (group("of-some", &[women, ambulatory], &["Patient/c", "Patient/d", "Patient/gone"]), "d"),
        (group("nobody", &["Patient?gender=other"], &all), ""),
        (group("coded", &["Patient?gender=female%2Cmale&_id=b"], &[]), "b"),
        (group("has", &["Patient?_has:Condition:patient:clinical-status=active"], &all), "a b"),
        (group("chained", &["Condition?patient.gender=female"], &[]), "a"),
        // Of the members of another Group, which is filtered itself.
        (
            group("nested", &["Condition?clinical-status=active"], &["Group/women", "Patient/b"]),
            "a b",
        ),
        (group("union", &[], &["Group/both", "Patient/b"]), "a b d"),
        (group("doctors", &[women], &["Practitioner/doc", "Patient/a"]), "a"),
    ]
}

fn filled() -> (Dir, Served) {
    let dir = Dir::new();
    let groups = groups().into_iter().map(|(group, _)| group);
    let lines: String = data().into_iter().chain(groups).map(|one| format!("{one}\n")).collect();
    dir.write("in.ndjson", lines);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

#[test]
fn an_export_has_the_members_who_meet_each_filter_and_nobody_else() {
    let (dir, served) = filled();
    for (group, expected) in groups() {
        let id = text(&group["id"]);
        let patients: BTreeSet<String> = expected.split_whitespace().map(str::to_owned).collect();
        for edition in EDITIONS {
            let manifest = manifest(&served, &format!("/fhir/Group/{id}/{edition}"), &[]);
            let found = ids(&served, [&manifest]);
            let of = |name: &str| -> BTreeSet<String> {
                found.iter().filter_map(|one| Some(one.strip_prefix(name)?.to_owned())).collect()
            };
            assert_eq!(of("Patient/"), patients, "{id}");
            assert_eq!(of("Encounter/e"), patients, "{id}");
            assert!(of("Group/").contains(&id), "{id}: {found:?}");
            let notices = list(&manifest["error"]).iter().chain(list(&manifest["outcome"]));
            let notices: Vec<Value> = notices.flat_map(|file| lines(&served, file)).collect();
            let told = ["of-some", "doctors"].contains(&id.as_str());
            assert_eq!(notices.len(), usize::from(told), "{id}: {notices:?}");
        }
        let out = format!("out-{id}");
        let ran = dir.run(["export", "s.db", &out, "--group", &id, "--type", "Group,Encounter"]);
        assert_eq!(ran.code, 0, "{id}: {}", ran.stderr);
        let encounters = dir.path(&format!("{out}/Encounter.ndjson"));
        let lines = std::fs::read_to_string(encounters).unwrap_or_default();
        assert_eq!(lines.lines().count(), patients.len(), "{id}");
    }
}

#[test]
fn a_patient_who_does_not_meet_the_filters_is_no_member() {
    let (_dir, served) = filled();
    let only = |id: &str| json!({"name": "patient", "valueReference": {"reference": format!("Patient/{id}")}});
    let found = ids(&served, [&manifest(&served, "/fhir/Group/both/$export", &[only("a")])]);
    let patients: Vec<&String> = found.iter().filter(|name| name.starts_with("Patient/")).collect();
    assert_eq!(patients, ["Patient/a"]);
    let answer = kick_off(&served, "/fhir/Group/both/$export", "", &[only("b")]);
    answer.assert_outcome(400, "not a member");
}

/// The filters are worked out on the snapshot of the export: what changes later changes nothing.
#[test]
fn later_changes_do_not_change_who_is_in_an_export() {
    let (dir, served) = filled();
    let manifest = manifest(&served, "/fhir/Group/women/$export", &[]);
    let before = ids(&served, [&manifest]);
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"a\",\"gender\":\"male\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(ids(&served, [&manifest]), before);
    let after = super::client::manifest(&served, "/fhir/Group/women/$export", &[]);
    assert!(!ids(&served, [&after]).contains(&"Patient/a".to_owned()));
}
