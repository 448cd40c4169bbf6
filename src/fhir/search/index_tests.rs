//! Whatever a search finds, the index of each of its parameters finds: so an index never loses a resource.

use proptest::prelude::*;
use proptest::sample::select;

use super::super::definition::SearchParameter;
use super::super::fixture::{finds, read, search};
use super::super::index_entry::{IndexEntry, unindexable};
use super::super::indexed::IndexedParameters;
use super::*;

/// The keys of a body for one parameter.
fn entries(resource_type: &str, code: &str, body: &str) -> Vec<IndexEntry> {
    let parameter = (1, resource_type.to_owned(), code.to_owned());
    let made = IndexedParameters::new([parameter]).entries(resource_type, body);
    made.into_iter().map(|(_, entry)| entry).collect()
}

fn number(end: RangeEnd) -> f64 {
    match end {
        RangeEnd::Time(micros) => micros as f64,
        RangeEnd::Number(number) => number,
    }
}

/// True where a key is looked for.
fn is_met(lookup: &IndexLookup, entry: &IndexEntry) -> bool {
    match (lookup, entry) {
        (_, IndexEntry::Unknown) => true,
        (IndexLookup::Same(wanted), IndexEntry::Same(found)) => wanted == found,
        (IndexLookup::Beginning(wanted), IndexEntry::Text(found)) => found.starts_with(wanted),
        (IndexLookup::Range { low_from, low_to, high_from }, IndexEntry::Range { low, high }) => {
            low_from.is_none_or(|limit| number(*low) >= number(limit))
                && low_to.is_none_or(|limit| number(*low) <= number(limit))
                && high_from.is_none_or(|limit| number(*high) >= number(limit))
        }
        _ => false,
    }
}

/// True where the index finds a body, or cannot be asked.
fn is_answered(resource_type: &str, searched: &Search, body: &str) -> bool {
    searched.index_questions().iter().all(|IndexQuestion { code, any }| {
        let entries = entries(resource_type, code, body);
        any.iter().any(|lookup| entries.iter().any(|entry| is_met(lookup, entry)))
    })
}

/// Elements of every form, for any parameter.
const VALUES: [&str; 34] = [
    r#""final""#,
    "true",
    "12",
    r#"{"coding":[{"system":"http://loinc.org","code":"8867-4"},{"code":"final"}],"text":"Heart"}"#,
    r#"{"system":"http://loinc.org","code":"8867-4"}"#,
    r#"{"system":"urn:a","value":"12","type":{"coding":[{"system":"urn:t","code":"MR"}]}}"#,
    r#"{"coding":[{"code":"x"}],"value":"12","type":{"coding":[{"system":"urn:t","code":"MR"}]}}"#,
    r#"{"value":"12"}"#,
    r#"{"reference":"Patient/a"}"#,
    r#"{"reference":"Patient/a/_history/2"}"#,
    r#"{"reference":"http://else/fhir/Patient/a"}"#,
    r#"{"reference":"http://else/fhir/Patient/a/_history/2"}"#,
    r#"{"reference":"urn:uuid:a"}"#,
    r##"{"reference":"#a","identifier":{"system":"urn:a","value":"12"}}"##,
    r#""http://hl7.org/fhir/StructureDefinition/a|1.0""#,
    r#""http://hl7.org/fhir/StructureDefinition/a""#,
    r#"{"family":"Müller","given":["Zoë","Straße"]}"#,
    r#""Müller""#,
    r#"{"line":["5 Rue É"],"postalCode":"75001"}"#,
    r#""2024""#,
    r#""2024-02-29T12:00:00+01:00""#,
    r#""2024-02""#,
    r#"{"start":"2024-01","end":"2024-03"}"#,
    r#"{"start":"2024-02-10"}"#,
    r#"{"end":"2023"}"#,
    r#"{"event":["2024-01-01","2024-05-05"]}"#,
    r#"{"value":70.5,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}"#,
    r#"{"value":70.50,"comparator":"<"}"#,
    r#"{"low":{"value":60},"high":{"value":80}}"#,
    r#"{"value":1e400}"#,
    r#"{"value":0.1}"#,
    r#"{"value":-9007199254740993}"#,
    "[]",
    "null",
];

const TEXTS: [&str; 39] = [
    "final",
    "true",
    "12",
    "http://loinc.org|8867-4",
    "|final",
    "8867-4",
    "urn:a|12",
    "urn:t|MR|12",
    "|12",
    "a",
    "Patient/a",
    "Patient/a/_history/2",
    "http://else/fhir/Patient/a",
    "urn:uuid:a",
    "http://hl7.org/fhir/StructureDefinition/a",
    "http://hl7.org/fhir/StructureDefinition/a|1.0",
    "mul",
    "MÜLLER",
    "Müller",
    "strasse",
    "5 rue e",
    "2024",
    "ge2024",
    "gt2024-02",
    "le2024-02-29",
    "lt2024-03",
    "sa2023",
    "eb2025",
    "ap2024-02",
    "ne2024",
    "eq2024-02-29T12:00:00+01:00",
    "70.5",
    "gt70",
    "le70.5|http://unitsofmeasure.org|kg",
    "0.1",
    "1e400",
    "ap70",
    "-9007199254740993",
    "lt0",
];

/// Parameters of every kind, with an element in which each looks.
const PARAMETERS: [(&str, &str, &str); 14] = [
    ("Observation", "code", "code"),
    ("Observation", "status", "status"),
    ("Observation", "subject", "subject"),
    ("Observation", "date", "effectivePeriod"),
    ("Observation", "date", "effectiveDateTime"),
    ("Observation", "value-quantity", "valueQuantity"),
    ("Observation", "value-string", "valueString"),
    ("Patient", "name", "name"),
    ("Patient", "gender", "gender"),
    ("Patient", "address", "address"),
    ("Patient", "telecom", "telecom"),
    ("Questionnaire", "url", "url"),
    ("RiskAssessment", "probability", "prediction"),
    ("MeasureReport", "measure", "measure"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn what_a_search_finds_its_indexes_find(
        (resource_type, code, element) in select(&PARAMETERS[..]),
        value in select(&VALUES[..]),
        other in select(&VALUES[..]),
        text in select(&TEXTS[..]),
        modifier in select(&["", ":exact", ":of-type", ":identifier", ":below", ":contains", ":Patient", ":not"][..]),
    ) {
        let value = match element {
            "prediction" => format!(r#"[{{"probabilityDecimal":{value}}},{{"probabilityRange":{other}}}]"#),
            _ => format!("[{value},{other}]"),
        };
        let body = format!(r#"{{"resourceType":"{resource_type}","id":"1","{element}":{value}}}"#);
        if let Ok(read) = read(resource_type, &format!("{code}{modifier}={text}"), false) {
            let is_found = finds(&read.search, &body);
            prop_assert!(!is_found || is_answered(resource_type, &read.search, &body), "{body}");
        }
    }
}

#[test]
fn an_index_says_no_where_it_can() {
    let body = r#"{"resourceType":"Observation","id":"1","status":"final","code":{"coding":[{"system":"urn:a","code":"b"}]},
        "effectiveDateTime":"2024-02-29","subject":{"reference":"Patient/a"},"valueQuantity":{"value":70.5}}"#;
    for (query, expected) in [
        ("code=b", true),
        ("code=urn:a|b", true),
        ("code=urn:b|b", false),
        ("code=c", false),
        // Whether case counts is told by the body.
        ("code=B", true),
        ("status=final", true),
        ("status=http://hl7.org/fhir/observation-status|final", true),
        ("status=amended", false),
        ("date=2024", true),
        ("date=2024-02-27", false),
        ("date=ge2024-04", false),
        ("date=lt2024-02-28", false),
        ("date=sa2024-03-01", false),
        ("subject=a", true),
        ("subject=Patient/b", false),
        ("value-quantity=70.5", true),
        ("value-quantity=gt71", false),
        ("value-quantity=lt70", false),
        ("value-quantity=60", false),
    ] {
        let search = search("Observation", query);
        assert_eq!(search.index_questions().len(), 1, "{query}");
        assert_eq!(is_answered("Observation", &search, body), expected, "{query}");
    }
    // No key says anything about these.
    for query in [
        "code:not=b",
        "code:text=b",
        "code=urn:a|",
        "code:missing=true",
        "date=ne2024",
        "status:missing=false",
    ] {
        assert!(search("Observation", query).index_questions().is_empty(), "{query}");
    }
}

#[test]
fn parameters_of_every_kind_but_composite_ones_have_indexes() {
    let why = |resource_type, code| unindexable(SearchParameter::of(resource_type, code).unwrap());
    for (resource_type, code) in
        [("Observation", "code"), ("Patient", "birthdate"), ("Encounter", "length")]
    {
        assert_eq!(why(resource_type, code), None);
    }
    for (resource_type, code) in [
        ("Observation", "code-value-quantity"),
        ("Patient", "_id"),
        ("Patient", "_lastUpdated"),
        ("Location", "near"),
    ] {
        assert!(why(resource_type, code).is_some(), "{code}");
    }
}
