//! `_elements`: resources cut down to some of their root elements.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>,
//! <https://hl7.org/fhir/R4/search.html#elements>. The elements that stay keep their bytes. A resource
//! that lost elements carries the tag `SUBSETTED`. `_summary`, which cuts by the definitions, is in
//! `summary.rs`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::definitions::{TypeDefinition, nearest_definition};
use super::json::{self, ObjectMember};
use super::version::FhirVersion;

/// The tag of a resource that lost elements.
const SUBSETTED: &str =
    r#"{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}"#;
/// Members that no resource loses.
const ALWAYS: [&str; 3] = ["resourceType", "id", "meta"];

/// The elements to keep, by type. Those under the empty name are kept in every type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Elements(BTreeMap<String, BTreeSet<String>>);

impl Elements {
    /// Adds an entry of `_elements`: `element` or `Type.element`.
    ///
    /// # Errors
    /// The reason, where the entry is neither.
    pub fn add(&mut self, entry: &str) -> Result<(), String> {
        let (resource_type, element) = entry.split_once('.').unwrap_or(("", entry));
        let is_name =
            |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
        let is_type = resource_type.is_empty() && !entry.starts_with('.')
            || is_name(resource_type)
                && resource_type.starts_with(|c: char| c.is_ascii_uppercase());
        if !is_type || !is_name(element) || element.starts_with(|c: char| c.is_ascii_uppercase()) {
            return Err(
                "it should name a root element, as birthDate or Patient.birthDate".to_owned()
            );
        }
        self.0.entry(resource_type.to_owned()).or_default().insert(element.to_owned());
        Ok(())
    }

    /// True where no resource is cut.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True where an entry names the type.
    pub fn names_type(&self, resource_type: &str) -> bool {
        self.0.contains_key(resource_type)
    }

    /// True where resources of this type are cut: an entry names the type, or no type.
    pub fn cut(&self, resource_type: &str) -> bool {
        self.0.contains_key("") || self.0.contains_key(resource_type)
    }

    /// Cuts a resource down to the elements asked for and those that `version` makes mandatory.
    pub fn subset<'a>(
        &self,
        version: FhirVersion,
        resource_type: &str,
        text: &'a str,
    ) -> Cow<'a, str> {
        if !self.cut(resource_type) {
            return Cow::Borrowed(text);
        }
        let definition = nearest_definition(version, resource_type);
        let [of_type, of_all] = [resource_type, ""].map(|name| self.0.get(name));
        cut(text, |name| {
            is_mandatory(name, definition)
                || of_type
                    .into_iter()
                    .chain(of_all)
                    .flatten()
                    .any(|wanted| is(name, wanted, definition))
        })
    }
}

/// Cuts a resource down to the root elements whose names `stays` takes; id, type and meta stay always.
pub(super) fn cut<'a>(text: &'a str, stays: impl Fn(&str) -> bool) -> Cow<'a, str> {
    let mut kept = json::members(text);
    let is_kept = |member: &ObjectMember| {
        // `_birthDate` holds the id and the extensions of `birthDate`.
        let name = json::unescaped(member.name.strip_prefix('_').unwrap_or(member.name));
        ALWAYS.contains(&name.as_ref()) || stays(&name)
    };
    let all = kept.len();
    kept.retain(is_kept);
    if kept.len() == all {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() / 2 + SUBSETTED.len() + 32);
    // Of two members with one name most readers take the last.
    let meta = kept.iter().rposition(|member| json::unescaped(member.name) == "meta");
    for (place, member) in kept.iter().enumerate() {
        out.push(if out.is_empty() { '{' } else { ',' });
        if Some(place) == meta {
            out.push_str(&text[member.at.start..member.value.start]);
            push_tagged(&mut out, &text[member.value.clone()]);
        } else {
            out.push_str(&text[member.at.clone()]);
        }
    }
    if meta.is_none() {
        push_all(&mut out, &[r#","meta":{"tag":["#, SUBSETTED, "]}"]);
    }
    out.push('}');
    Cow::Owned(out)
}

/// True where the name of a root element is the one that is wanted. `value` stands for `valueQuantity`
/// and the like where the type has such a choice.
pub(super) fn is(name: &str, wanted: &str, definition: Option<&TypeDefinition>) -> bool {
    let is_choice = || definition.is_some_and(|definition| definition.choices.contains(&wanted));
    name == wanted
        || name
            .strip_prefix(wanted)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()) && is_choice())
}

/// True for a root element that every resource of the type must have.
pub(super) fn is_mandatory(name: &str, definition: Option<&TypeDefinition>) -> bool {
    let mandatory = definition.map(|definition| &definition.mandatory).into_iter().flatten();
    mandatory.into_iter().any(|wanted| is(name, wanted, definition))
}

/// Adds a `meta` object to a text, with the tag.
fn push_tagged(out: &mut String, meta: &str) {
    let members = json::members(meta);
    let Some(tag) = members.iter().rfind(|member| json::unescaped(member.name) == "tag") else {
        let comma = if members.is_empty() { "" } else { "," };
        return push_all(out, &[r#"{"tag":["#, SUBSETTED, "]", comma, after_brace(meta)]);
    };
    let value = &meta[tag.value.clone()];
    out.push_str(&meta[..tag.value.start]);
    match value.as_bytes().first() {
        Some(b'[') => {
            let open = &value[..value.len() - 1];
            let comma = if open.trim_end().ends_with('[') { "" } else { "," };
            push_all(out, &[open, comma, SUBSETTED, "]"]);
        }
        Some(b'{') => push_all(out, &["[", value, ",", SUBSETTED, "]"]),
        _ => push_all(out, &["[", SUBSETTED, "]"]),
    }
    out.push_str(&meta[tag.value.end..]);
}

fn push_all(out: &mut String, texts: &[&str]) {
    texts.iter().for_each(|text| out.push_str(text));
}

/// The text of an object behind its opening brace.
fn after_brace(object: &str) -> &str {
    object.split_once('{').map_or("}", |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(entries: &[&str]) -> Elements {
        let mut elements = Elements::default();
        entries.iter().for_each(|entry| elements.add(entry).unwrap());
        elements
    }

    #[test]
    fn what_is_wanted_or_mandatory_stays_as_it_is() {
        let text = r#"{"resourceType":"Observation","id":"1","meta":{"versionId":"1","tag":[{"code":"x"}]},"text":{"div":"<p/>"},"status":"final","code":{"text":"c"},"valueQuantity":{"value":1.00},"_valueQuantity":{},"valueless":1,"note":[{"text":"}"}]}"#;
        let cut = |entries: &[&str]| {
            elements(entries).subset(FhirVersion::R4, "Observation", text).into_owned()
        };
        let head = format!(
            r#"{{"resourceType":"Observation","id":"1","meta":{{"versionId":"1","tag":[{{"code":"x"}},{SUBSETTED}]}}"#
        );
        let middle = r#","status":"final","code":{"text":"c"}"#;
        assert_eq!(cut(&["id"]), format!("{head}{middle}}}"));
        let value = r#","valueQuantity":{"value":1.00},"_valueQuantity":{}}"#;
        assert_eq!(cut(&["Observation.value"]), format!("{head}{middle}{value}"));
        assert_eq!(cut(&["Patient.name", "valueQuantity"]), format!("{head}{middle}{value}"));
        assert_eq!(cut(&["Patient.name"]), text);
    }

    #[test]
    fn what_is_cut_is_tagged() {
        let cut =
            |text: &str| elements(&["id"]).subset(FhirVersion::R4, "Patient", text).into_owned();
        let tagged = format!(r#"{{"tag":[{SUBSETTED}]}}"#);
        assert_eq!(cut(r#"{"id":"1","a":1}"#), format!(r#"{{"id":"1","meta":{tagged}}}"#));
        assert_eq!(
            cut(r#"{"id":"1","meta":{},"a":1}"#),
            format!(r#"{{"id":"1","meta":{tagged}}}"#)
        );
        assert_eq!(
            cut(r#"{"id":"1","meta":{"tag":[ ]},"a":1}"#),
            format!(r#"{{"id":"1","meta":{{"tag":[ {SUBSETTED}]}}}}"#)
        );
        for (odd, with_tag) in [
            (r#"{"tag":null}"#, format!(r#"{{"tag":[{SUBSETTED}]}}"#)),
            (r#"{"tag":{"code":"a"}}"#, format!(r#"{{"tag":[{{"code":"a"}},{SUBSETTED}]}}"#)),
            (r#"{"tag":[],"tag":[1]}"#, format!(r#"{{"tag":[],"tag":[1,{SUBSETTED}]}}"#)),
            (r#"{"t\u0061g":[]}"#, format!(r#"{{"t\u0061g":[{SUBSETTED}]}}"#)),
        ] {
            for name in ["meta", r"m\u0065ta"] {
                assert_eq!(
                    cut(&format!(r#"{{"id":"1","{name}":{odd},"a":1}}"#)),
                    format!(r#"{{"id":"1","{name}":{with_tag}}}"#)
                );
            }
        }
        assert_eq!(
            cut(r#"{"resourceType":"Patient","id":"1"}"#),
            r#"{"resourceType":"Patient","id":"1"}"#
        );
    }

    #[test]
    fn entries_name_root_elements() {
        for bad in
            ["", ".", "Patient.", ".id", "Patient.name.family", "patient.id", "na me", "Patient"]
        {
            assert!(Elements::default().add(bad).is_err(), "{bad}");
        }
    }
}
