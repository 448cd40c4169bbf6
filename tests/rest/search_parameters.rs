//! Searches by the parameters that R4 defines, over the sample data. SQLite's own JSON functions say what must be found.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{bundle, ids, link};
use crate::support::{Dir, Served, project};

/// A server of the sample data.
fn served() -> (Dir, Served) {
    let dir = Dir::new();
    let data = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", data.to_str().expect("UTF-8")]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// The ids on all pages of a search.
fn found(served: &Served, query: &str) -> Vec<String> {
    let mut page = bundle(served, &format!("/fhir/{query}"));
    let mut all = ids(&page);
    while let Some(next) = link(&page, "next").map(str::to_owned) {
        page = bundle(served, &next);
        all.extend(ids(&page));
    }
    all
}

/// The ids of the resources of a type that meet an SQL condition.
fn wanted(dir: &Dir, resource_type: &str, condition: &str) -> BTreeSet<String> {
    let db = dir.open("s.db");
    let sql = format!("SELECT id FROM resource WHERE type = ?1 AND ({condition})");
    let mut statement = db.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map([resource_type], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// The condition that a list of the body has an element that meets `condition`, in which `value` is the element.
fn any(list: &str, condition: &str) -> String {
    format!("EXISTS (SELECT 1 FROM json_each(body, '$.{list}') WHERE {condition})")
}

#[test]
fn what_is_found_is_what_sql_selects() {
    let (dir, served) = served();
    let coding = |list: &str, code: &str| any(list, &format!("value ->> 'code' = '{code}'"));
    let loinc = |code: &str| {
        any(
            "code.coding",
            &format!("value ->> 'code' = '{code}' AND value ->> 'system' = 'http://loinc.org'"),
        )
    };
    let category = "EXISTS (SELECT 1 FROM json_each(body, '$.category') AS c, json_each(c.value, '$.coding') AS d
                             WHERE d.value ->> 'code' = 'vital-signs')";
    let has_condition = "EXISTS (SELECT 1 FROM resource AS c WHERE c.type = 'Condition'
                                    AND c.body ->> '$.subject.reference' = 'Patient/' || resource.id)";
    let patient = wanted(&dir, "Patient", has_condition).pop_first().expect("a patient");
    let of_patient = format!("body ->> '$.subject.reference' = 'Patient/{patient}'");
    let cases = [
        ("Observation?code=8867-4".to_owned(), coding("code.coding", "8867-4")),
        ("Observation?code=http://loinc.org|8867-4".to_owned(), loinc("8867-4")),
        ("Observation?code=http://snomed.info/sct|8867-4".to_owned(), "FALSE".to_owned()),
        ("Observation?code=|8867-4".to_owned(), "FALSE".to_owned()),
        (
            "Observation?code=8867-4,29463-7&category=vital-signs".to_owned(),
            format!("({} OR {}) AND {category}", loinc("8867-4"), loinc("29463-7")),
        ),
        ("Observation?category:not=vital-signs".to_owned(), format!("NOT {category}")),
        (
            "Observation?value-quantity:missing=true".to_owned(),
            "body -> '$.valueQuantity' IS NULL AND body -> '$.valueSampledData' IS NULL".to_owned(),
        ),
        (
            "Observation?code=29463-7&value-quantity=gt70".to_owned(),
            format!("{} AND body ->> '$.valueQuantity.value' > 70", loinc("29463-7")),
        ),
        (
            "Observation?code=29463-7&value-quantity=le70||kg".to_owned(),
            format!("{} AND body ->> '$.valueQuantity.value' <= 70", loinc("29463-7")),
        ),
        (
            "Observation?code-value-quantity=8867-4$ge80".to_owned(),
            format!("{} AND body ->> '$.valueQuantity.value' >= 80", loinc("8867-4")),
        ),
        (
            "Observation?date=ge2023-01-01T00:00:00Z".to_owned(),
            "unixepoch(coalesce(body ->> '$.effectiveDateTime', body ->> '$.effectivePeriod.end', '9999-01-01')) >= unixepoch('2023-01-01')".to_owned(),
        ),
        (format!("Observation?patient={patient}"), of_patient.clone()),
        (format!("Observation?subject=Patient/{patient}"), of_patient.clone()),
        (
            format!("Observation?patient=Patient/{patient}&code=8867-4"),
            format!("{of_patient} AND {}", loinc("8867-4")),
        ),
        (format!("Condition?patient={patient}"), of_patient.clone()),
        ("Patient?gender=female".to_owned(), "body ->> '$.gender' = 'female'".to_owned()),
        (
            "Patient?birthdate=lt1980".to_owned(),
            "body ->> '$.birthDate' < '1980'".to_owned(),
        ),
        (
            "Patient?family:contains=A".to_owned(),
            any("name", "value ->> 'family' LIKE '%a%' OR value ->> 'family' LIKE '%ä%' OR value ->> 'family' LIKE '%á%'"),
        ),
        (
            "Observation?patient.gender=female&code=8302-2".to_owned(),
            format!(
                "{} AND (SELECT p.body ->> '$.gender' FROM resource AS p WHERE p.type = 'Patient'
                          AND p.id = substr(resource.body ->> '$.subject.reference', 9)) = 'female'",
                loinc("8302-2")
            ),
        ),
        (
            "Patient?_has:Condition:patient:clinical-status=active".to_owned(),
            "EXISTS (SELECT 1 FROM resource AS c WHERE c.type = 'Condition'
                        AND c.body ->> '$.subject.reference' = 'Patient/' || resource.id
                        AND c.body ->> '$.clinicalStatus.coding[0].code' = 'active')"
                .to_owned(),
        ),
        (
            "Encounter?class=AMB&date=le2021-12-31".to_owned(),
            "body ->> '$.class.code' = 'AMB'
             AND unixepoch(body ->> '$.period.start') < unixepoch('2022-01-01')"
                .to_owned(),
        ),
        (
            "Observation?_profile=http://hl7.org/fhir/us/core/StructureDefinition/us-core-body-weight".to_owned(),
            any("meta.profile", "value = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-body-weight'"),
        ),
    ];
    for (query, condition) in cases {
        let resource_type = query.split('?').next().expect("a type");
        let found = found(&served, &query);
        let distinct: BTreeSet<String> = found.iter().cloned().collect();
        assert_eq!(distinct.len(), found.len(), "{query} repeats a resource");
        assert_eq!(distinct, wanted(&dir, resource_type, &condition), "{query}");
        let alone = bundle(&served, &format!("/fhir/{query}&_count=0"));
        assert_eq!(alone["total"], Value::from(found.len()), "{query}");
        if condition != "FALSE" {
            assert!(!found.is_empty(), "{query} finds nothing, and so tests little");
        }
    }
}

#[test]
fn what_is_wrong_is_refused_by_name_with_what_there_is() {
    let (_dir, served) = served();
    for (query, named) in [
        ("Observation?issued=2020", "Observation has _id"),
        ("Observation?code:in=http://x", "value sets are not expanded here"),
        ("Patient?gender:exact=male", ":missing, :not, :of-type, :text"),
        ("Observation?value-quantity=heavy", "value-quantity"),
        ("Observation?date=yesterday", "date"),
        ("Observation?patient.foo=1", "patient.foo"),
        ("Patient?_has:Condition:code=1", "_has:Type:reference:parameter"),
        ("Patient?_has:Encounter:practitioner:status=finished", "does not refer to Patient"),
        ("Location?near=1|2|3", "positions are not compared"),
    ] {
        served.get(&format!("/fhir/{query}")).assert_outcome(400, named);
    }
}

#[test]
fn the_capability_statement_lists_what_can_be_searched_for() {
    let (_dir, served) = served();
    let statement = served.get("/fhir/metadata").json();
    let mut tried = 0;
    for resource in statement["rest"][0]["resource"].as_array().expect("types") {
        let name = resource["type"].as_str().expect("a type");
        for parameter in resource["searchParam"].as_array().expect("parameters") {
            let code = parameter["name"].as_str().expect("a name");
            // A value of every kind that any store takes.
            let value = match parameter["type"].as_str().expect("a kind") {
                "date" => "2020",
                "number" | "quantity" => "1",
                "composite" => continue,
                _ => "x",
            };
            let target = format!("/fhir/{name}?{code}={value}&_count=0");
            let answer = served.get(&target);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}
