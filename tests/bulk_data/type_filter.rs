//! `_typeFilter`: of a type only what a search finds. SQLite's own JSON functions say what that is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::client::{EDITIONS, download, ended, ids, lines, list, string, text};
use crate::support::bulk::{kick_off, location, path};
use crate::support::oneup::encoded;
use crate::support::{Dir, Held, Served, project};

const TYPES: &str = "Patient,Observation,Condition,Practitioner";

/// A server of the sample data.
fn served() -> (Dir, Served) {
    let dir = Dir::new();
    let data = project().join("sample-data/ndjson");
    dir.import(0, &["s.db", data.to_str().expect("UTF-8")]);
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// `Type/id` of the resources that meet an SQL condition.
fn stored(dir: &Dir, condition: &str) -> BTreeSet<String> {
    let db = dir.open("s.db");
    let sql = format!("SELECT type || '/' || id FROM resource WHERE {condition}");
    let mut statement = db.prepare(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let rows = statement.query_map((), |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// The manifest of an export with these parameters, by GET.
fn by_get(served: &Served, path: &str, parameters: &[(&str, &str)], headers: &str) -> Value {
    let answer = served.get_with(&format!("{path}?{}", encoded(parameters)), headers);
    let ended = ended(served, &location(&answer));
    assert_eq!(ended.status, 200, "{path}: {}", ended.text());
    ended.json()
}

/// The same by POST.
fn by_post(served: &Served, path: &str, parameters: &[(&str, &str)], headers: &str) -> Value {
    let answer = kick_off(served.authority(), path, parameters, headers);
    let ended = ended(served, &location(&answer));
    assert_eq!(ended.status, 200, "{path}: {}", ended.text());
    ended.json()
}

/// `Type/id` of an export's resources. Each comes once, and each file is as its entry says.
fn exported(served: &Served, manifest: &Value) -> BTreeSet<String> {
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
fn notices(served: &Served, manifest: &Value) -> String {
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
fn cases() -> Vec<(Vec<&'static str>, Vec<(&'static str, String)>)> {
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

#[test]
fn what_is_wrong_is_refused_by_name_with_what_there_is() {
    let (_dir, served) = served();
    for (filter, words) in [
        ("Observation?nonsense=1", &["_typeFilter", "nonsense", "Observation has", "code"][..]),
        ("Observation?code:in=x", &["_typeFilter", "code:in", "name the codes"]),
        ("Observation?code:contains=x", &["code:contains", ":not"]),
        ("Observation?_sort=date", &["_sort", "Observation has", "date"]),
        ("Patient?_count=1", &["_count", "Patient has", "birthdate"]),
        ("Patient?birthdate=soon", &["birthdate", "soon"]),
        ("Martian?_id=1", &["_typeFilter", "Martian", "no resource type"]),
        ("patient?_id=1", &["patient", "did you mean Patient?"]),
        ("Patient", &["_typeFilter", "Observation?code=8867-4"]),
        ("", &["_typeFilter"]),
        ("Patient?gender=male,Martian?_id=1", &["Martian"]),
        ("Observation?patient.nonsense=1", &["patient.nonsense"]),
        ("Patient?_has:Observation:nonsense:code=1", &["_has:Observation:nonsense:code"]),
    ] {
        for path in ["/fhir/$export", "/fhir/Patient/$export"] {
            let by_get = served.get(&format!("{path}?{}", encoded(&[("_typeFilter", filter)])));
            let by_post = kick_off(served.authority(), path, &[("_typeFilter", filter)], "");
            for answer in [by_get, by_post] {
                words.iter().for_each(|word| answer.assert_outcome(400, word));
            }
        }
    }
    let other = [("_type", "Patient"), ("_typeFilter", "Observation?code=1")];
    let answer = kick_off(served.authority(), "/fhir/$export", &other, "");
    answer.assert_outcome(400, "a type that _type leaves out");
    let joined = [("_typeFilter", "Patient?gender=male,Observation?code=1")];
    let answer = kick_off(served.authority(), "/fhir/$export-v4", &joined, "");
    answer.assert_outcome(400, "repeat the parameter");
    let many: Vec<String> = (0..101).map(|n| format!("Patient?_id={n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|one| ("_typeFilter", one.as_str())).collect();
    let answer = kick_off(served.authority(), "/fhir/$export", &many, "");
    answer.assert_outcome(400, "100 filters at most");
}

/// A filter that is ignored is no filter, also beside another one of the type. It never brings other patients.
#[test]
fn a_lenient_export_tells_ignored_filters_and_widens_to_no_other_patient() {
    let (dir, served) = served();
    let lenient = "Prefer: handling=lenient\r\n";
    let patient = stored(&dir, "type = 'Patient'").pop_first().expect("a patient");
    for level in ["", &format!("{patient}/")] {
        let path = format!("/fhir/{level}$export");
        let types = [("_type", "Patient,Observation")];
        let all = exported(&served, &by_post(&served, &path, &types, ""));
        for (filters, told) in [
            (&["Observation?nonsense=1"][..], "all Observation resources are exported"),
            (&["Observation?code=8867-4", "Observation?_sort=date"], "all Observation resources"),
            (&["Martian?_id=1"], "Martian"),
            (&["Patient"], "it is ignored"),
            (&["Condition?code=1"], "a type that _type leaves out"),
        ] {
            let mut parameters = types.to_vec();
            parameters.extend(filters.iter().map(|filter| ("_typeFilter", *filter)));
            for found in [
                by_post(&served, &path, &parameters, lenient),
                by_get(&served, &path, &parameters, lenient),
            ] {
                assert!(exported(&served, &found) == all, "{filters:?}");
                let notices = notices(&served, &found);
                assert!(notices.contains(told), "{filters:?}: {notices}");
                assert_eq!(notices.lines().count(), 1, "{notices}");
            }
        }
        // The others are applied.
        let mixed =
            [("_typeFilter", "Observation?nonsense=1"), ("_typeFilter", "Patient?_id=none")];
        let found = by_post(&served, &path, &[&types[..], &mixed].concat(), lenient);
        let mut expected = all.clone();
        expected.retain(|name| !name.starts_with("Patient/"));
        assert!(exported(&served, &found) == expected);
    }
}

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
