//! What stands beside FHIR data in the folders and Bundles of an exchange, and is none: answers,
//! requests, logs and lists of files. None of it is imported.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::ResourceIdentity;

/// What something is that is no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoData {
    /// An OperationOutcome that a server answered with.
    Outcome,
    /// A resource that a search returned with its outcome, not as a match.
    OutcomeEntry,
    /// A Parameters: "a non-persisted resource used to pass information into and back from an
    /// operation", <https://hl7.org/fhir/R4/parameters.html>.
    Parameters,
    /// The manifest of a Bulk Data export.
    Manifest,
    /// The request of a Bulk Data import in its first form, which is no FHIR resource.
    ImportRequest,
    /// A record in the log of a Bulk Data client,
    /// <https://github.com/smart-on-fhir/bulk-data-client/wiki/Bulk-Data-Export-Log-Items>.
    LogRecord,
    /// The `package.json` of a FHIR package.
    PackageManifest,
    /// A file that a Bulk Data client downloaded because an attachment names it.
    Attachment,
}

impl NoData {
    /// What a JSON text is that has no `resourceType`; `None` where it is not known.
    pub fn of_text(text: &str) -> Option<NoData> {
        /// Members that tell texts apart.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct TextHead<'a> {
            #[serde(borrow)]
            resource_type: Option<&'a RawValue>,
            #[serde(borrow)]
            transaction_time: Option<&'a RawValue>,
            #[serde(borrow)]
            output: Option<Vec<&'a RawValue>>,
            #[serde(borrow)]
            export_id: Option<&'a RawValue>,
            #[serde(borrow)]
            event_id: Option<&'a RawValue>,
            #[serde(borrow)]
            timestamp: Option<&'a RawValue>,
            #[serde(borrow)]
            input_format: Option<&'a RawValue>,
            #[serde(borrow)]
            input: Option<Vec<&'a RawValue>>,
            #[serde(borrow)]
            name: Option<&'a RawValue>,
            #[serde(borrow)]
            version: Option<&'a RawValue>,
            #[serde(borrow)]
            fhir_versions: Option<&'a RawValue>,
        }
        if !text.starts_with('{') {
            return None;
        }
        let head: TextHead<'_> = serde_json::from_str(text).ok()?;
        if head.resource_type.is_some() {
            None
        } else if head.transaction_time.is_some() && head.output.is_some() {
            Some(NoData::Manifest)
        } else if head.export_id.is_some() && (head.event_id.is_some() || head.timestamp.is_some())
        {
            Some(NoData::LogRecord)
        } else if head.input_format.is_some() && head.input.is_some() {
            Some(NoData::ImportRequest)
        } else if head.name.is_some() && head.version.is_some() && head.fhir_versions.is_some() {
            Some(NoData::PackageManifest)
        } else {
            None
        }
    }

    /// What a resource of this identity is; `None` for data. An OperationOutcome with an id was stored
    /// somewhere (a MessageHeader or a GuidanceResponse may refer to it); one without is an answer, and
    /// so is each one among `answers`.
    pub fn of_resource(identity: &ResourceIdentity, answers: bool) -> Option<NoData> {
        match identity.resource_type.as_str() {
            "Parameters" => Some(NoData::Parameters),
            "OperationOutcome" if answers || identity.id.is_none() => Some(NoData::Outcome),
            _ => None,
        }
    }

    /// Names so many of them, for a person.
    pub fn counted(self, count: u64) -> String {
        let s = if count == 1 { "" } else { "s" };
        match self {
            NoData::Outcome => format!("{count} OperationOutcome{s} of others' answers"),
            NoData::OutcomeEntry => format!("{count} outcome{s} of a search"),
            NoData::Parameters => format!("{count} Parameters of an operation"),
            NoData::Manifest => format!("{count} manifest{s} of a Bulk Data export"),
            NoData::ImportRequest => format!("{count} request{s} for a Bulk Data import"),
            NoData::LogRecord => format!("{count} record{s} in the log of a Bulk Data client"),
            NoData::PackageManifest => format!("{count} package.json of a FHIR package"),
            NoData::Attachment => {
                format!("{count} attachment{s} that a Bulk Data client downloaded")
            }
        }
    }
}

/// True for the files in which an export puts its outcomes: those in a folder `error`, and
/// `error.ndjson`. `file` may lie in an archive.
pub fn holds_answers(file: &str) -> bool {
    let mut parts = file.rsplit(['/', '\\']);
    let stem = parts.next().and_then(|name| name.split('.').next());
    parts.chain(stem).any(|part| part.eq_ignore_ascii_case("error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_data_are_told_by_their_members() {
        let cases = [
            (r#"{"transactionTime":"2020","output":[]}"#, Some(NoData::Manifest)),
            (r#"{"exportId":"a","eventId":"kickoff"}"#, Some(NoData::LogRecord)),
            (
                r#"{"inputFormat":"application/fhir+ndjson","input":[]}"#,
                Some(NoData::ImportRequest),
            ),
            (r#"{"name":"a","version":"1","fhirVersions":[]}"#, Some(NoData::PackageManifest)),
            (r#"{"name":"a","version":"1"}"#, None),
            (r#"{"resourceType":"Basic","exportId":"a","eventId":"b"}"#, None),
            (r#"{"transactionTime":"2020","output":1}"#, None),
            ("[]", None),
        ];
        for (text, kind) in cases {
            assert_eq!(NoData::of_text(text), kind, "{text}");
        }
    }

    #[test]
    fn answers_lie_in_error_folders_and_files() {
        for file in
            ["error.ndjson", "a/error/OperationOutcome.001.ndjson", "x.zip/error/1.ndjson.gz"]
        {
            assert!(holds_answers(file), "{file}");
        }
        for file in
            ["errors-of-lab/Patient.ndjson", "a.ndjson", "1.error.ndjson", "Patient.error.json"]
        {
            assert!(!holds_answers(file), "{file}");
        }
    }
}
