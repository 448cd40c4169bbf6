//! `_typeFilter`: of a type only what a search finds. SQLite's own JSON functions say what that is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::client::{EDITIONS, download, ended, ids, lines, list, text};
use crate::support::bulk::{kick_off, location};
use crate::support::oneup::encoded;
use crate::support::{Dir, Served, project};

const TYPES: &str = "Patient,Observation,Condition,Practitioner";

/// A server of the sample data.
pub fn served() -> (Dir, Served) {
    let dir = Dir::new();
    let data = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", data.to_str().expect("UTF-8")]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// `Type/id` of the resources that meet an SQL condition.
pub fn stored(dir: &Dir, condition: &str) -> BTreeSet<String> {
    let db = dir.open("s.db");
    let sql = format!("SELECT type || '/' || id FROM resource WHERE {condition}");
    let mut statement = db.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// The manifest of an export with these parameters, by GET.
pub fn by_get(served: &Served, path: &str, parameters: &[(&str, &str)], headers: &str) -> Value {
    let answer = served.get_with(&format!("{path}?{}", encoded(parameters)), headers);
    let ended = ended(served, &location(&answer));
    assert_eq!(ended.status, 200, "{path}: {}", ended.text());
    ended.json()
}

/// The same by POST.
pub fn by_post(served: &Served, path: &str, parameters: &[(&str, &str)], headers: &str) -> Value {
    let answer = kick_off(served.authority(), path, parameters, headers);
    let ended = ended(served, &location(&answer));
    assert_eq!(ended.status, 200, "{path}: {}", ended.text());
    ended.json()
}

/// `Type/id` of an export's resources. Each comes once, and each file is as its entry says.
pub fn exported(served: &Served, manifest: &Value) -> BTreeSet<String> {
    let found = ids(served, [manifest]);
    let once: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(once.len(), found.len(), "a resource comes twice");
    for file in list(&manifest["output"]) {
        let answer = served.get(&text(&file["url"]));
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        let lines = answer.body.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines > 0 && file["count"] == lines, "{file}");
    }
    once
}

/// What the notices of an export say.
pub fn notices(served: &Served, manifest: &Value) -> String {
    let files = list(&manifest["error"]).iter().chain(list(&manifest["outcome"]));
    let lines = files.flat_map(|file| lines(served, file));
    lines.map(|line| text(&line["issue"][0]["diagnostics"]) + "\n").collect()
}

fn coded(code: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM json_each(body, '$.code.coding') WHERE value ->> 'code' = '{code}')"
    )
}

fn category(codes: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM json_each(body, '$.category') AS c, json_each(c.value, '$.coding') AS d
                  WHERE d.value ->> 'code' IN ({codes}))"
    )
}

/// Filters, and for each of their types the condition that SQLite holds against it.
type FilterCase = (Vec<&'static str>, Vec<(&'static str, String)>);

fn cases() -> Vec<FilterCase> {
    let gender_of_subject =
        "(SELECT p.body ->> '$.gender' FROM resource AS p WHERE p.type = 'Patient'
                    AND p.id = substr(resource.body ->> '$.subject.reference', 9)) = 'female'";
    let has_active = "EXISTS (SELECT 1 FROM resource AS c WHERE c.type = 'Condition'
                        AND c.body ->> '$.subject.reference' = 'Patient/' || resource.id
                        AND c.body ->> '$.clinicalStatus.coding[0].code' = 'active')";
    let female = "body ->> '$.gender' = 'female'".to_owned();
    vec![
        (vec!["Observation?code=8867-4"], vec![("Observation", coded("8867-4"))]),
        (
            vec!["Observation?code=8867-4", "Observation?code=29463-7"],
            vec![("Observation", format!("({} OR {})", coded("8867-4"), coded("29463-7")))],
        ),
        (
            vec!["Observation?category=vital-signs,survey"],
            vec![("Observation", category("'vital-signs', 'survey'"))],
        ),
        (
            vec!["Observation?code=29463-7,8867-4&value-quantity=gt70", "Patient?gender=female"],
            vec![
                (
                    "Observation",
                    format!(
                        "({} OR {}) AND body ->> '$.valueQuantity.value' > 70",
                        coded("8867-4"),
                        coded("29463-7")
                    ),
                ),
                ("Patient", female.clone()),
            ],
        ),
        (
            vec!["Observation?category:not=vital-signs"],
            vec![("Observation", format!("NOT {}", category("'vital-signs'")))],
        ),
        (
            vec!["Observation?patient.gender=female&code=8867-4"],
            vec![("Observation", format!("{gender_of_subject} AND {}", coded("8867-4")))],
        ),
        (
            vec!["Patient?_has:Condition:patient:clinical-status=active"],
            vec![("Patient", has_active.to_owned())],
        ),
        // One that looks at every resource beside one that an index answers.
        (vec!["Patient?gender=female", "Patient?_id=none"], vec![("Patient", female)]),
        (vec!["Observation?_lastUpdated=ge2200"], vec![("Observation", "FALSE".to_owned())]),
        (vec!["Patient?identifier=urn:none|0"], vec![("Patient", "FALSE".to_owned())]),
        (vec!["Patient?"], vec![("Patient", "TRUE".to_owned())]),
        // What comes along because it is referred to must meet the filter of its type too.
        (
            vec!["Practitioner?gender=male"],
            vec![("Practitioner", "body ->> '$.gender' = 'male'".to_owned())],
        ),
        // Texts that are no SQL.
        (vec!["Patient?family=x' OR '1'='1"], vec![("Patient", "FALSE".to_owned())]),
        (vec!["Patient?_id=x'); DROP TABLE job; --"], vec![("Patient", "FALSE".to_owned())]),
        (vec!["Condition?identifier=a'||'b|c\"d"], vec![("Condition", "FALSE".to_owned())]),
        (vec!["Observation?patient=' OR TRUE --"], vec![("Observation", "FALSE".to_owned())]),
    ]
}

/// export: Resources with a resource type specified in this query that do not meet the criteria in
/// the search expression in the query SHALL NOT be returned, with the exception of related
/// resources being included by the Data Provider to provide context about the resources being
/// exported (see [processing model](#processing-model)).
///
/// export: When more than one `_typeFilter` parameter is provided with a query for the same
/// resource type, the Data Provider SHALL include resources of that resource type that meet the
/// criteria in any of the parameters (a logical "or").
///
/// export, parameter `_typeFilter`: When provided, a Data Provider with support for the parameter
/// and requested search queries SHALL filter the data in the response for resource types
/// referenced in the `_typeFilter` expression to only include resources that meet the specified
/// criteria.
#[test]
fn each_level_has_of_a_type_what_sql_selects() {
    let (dir, served) = served();
    let patient = stored(&dir, "type = 'Patient' AND id IN (SELECT patient FROM compartment)");
    let patient = patient.first().expect("a patient").clone();
    let group = stored(&dir, "type = 'Group'").pop_first().expect("a Group");
    for level in ["", "Patient/", &format!("{patient}/"), &format!("{group}/")] {
        let path = format!("/fhir/{level}$export");
        let all = exported(&served, &by_get(&served, &path, &[("_type", TYPES)], ""));
        assert!(!all.is_empty());
        for (filters, conditions) in cases() {
            let mut expected = all.clone();
            for (of_type, condition) in &conditions {
                let met = stored(&dir, &format!("type = '{of_type}' AND ({condition})"));
                let prefix = format!("{of_type}/");
                expected.retain(|name| !name.starts_with(&prefix) || met.contains(name));
            }
            // As clients join them: the commas within a filter are encoded twice.
            let joined: Vec<String> =
                filters.iter().map(|filter| filter.replace(',', "%2C")).collect();
            let joined = joined.join(",");
            let found = by_get(&served, &path, &[("_type", TYPES), ("_typeFilter", &joined)], "");
            assert!(exported(&served, &found) == expected, "GET {path} {filters:?}");
            let types = TYPES.split(',').map(|name| ("_type", name));
            let repeated = filters.iter().map(|filter| ("_typeFilter", *filter));
            let parameters: Vec<(&str, &str)> = types.chain(repeated).collect();
            for edition in EDITIONS {
                let path = format!("/fhir/{level}{edition}");
                let found = by_post(&served, &path, &parameters, "");
                assert!(exported(&served, &found) == expected, "POST {path} {filters:?}");
                assert_eq!(notices(&served, &found), "", "{filters:?}");
            }
        }
    }
    dir.check("s.db");
}

#[test]
fn files_of_a_filtered_type_lose_and_repeat_nothing_where_they_are_cut() {
    let (dir, served) = served();
    let expected = stored(&dir, &format!("type = 'Observation' AND {}", category("'vital-signs'")));
    for level in ["", "Patient/"] {
        for (name, value) in [
            ("_maximumFileSize", "20000"),
            ("_elements", "Observation.status"),
            ("includeAssociatedData", "RelevantProvenanceResources"),
        ] {
            let parameters = [
                ("_type", "Observation"),
                ("_typeFilter", "Observation?category=vital-signs"),
                (name, value),
            ];
            let manifest = by_post(&served, &format!("/fhir/{level}$export"), &parameters, "");
            let mut found = exported(&served, &manifest);
            found.retain(|name| name.starts_with("Observation/"));
            assert!(found == expected, "{level} {name}");
            let files = list(&manifest["output"]);
            assert!(files.len() > 10 || name != "_maximumFileSize", "{}", files.len());
            for file in files {
                let bytes = download(&served, file).len();
                assert!(bytes <= 20_000 || name != "_maximumFileSize", "{file}");
            }
        }
    }
    // The command cuts by number.
    let filter = "Observation?category=vital-signs";
    let options = ["--type", "Observation", "--type-filter", filter, "--resources-per-file", "7"];
    let ran = dir.run([&["export", "s.db", "out"][..], &options].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let manifest: Value = serde_json::from_str(&dir.text("out/manifest.json")).expect("JSON");
    let mut found = BTreeSet::new();
    for file in list(&manifest["output"]) {
        let name = text(&file["url"]);
        let body = dir.text(&format!("out/{}", name.rsplit('/').next().expect("a name")));
        assert!((1..=7).contains(&body.lines().count()) && file["count"] == body.lines().count());
        for line in body.lines() {
            let line: Value = serde_json::from_str(line).expect("JSON");
            assert!(found.insert(format!("Observation/{}", text(&line["id"]))), "twice: {line}");
        }
    }
    assert!(found == expected);
    let ran = dir.run(["export", "s.db", "none", "--type-filter", "Observation?nonsense=1"]);
    assert!(ran.code != 0 && ran.stderr.contains("nonsense"), "{}", ran.stderr);
}

#[test]
fn blocks_of_patients_hold_what_the_filters_leave() {
    let (dir, served) = served();
    let filters = [
        ("organizeOutputBy", "Patient"),
        ("_type", "Patient,Observation"),
        ("_typeFilter", "Observation?code=8867-4"),
    ];
    let manifest = by_post(&served, "/fhir/Patient/$export", &filters, "");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in list(&manifest["output"]).iter().flat_map(|file| lines(&served, file)) {
        *counts.entry(text(&line["resourceType"])).or_default() += 1;
    }
    let of = |condition: &str| stored(&dir, condition).len();
    let observations = of(&format!(
        "type = 'Observation' AND seq IN (SELECT seq FROM compartment) AND {}",
        coded("8867-4")
    ));
    assert_eq!(counts["Observation"], observations);
    assert_eq!(counts["Patient"], of("type = 'Patient'"));
}
