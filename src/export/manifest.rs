//! Manifests: what an export answers with, in the shape of each dialect and edition.

use serde::Serialize;

use super::file::{Content, File, Purpose};
use super::parameters::Edition;
use crate::fhir::outcome::Severity;

/// The shape's name in the STU4 ballot.
const MANIFEST_TYPE: &str = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest";
/// The same for a published dataset.
const PUBLISH_TYPE: &str =
    "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkPublishManifest";
/// The media type of every file.
const NDJSON: &str = "application/fhir+ndjson";

/// A manifest. Each dialect and edition has some of its members, in this order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The shape's name (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_type: Option<&'static str>,
    /// The snapshot's time, with milliseconds and `Z`.
    pub transaction_time: String,
    /// The request's URL (1upHealth, STU1 to STU3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Whether files need a token.
    pub requires_access_token: bool,
    /// The files' media type (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'static str>,
    /// The type by whose resources files are organized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_organized_by: Option<&'static str>,
    /// The files, none of them empty.
    pub output: Vec<Output>,
    /// Files of what was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Vec<Output>>,
    /// Files of what is to be said (STU1 to STU3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Vec<Output>>,
    /// The same (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Vec<Output>>,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<[Link; 1]>,
}

/// One file in a manifest.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The type of every resource in it.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Where it is.
    pub url: String,
    /// Where its last block goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues_in_file: Option<String>,
    /// Its lines, where the dialect has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Its bytes, where the edition has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// Its OperationOutcomes by their severity, where the edition has that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub count_severity: Vec<SeverityCount>,
}

/// A link to another page.
#[derive(Clone, Debug, Serialize)]
pub struct Link {
    relation: &'static str,
    url: String,
}

/// How many OperationOutcomes there are of a severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeverityCount {
    code: Severity,
    count: u64,
}

/// What all manifests of an export say, and where their files are.
pub struct Frame<'a> {
    /// The edition that is spoken.
    pub edition: Edition,
    /// The snapshot's time.
    pub transaction_time: String,
    /// The request's URL.
    pub request: String,
    /// Whether files hold one patient after the other.
    pub organized: bool,
    /// Whether files need a token.
    pub is_protected: bool,
    /// Whether `deleted` is there: where `_since` was given.
    pub since: bool,
    /// Where the file of that name is.
    pub url_of: &'a dyn Fn(&str) -> String,
}

impl Manifest {
    /// The page of `files` that a frame shows; `next` is the URL of the next one.
    pub fn page(frame: &Frame<'_>, files: &[&File], next: Option<String>) -> Manifest {
        let of = |purpose| files.iter().filter(move |file| file.purpose == purpose);
        let entries = |purpose| of(purpose).map(|file| frame.entry(file)).collect::<Vec<_>>();
        let is_stu4 = frame.edition == Edition::Stu4;
        let said = entries(Purpose::Error);
        Manifest {
            manifest_type: is_stu4.then_some(MANIFEST_TYPE),
            transaction_time: frame.transaction_time.clone(),
            request: (!is_stu4).then(|| frame.request.clone()),
            requires_access_token: frame.is_protected,
            output_format: is_stu4.then_some(NDJSON),
            output_organized_by: frame.organized.then_some("Patient"),
            output: entries(Purpose::Output),
            deleted: frame.since.then(|| entries(Purpose::Deleted)),
            error: (!is_stu4).then(|| said.clone()),
            outcome: is_stu4.then_some(said),
            link: next.map(|url| [Link { relation: "next", url }]),
        }
    }

    /// The manifest of `$bulk-publish`.
    pub fn published(
        transaction_time: String,
        is_protected: bool,
        output: Vec<Output>,
    ) -> Manifest {
        Manifest {
            manifest_type: Some(PUBLISH_TYPE),
            transaction_time,
            requires_access_token: is_protected,
            output_format: Some(NDJSON),
            output,
            ..Manifest::default()
        }
    }

    /// As JSON, indented: people read it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl Frame<'_> {
    fn entry(&self, file: &File) -> Output {
        let is_stu4 = self.edition == Edition::Stu4;
        // STU4 has a type only where it says something.
        let has_type = !is_stu4 || file.purpose == Purpose::Output;
        Output {
            resource_type: file.resource_type.clone().filter(|_| has_type),
            url: (self.url_of)(&file.name),
            continues_in_file: file.continues_in.as_deref().map(self.url_of),
            count: Some(file.count),
            file_size: is_stu4.then_some(file.bytes),
            count_severity: match (&file.content, is_stu4) {
                (Content::Text(lines), true) => severities(lines),
                _ => Vec::new(),
            },
        }
    }
}

/// Counts OperationOutcomes by the severity of their one issue.
fn severities(lines: &str) -> Vec<SeverityCount> {
    [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Information, "information"),
    ]
    .into_iter()
    .map(|(code, name)| {
        let sign = format!(r#""severity":"{name}""#);
        let count = lines.lines().filter(|line| line.contains(&sign)).count() as u64;
        SeverityCount { code, count }
    })
    .filter(|counted| counted.count > 0)
    .collect()
}
