//! An export as the form describes it, and the request of the API that it amounts to.
//!
//! The form follows the table of export parameters (`export/parameter.rs`). Nothing is checked here but what keeps a
//! request from having a path: what is wrong with a value is said by the code that reads kick-offs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::exports_protocol::ExportProtocol;
use crate::error::{Error, Kind, Result};
use crate::export::{ExportParameter, Level};
use crate::fhir::compartment::PATIENT;
use crate::http::context::FHIR;

/// The field of the protocol.
pub const PROTOCOL: &str = "protocol";
/// The field of the level.
pub const LEVEL: &str = "level";
/// The field of the patient whose export is meant.
pub const PATIENT_ID: &str = "patient_id";
/// The field of the Group whose export is meant.
pub const GROUP_ID: &str = "group_id";
/// The parameter that the checkboxes of types set.
pub const TYPE: &str = "_type";
/// The parameter with a search on each line.
pub const TYPE_FILTER: &str = "_typeFilter";

/// What is escaped in a part of a URL. Lists and times stay readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b'/');
/// What is escaped in a segment of a path.
const ESCAPED_SEGMENT: &AsciiSet = &ESCAPED.add(b'/').add(b',').add(b':');

/// What a form describes.
#[derive(Clone, Debug, Default)]
pub struct ExportDraft {
    /// How the client asks.
    pub protocol: ExportProtocol,
    /// The key of the level: `system`, `patient`, `one` or `group`.
    pub level: &'static str,
    /// The id of the patient, as it was typed.
    pub patient: String,
    /// The id of the Group, as it was chosen.
    pub group: String,
    /// The parameters that have a value, in the order of the table.
    pub parameters: Vec<(&'static str, Vec<String>)>,
}

/// A request of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportCall {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path and the query.
    pub target: String,
    /// The Parameters resource of a POST.
    pub body: Option<String>,
}

/// The keys of the levels, with what the form says.
pub const LEVELS: [(&str, &str); 4] = [
    ("system", "Everything in the store"),
    ("patient", "All patients"),
    ("one", "One patient"),
    ("group", "The members of a Group"),
];

impl ExportDraft {
    /// Reads the fields of a form. What is not known means nothing.
    pub fn read(fields: &[(String, String)]) -> ExportDraft {
        let first = |name| given(fields, name).next().unwrap_or_default().to_owned();
        let key = first(PROTOCOL);
        let (patient, group) = (first(PATIENT_ID), first(GROUP_ID));
        let level = match (first(LEVEL), patient.as_str(), group.as_str()) {
            (level, ..) if !level.is_empty() => level,
            (_, "", "") => LEVELS[0].0.to_owned(),
            (_, "", _) => "group".to_owned(),
            _ => "one".to_owned(),
        };
        let mut parameters = Vec::new();
        for parameter in ExportParameter::supported() {
            let given = given(fields, parameter.name);
            let parts: Vec<&str> = match parameter.name {
                TYPE_FILTER => given.flat_map(str::lines).collect(),
                _ if parameter.is_repeated => given.flat_map(|value| value.split(',')).collect(),
                _ => given.collect(),
            };
            let parts = parts.into_iter().map(|value| value.trim().to_owned());
            let values: Vec<String> = parts.filter(|value| !value.is_empty()).collect();
            if !values.is_empty() {
                parameters.push((parameter.name, values));
            }
        }
        ExportDraft {
            protocol: ExportProtocol::ALL
                .into_iter()
                .find(|it| it.key() == key)
                .unwrap_or_default(),
            level: LEVELS.iter().find(|(it, _)| *it == level).map_or(LEVELS[0].0, |(key, _)| key),
            patient,
            group,
            parameters,
        }
    }

    /// The values of a parameter.
    pub fn values(&self, name: &str) -> &[String] {
        let found = self.parameters.iter().find(|(known, _)| *known == name);
        found.map_or(&[], |(_, values)| values)
    }

    /// The level.
    ///
    /// # Errors
    /// `Invalid` where it lacks an id.
    pub fn level(&self) -> Result<Level> {
        match (self.level, self.patient.as_str(), self.group.as_str()) {
            (level @ ("system" | "patient"), patient, group)
                if !(patient.is_empty() && group.is_empty()) =>
            {
                let what = if patient.is_empty() { LEVELS[3].1 } else { LEVELS[2].1 };
                let chosen =
                    LEVELS.iter().find(|(key, _)| *key == level).map_or("", |(_, words)| words);
                Err(missing(&format!(
                    "an id is given, but {chosen:?} is chosen; choose {what:?}, or leave the id out"
                )))
            }
            ("patient", ..) => Ok(Level::Patient),
            ("one", "", _) => Err(missing("the id of a patient is missing; give one, such as 123")),
            ("one", id, _) => Ok(Level::OnePatient(without_type(id, PATIENT))),
            ("group", _, "") => Err(missing("the Group is missing; choose one, or give its id")),
            ("group", _, id) => Ok(Level::Group(without_type(id, "Group"))),
            _ => Ok(Level::System),
        }
    }

    /// The request of the API. `oneup` is the path of 1upHealth's kick-off.
    ///
    /// # Errors
    /// `Invalid` for a level that lacks an id, or that the protocol does not have.
    pub fn call(&self, oneup: &str) -> Result<ExportCall> {
        let level = self.level()?;
        let path = match (self.protocol, &level) {
            (ExportProtocol::OneUp, Level::System) => oneup.to_owned(),
            (ExportProtocol::OneUp, Level::Group(id)) => {
                let base = oneup.strip_suffix("/$export").unwrap_or(oneup);
                format!("{base}/Group/{}/$export", segment(id))
            }
            (ExportProtocol::OneUp, _) => {
                let what = "1upHealth's protocol has no export of patients; choose everything or a Group, or \
                            another protocol";
                return Err(Error::new(Kind::Invalid, what));
            }
            (protocol, level) => {
                let operation =
                    if protocol == ExportProtocol::Stu4 { "$export-v4" } else { "$export" };
                format!("{FHIR}{}/{operation}", path_of(level))
            }
        };
        if self.is_post() {
            let body = format!("{:#}", self.body());
            return Ok(ExportCall { method: "POST", target: path, body: Some(body) });
        }
        let pairs = self.pairs();
        let query: Vec<String> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, ESCAPED)))
            .collect();
        let target = if query.is_empty() { path } else { format!("{path}?{}", query.join("&")) };
        Ok(ExportCall { method: "GET", target, body: None })
    }

    /// True where only a POST says all of it.
    fn is_post(&self) -> bool {
        let needs_post = |(name, _): &(&str, _)| {
            ExportParameter::named(name).is_some_and(|parameter| parameter.is_post_only)
        };
        match self.protocol {
            ExportProtocol::Stu4 => true,
            ExportProtocol::Stu3 => self.parameters.iter().any(needs_post),
            ExportProtocol::OneUp => false,
        }
    }

    /// The parameters as a client sends them. The ballot of STU4 has no lists in a value.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        for (name, values) in &self.parameters {
            let is_list = !matches!(*name, TYPE_FILTER | "patient");
            if is_list && self.protocol != ExportProtocol::Stu4 {
                pairs.push((*name, values.join(",")));
            } else {
                pairs.extend(values.iter().map(|value| (*name, value.clone())));
            }
        }
        pairs
    }

    /// The Parameters resource.
    fn body(&self) -> Value {
        let entry = |(name, value): (&'static str, String)| {
            let kind = ExportParameter::named(name)
                .map_or("string", |parameter| parameter.fhir_type(self.protocol.edition()));
            let mut entry = json!({ "name": name });
            entry[format!("value{}{}", kind[..1].to_uppercase(), &kind[1..])] = typed(kind, value);
            entry
        };
        let entries: Vec<Value> = self.pairs().into_iter().map(entry).collect();
        match entries.is_empty() {
            true => json!({"resourceType": "Parameters"}),
            false => json!({"resourceType": "Parameters", "parameter": entries}),
        }
    }
}

/// The values of a field that are not empty.
fn given<'f>(fields: &'f [(String, String)], name: &'f str) -> impl Iterator<Item = &'f str> {
    let named = fields.iter().filter(move |(known, _)| known == name);
    named.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// A value in JSON, as its FHIR type has it.
fn typed(kind: &str, value: String) -> Value {
    match kind {
        "Reference" if value.contains('/') => json!({ "reference": value }),
        "Reference" => json!({ "reference": format!("{PATIENT}/{value}") }),
        "Coding" => json!({ "code": value }),
        "boolean" if matches!(value.as_str(), "true" | "false") => Value::Bool(value == "true"),
        "positiveInt" => value.parse::<u64>().map_or(Value::String(value), Value::from),
        _ => Value::String(value),
    }
}

/// The path of a level, below the base.
fn path_of(level: &Level) -> String {
    match level {
        Level::System => String::new(),
        Level::Patient => "/Patient".to_owned(),
        Level::OnePatient(id) => format!("/Patient/{}", segment(id)),
        Level::Group(id) => format!("/Group/{}", segment(id)),
    }
}

/// A segment of a path, escaped.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED_SEGMENT).to_string()
}

/// An id, also where it was given as `Type/id`.
fn without_type(id: &str, resource_type: &str) -> String {
    let of_type = id.strip_prefix(resource_type).and_then(|rest| rest.strip_prefix('/'));
    of_type.unwrap_or(id).to_owned()
}

fn missing(what: &str) -> Error {
    Error::new(Kind::Invalid, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONEUP: &str = "/bulk-data/r4/$export";

    fn draft(fields: &[(&str, &str)]) -> ExportDraft {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ExportDraft::read(&fields)
    }

    #[test]
    fn a_form_is_the_request_that_a_client_sends() {
        for (fields, target) in [
            (&[][..], "/fhir/$export"),
            (&[("level", "patient"), ("x", "y"), ("_since", " ")], "/fhir/Patient/$export"),
            (
                &[("level", "one"), ("patient_id", "Patient/a/b?c")],
                "/fhir/Patient/a%2Fb%3Fc/$export",
            ),
            (
                &[("group_id", "g"), ("_type", "Patient"), ("_type", "Group")],
                "/fhir/Group/g/$export?_type=Patient,Group",
            ),
            (
                &[("_since", "2021-01-01T00:00:00+02:00"), ("_elements", "id, birthDate")],
                "/fhir/$export?_since=2021-01-01T00:00:00%2B02:00&_elements=id,birthDate",
            ),
            (
                &[("_typeFilter", "Observation?code=a,b&status=final\n\n Patient?name=x ")],
                "/fhir/$export?_typeFilter=Observation%3Fcode%3Da,b%26status%3Dfinal\
                 &_typeFilter=Patient%3Fname%3Dx",
            ),
            (&[("protocol", "1up"), ("_type", "Patient")], "/bulk-data/r4/$export?_type=Patient"),
            (
                &[("protocol", "1up"), ("level", "group"), ("group_id", "g")],
                "/bulk-data/r4/Group/g/$export",
            ),
        ] {
            let call = draft(fields).call(ONEUP).unwrap();
            let wanted = ExportCall { method: "GET", target: target.to_owned(), body: None };
            assert_eq!(call, wanted);
        }
    }

    #[test]
    fn what_only_a_post_says_is_a_post() {
        let lists = [("level", "patient"), ("patient", "a, Patient/b"), ("_type", "Patient")];
        let call = draft(&lists).call(ONEUP).unwrap();
        assert_eq!((call.method, call.target.as_str()), ("POST", "/fhir/Patient/$export"));
        let body: Value = serde_json::from_str(&call.body.unwrap()).unwrap();
        let wanted = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_type", "valueString": "Patient"},
            {"name": "patient", "valueReference": {"reference": "Patient/a"}},
            {"name": "patient", "valueReference": {"reference": "Patient/b"}},
        ]});
        assert_eq!(body, wanted);
        let call = draft(&[
            ("protocol", "stu4"),
            ("_type", "Patient"),
            ("_type", "Group"),
            ("includeAssociatedData", "LatestProvenanceResources"),
            ("allowPartialManifests", "true"),
            ("_maximumFileSize", "10"),
        ]);
        let call = call.call(ONEUP).unwrap();
        assert_eq!((call.method, call.target.as_str()), ("POST", "/fhir/$export-v4"));
        let body: Value = serde_json::from_str(&call.body.unwrap()).unwrap();
        let wanted = json!({"resourceType": "Parameters", "parameter": [
            {"name": "_type", "valueString": "Patient"},
            {"name": "_type", "valueString": "Group"},
            {"name": "includeAssociatedData", "valueCoding": {"code": "LatestProvenanceResources"}},
            {"name": "allowPartialManifests", "valueBoolean": true},
            {"name": "_maximumFileSize", "valuePositiveInt": 10},
        ]});
        assert_eq!(body, wanted);
        let call = draft(&[("protocol", "stu4")]).call(ONEUP).unwrap();
        assert!(call.body.is_some_and(|body| body.contains("Parameters")));
    }

    #[test]
    fn a_form_without_an_id_has_no_request() {
        for (fields, word) in [
            (&[("level", "one")][..], "patient is missing"),
            (&[("level", "group"), ("group_id", " ")], "Group is missing"),
            (&[("level", "patient"), ("protocol", "1up")], "no export of patients"),
            (&[("level", "system"), ("group_id", "g")], "choose \"The members of a Group\""),
            (&[("level", "patient"), ("patient_id", "p")], "choose \"One patient\""),
        ] {
            let error = draft(fields).call(ONEUP).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
