//! Tests with generated texts: what one pass over a resource finds is what `serde_json` and a pass
//! for each question find.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::head::{ResourceHead, ResourceReading};
use super::json::{self, JsonPart, StringValue};
use super::name::local_reference;
use super::resource::{Parsed, Resource};
use super::version::FhirVersion;
use super::{attachment, binary, compartment, reference};

/// Keys with a meaning, some that mean nothing, and one with an escape.
const KEYS: [&str; 15] = [
    "reference",
    "reference",
    "url",
    "url",
    "subject",
    "performer",
    "securityContext",
    "photo",
    "extension",
    "contained",
    "identifier",
    "meta",
    "id",
    "x",
    r"y\u0079",
];
/// Links of every kind, as written in JSON.
const LINKS: [&str; 15] = [
    "Patient/1",
    r"Patient\/2",
    r"\u0050atient/3",
    "http://h/Patient/4/_history/1",
    "Group/5",
    "#6",
    "urn:uuid:7",
    "Urn:uuid:8",
    r"\u0075rn:oid:9",
    "Patient?identifier=a|b",
    r"Patient\u003f_id=1",
    "Binary/1",
    "./Binary/2",
    "http://h/Binary/3",
    "a/b.pdf",
];
/// What a byte of a text is replaced by.
const BYTES: &[u8] = b"{}[]\",:\\u0-+.eE1 \n\t\x01\x7ftn/";

/// A JSON value with white space here and there. No object has a key twice.
fn value() -> impl Strategy<Value = String> {
    let space = || select(vec!["", "", "", "", " ", "\n", "\r\n\t"]);
    let plain = || {
        prop_oneof![
            select(vec!["true", "false", "null", "0"]).prop_map(str::to_owned),
            r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,4})?",
            r#""([ !#-\[\]-~é😀\x7f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,20}""#,
            select(&LINKS[..]).prop_map(|link| format!("\"{link}\"")),
            select(&LINKS[..]).prop_map(|link| format!(r#"{{"reference":"{link}"}}"#)),
            select(&LINKS[..]).prop_map(|link| format!(r#"[{{"reference": "{link}"}}]"#)),
        ]
    };
    plain().prop_recursive(6, 60, 6, move |inner| {
        let member = (space(), inner.clone(), space());
        let spaced = |(before, value, behind)| format!("{before}{value}{behind}");
        let list = prop::collection::vec(member.clone(), 0..4).prop_map(move |values| {
            format!("[{}]", values.into_iter().map(spaced).collect::<Vec<_>>().join(","))
        });
        let member = (space(), inner, space());
        let object = prop::collection::btree_map(select(&KEYS[..]), member, 0..6);
        prop_oneof![
            list,
            object.prop_map(|members| object_of(
                &members
                    .into_iter()
                    .map(|(key, (before, value, behind))| format!(
                        "{before}\"{key}\"{behind}:{before}{value}{behind}"
                    ))
                    .collect::<Vec<_>>()
            ))
        ]
    })
}

fn object_of(members: &[String]) -> String {
    format!("{{{}}}", members.join(","))
}

/// A resource of a type with compartments, attachments or a context, or a Bundle. It has an id.
fn resource() -> impl Strategy<Value = String> {
    let types = select(vec!["Observation", "Patient", "Binary", "Martian", "Device", "Bundle"]);
    let names: Vec<_> = KEYS.into_iter().filter(|key| !matches!(*key, "id" | "meta")).collect();
    let link = select(&LINKS[..]).prop_map(|link| format!(r#"{{"reference":"{link}"}}"#));
    let members = prop::collection::btree_map(select(names), prop_oneof![link, value()], 0..6);
    (types, members, any::<Index>()).prop_map(|(name, members, place)| {
        let mut members: Vec<String> =
            members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        members.insert(place.index(members.len() + 1), format!(r#""resourceType": "{name}""#));
        members.insert(place.index(members.len() + 1), r#""id":"i""#.to_owned());
        object_of(&members)
    })
}

/// A resource in which up to three bytes are others, or missing. It stays UTF-8.
fn damaged() -> impl Strategy<Value = String> {
    let damage = (any::<Index>(), prop::option::of(select(BYTES)));
    (resource(), prop::collection::vec(damage, 0..4)).prop_map(|(text, damages)| {
        let mut bytes = text.into_bytes();
        for (place, byte) in damages {
            let at = place.index(bytes.len());
            bytes.splice(at..at + 1, byte);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// What a test compares of a string.
fn shown(string: &StringValue<'_, '_>) -> (String, String, String, std::ops::Range<usize>, usize) {
    let texts = [string.key, string.parent, string.raw].map(str::to_owned);
    let [key, parent, raw] = texts;
    (key, parent, raw, string.at.clone(), string.enclosing.len())
}

/// The links at a path of keys, through lists.
fn links_at<'v>(value: &'v Value, path: &[&str], found: &mut Vec<&'v str>) {
    match (value, path) {
        (Value::Array(values), _) => values.iter().for_each(|each| links_at(each, path, found)),
        (Value::String(link), []) => found.push(link),
        (Value::Object(members), [key, rest @ ..]) => {
            members.get(*key).into_iter().for_each(|each| links_at(each, rest, found));
        }
        _ => {}
    }
}

fn parsed(text: &str) -> Option<Resource> {
    match Parsed::parse(text, None) {
        Ok(Parsed::Resource(resource)) => Some(*resource),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_scan_takes_what_serde_json_takes_and_finds_all_strings_and_members(text in damaged()) {
        let (mut strings, mut members) = (Vec::new(), Vec::new());
        let scanned = json::scan(&text, |part| match part {
            JsonPart::String(string) => strings.push(shown(&string)),
            JsonPart::Member(name, value) => members.push((name, value)),
        });
        let is_object = text.starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        let Some(traits) = scanned else {
            // A key has an escape.
            prop_assert!(!is_object || text.contains('\\'), "{text}");
            return Ok(());
        };
        prop_assert!(is_object, "{text}");
        prop_assert_eq!(traits.has_escapes, text.contains('\\'));
        prop_assert_eq!(traits.has_line_breaks, text.contains(['\n', '\r']));
        let mut each = Vec::new();
        json::each_string(&text, |string| each.push(shown(&string)));
        prop_assert_eq!(strings, each);
        let all = json::members(&text);
        let all: Vec<_> = all.into_iter().map(|member| (member.name, &text[member.value])).collect();
        prop_assert_eq!(members, all);
    }

    #[test]
    fn a_head_read_in_one_pass_is_the_one_that_serde_reads(text in damaged()) {
        let read = ResourceHead::read(&text);
        match ResourceReading::of(&text) {
            Ok(reading) => prop_assert_eq!(Ok(reading.head), read),
            Err(reason) => prop_assert_eq!(Err(reason), read.map(|_| ())),
        }
    }

    #[test]
    fn one_pass_finds_what_a_pass_for_each_question_finds(text in damaged()) {
        let Some(resource) = parsed(&text) else { return Ok(()) };
        let Resource { resource_type, text, .. } = &resource;
        prop_assert_eq!(&resource.patients, &compartment::patients(FhirVersion::R4, resource_type, text));
        prop_assert_eq!(&resource.attachments, &attachment::urls(text));
        prop_assert_eq!(&resource.security_context, &binary::security_context(resource_type, text));
        prop_assert_eq!(resource.has_open_references, reference::has_open(text));
    }

    #[test]
    fn compartments_are_those_that_an_independent_reading_finds(text in resource()) {
        let Some(resource) = parsed(&text).filter(|one| one.resource_type == "Observation") else {
            return Ok(());
        };
        // Half of a surrogate pair has no form in a Value.
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let mut links = Vec::new();
        for element in ["subject", "performer"] {
            links_at(&value, &[element, "reference"], &mut links);
        }
        let patients =
            links.into_iter().filter_map(local_reference).filter(|(name, _)| *name == "Patient");
        let mut patients: Vec<_> = patients.map(|(_, id)| id.to_owned()).collect();
        patients.sort();
        patients.dedup();
        let mut found = resource.patients;
        found.sort();
        prop_assert_eq!(found, patients, "{}", text);
    }
}

#[test]
fn the_scan_has_the_depth_of_serde_s_pass() {
    let deep =
        |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(json::scan(&deep(json::MAX_DEPTH), |_| {}).is_some());
    assert!(json::scan(&deep(json::MAX_DEPTH + 1), |_| {}).is_none());
    assert!(json::too_deep(&deep(json::MAX_DEPTH + 1)) && !json::too_deep(&deep(json::MAX_DEPTH)));
}

#[test]
fn many_generated_resources_have_patients_attachments_and_open_references() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut counts = [0; 4];
    for _ in 0..2000 {
        let text = resource().new_tree(&mut runner).unwrap().current();
        let Some(resource) = parsed(&text) else { continue };
        let Resource { patients, attachments, security_context, has_open_references, .. } =
            resource;
        let has = [
            !patients.is_empty(),
            !attachments.is_empty(),
            security_context.is_some(),
            has_open_references,
        ];
        counts.iter_mut().zip(has).for_each(|(count, has)| *count += u32::from(has));
    }
    assert!(counts.iter().all(|count| *count >= 20), "{counts:?}");
}
