//! Searches give the same with and without an index.

use serde_json::Value;

use super::index::index;
use crate::support::client::get;
use crate::support::oneup::{Tenants, bearer};
use crate::support::{Dir, project};

/// A parameter, and the values that searches have for it.
type Parameter = (&'static str, &'static [&'static str]);

/// What is indexed of the sample data: types with parameters of every kind.
const INDEXED: [(&str, &[Parameter]); 4] = [
    (
        "Observation",
        &[
            ("code", CODES),
            ("combo-code", CODES),
            (
                "category",
                &["vital-signs", "laboratory,vital-signs", "|laboratory", "http://x|laboratory"],
            ),
            (
                "status",
                &["final", "|final", "amended", "http://hl7.org/fhir/observation-status|final"],
            ),
            (
                "subject",
                &[
                    "906e1f94-dfd3-466c-ada4-d36f902eba8c",
                    "Patient/906e1f94-dfd3-466c-ada4-d36f902eba8c",
                    "x",
                ],
            ),
            ("date", DATES),
            (
                "value-quantity",
                &["gt70", "le37.5||Cel", "ap70", "72", "lt10|http://unitsofmeasure.org|kg", "ne5"],
            ),
        ],
    ),
    (
        "Patient",
        &[
            ("name", &["a", "Gómez", "gomez", "ahmed dmitri", "B", "zoe"]),
            ("birthdate", &["lt1950", "ge2000", "1980", "sa1990-05", "eb1960-01-01", "ap1975"]),
            (
                "gender",
                &[
                    "female",
                    "male,female",
                    "http://hl7.org/fhir/administrative-gender|male",
                    "|male",
                ],
            ),
            ("address-city", &["a", "S", "new"]),
            (
                "_profile",
                &["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient", "http://x"],
            ),
        ],
    ),
    (
        "Condition",
        &[
            ("onset-date", DATES),
            ("clinical-status", &["active", "resolved", "active,resolved"]),
            (
                "code",
                &[
                    "59621000",
                    "http://snomed.info/sct|59621000,http://snomed.info/sct|38341003",
                    "x",
                ],
            ),
        ],
    ),
    (
        "Encounter",
        &[
            ("class", &["AMB", "EMER", "IMP,AMB"]),
            ("date", DATES),
            ("status", &["finished", "planned"]),
        ],
    ),
];

const CODES: &[&str] = &[
    "8867-4",
    "http://loinc.org|8867-4",
    "http://loinc.org|29463-7,http://loinc.org|8302-2",
    "|8867-4",
    "http://x|8867-4",
    "http://loinc.org|",
    "8480-6",
];

const DATES: &[&str] = &[
    "ge2020-06",
    "lt2020",
    "2020-11",
    "sa2021-03-01",
    "ap2020",
    "eb2019-01-01T00:00:00Z",
    "ne2020",
    "gt2021",
];

#[test]
fn answers_are_the_same_with_and_without_an_index() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    let sample = sample.to_str().unwrap();
    dir.import(0, &["plain.db", sample]);
    std::fs::copy(dir.path("plain.db"), dir.path("indexed.db")).unwrap();
    for (resource_type, parameters) in INDEXED {
        let codes: Vec<&str> = parameters.iter().map(|(code, _)| *code).collect();
        index(&dir, "indexed.db", resource_type, &codes);
    }
    dir.check("indexed.db");
    let mut found_any = 0;
    let mut random = 7usize;
    let mut next = |below: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (plain, indexed) = (dir.serve(&["plain.db"]), dir.serve(&["indexed.db"]));
    for _ in 0..150 {
        let (resource_type, known) = INDEXED[next(INDEXED.len())];
        let parameters: Vec<String> = (0..=next(2))
            .map(|_| {
                let (code, values) = known[next(known.len())];
                let modifier = ["", "", "", "", "", ":not", ":exact", ":contains"][next(8)];
                format!("{code}{modifier}={}", values[next(values.len())]).replace('|', "%7C")
            })
            .map(|pair| pair.replace(' ', "%20").replace('ó', "%C3%B3"))
            .collect();
        let query = format!("/fhir/{resource_type}?{}&_count=40", parameters.join("&"));
        let (mut one, mut other) = (plain.get(&query), indexed.get(&query));
        // Pages follow each other in the same way.
        for _ in 0..3 {
            assert_eq!(one.status, other.status, "{query}");
            if one.status != 200 {
                break;
            }
            let pages = [&one, &other].map(|answer| answer.json());
            let of = |page: &Value| {
                let entries = page["entry"].as_array().cloned().unwrap_or_default();
                let resources: Vec<Value> =
                    entries.iter().map(|entry| entry["resource"].clone()).collect();
                (resources, page["total"].clone())
            };
            assert_eq!(of(&pages[0]), of(&pages[1]), "{query}");
            found_any += usize::from(!of(&pages[0]).0.is_empty());
            let next = |page: &Value| {
                let links = page["link"].as_array().unwrap();
                let next = links.iter().find(|link| link["relation"] == "next")?;
                Some(next["url"].as_str().unwrap().split_once("/fhir").unwrap().1.to_owned())
            };
            let (Some(first), second) = (next(&pages[0]), next(&pages[1])) else { break };
            assert_eq!(Some(&first), second.as_ref(), "{query}");
            (one, other) =
                (plain.get(&format!("/fhir{first}")), indexed.get(&format!("/fhir{first}")));
        }
    }
    assert!(found_any > 30, "only {found_any} pages had resources");
}

/// An index has rows of everybody's resources; a search gives to each what is within reach.
#[test]
fn an_index_gives_nobody_what_is_anothers() {
    let tenants = Tenants::new();
    let to = tenants.to();
    let paths = ["Observation?subject=anna,ben,carl,nobody", "Observation?subject=anna"];
    let headers = ["anna", "ben"].map(|name| bearer(&tenants.app.tokens(to, name).access));
    let headers = headers.into_iter().chain([bearer(&tenants.other.tokens(to, "carl").access)]);
    let headers: Vec<String> = headers.collect();
    let seen = || -> Vec<Vec<String>> {
        let ids = |path: &&str, headers: &String| -> Vec<String> {
            let page = get(to, &format!("/fhir/{path}"), headers).json();
            let entries = page["entry"].as_array().cloned().unwrap_or_default();
            entries.iter().map(|entry| entry["resource"]["id"].to_string()).collect()
        };
        headers.iter().flat_map(|headers| paths.iter().map(|path| ids(path, headers))).collect()
    };
    let before = seen();
    assert!(before.iter().filter(|found| !found.is_empty()).count() >= 3, "{before:?}");
    index(&tenants.dir, "s.db", "Observation", &["subject"]);
    assert_eq!(seen(), before);
    tenants.end();
}
