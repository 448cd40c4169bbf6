//! Manifests, in the shape of each dialect and edition.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>

use serde::Serialize;

use super::cadence::UpdateCadence;
use super::edition::Edition;
use super::file::{Content, File, Purpose};
use crate::fhir::outcome::Severity;

/// `manifestType` of an export in the STU4 ballot.
const MANIFEST_TYPE: &str = "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest";
/// `manifestType` of a published dataset.
const PUBLISH_TYPE: &str =
    "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkPublishManifest";
/// The media type of every file.
const NDJSON: &str = "application/fhir+ndjson";

/// A manifest. Each dialect and edition has some of these members, in this order.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The profile of the manifest (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_type: Option<&'static str>,
    /// How often the dataset is expected to change (`$bulk-publish`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_cadence: Option<String>,
    /// The time of the snapshot, with milliseconds and `Z`.
    pub transaction_time: String,
    /// The URL of the request (1upHealth, STU1 to STU3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Whether a download takes an access token.
    pub requires_access_token: bool,
    /// The media type of the files of `output` (STU4; elsewhere where it is not NDJSON).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_format: Option<&'static str>,
    /// The type that files are organized by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_organized_by: Option<&'static str>,
    /// The files of resources, none of them empty.
    pub output: Vec<Output>,
    /// The files of deletions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Vec<Output>>,
    /// The files of notices (STU1 to STU3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Vec<Output>>,
    /// The files of notices (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Vec<Output>>,
    /// The next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<[ManifestLink; 1]>,
}

/// One file in a manifest.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// The type of its resources.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Its URL.
    pub url: String,
    /// The URL of the file that goes on with its last block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continues_in_file: Option<String>,
    /// The number of its resources. The headers of a file organized by patient are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The number of its bytes (STU4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
    /// The numbers of its OperationOutcomes by severity (STU4).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub count_severity: Vec<SeverityCount>,
}

/// A link to another page.
#[derive(Clone, Debug, Serialize)]
pub struct ManifestLink {
    relation: &'static str,
    url: String,
}

/// The number of OperationOutcomes of one severity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SeverityCount {
    code: Severity,
    count: u64,
}

/// The members that all pages of a manifest share, and the URLs of the files.
pub struct ManifestHeader<'a> {
    /// The edition of the manifest.
    pub edition: Edition,
    /// The time of the snapshot.
    pub transaction_time: String,
    /// The URL of the request.
    pub request: String,
    /// Whether files are organized by patient.
    pub organized: bool,
    /// Whether a download takes an access token.
    pub is_protected: bool,
    /// Whether `_since` was given: the manifest then has `deleted`.
    pub since: bool,
    /// Makes the URL of a file from its name.
    pub url_of: &'a dyn Fn(&str) -> String,
}

impl Manifest {
    /// A page with `files`; `next` is the URL of the next page.
    pub fn page(header: &ManifestHeader<'_>, files: &[&File], next: Option<String>) -> Manifest {
        let of = |purpose| files.iter().filter(move |file| file.purpose == purpose);
        let entries = |purpose| of(purpose).map(|file| header.entry(file)).collect::<Vec<_>>();
        let is_stu4 = header.edition == Edition::Stu4;
        let notices = entries(Purpose::Error);
        Manifest {
            manifest_type: is_stu4.then_some(MANIFEST_TYPE),
            update_cadence: None,
            transaction_time: header.transaction_time.clone(),
            request: (!is_stu4).then(|| header.request.clone()),
            requires_access_token: header.is_protected,
            output_format: is_stu4.then_some(NDJSON),
            output_organized_by: header.organized.then_some("Patient"),
            output: entries(Purpose::Output),
            deleted: header.since.then(|| entries(Purpose::Deleted)),
            error: (!is_stu4).then(|| notices.clone()),
            outcome: is_stu4.then_some(notices),
            link: next.map(|url| [ManifestLink { relation: "next", url }]),
        }
    }

    /// The manifest of `$bulk-publish`.
    pub fn published(
        cadence: &UpdateCadence,
        transaction_time: String,
        is_protected: bool,
        output: Vec<Output>,
    ) -> Manifest {
        Manifest {
            manifest_type: Some(PUBLISH_TYPE),
            update_cadence: Some(cadence.to_string()),
            transaction_time,
            requires_access_token: is_protected,
            output_format: Some(NDJSON),
            output,
            ..Manifest::default()
        }
    }

    /// The manifest as JSON, indented for people.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

impl ManifestHeader<'_> {
    fn entry(&self, file: &File) -> Output {
        let is_stu4 = self.edition == Edition::Stu4;
        // STU4 has a type only in `output`: the files of other lists have but one type.
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

/// Counts OperationOutcomes by severity; each has one issue.
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
