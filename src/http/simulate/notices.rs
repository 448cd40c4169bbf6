//! Files that only the simulation has: OperationOutcomes of every severity, and deletions.
//!
//! Their URLs say what is in them, so that nothing is kept. `error` and `deleted` of a manifest:
//! <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>.

use serde_json::{Value as Json, json};

use super::member::FaultMember;
use super::rule::FaultRule;

/// The severities of an issue, with their members and the issue codes that they get here:
/// <https://hl7.org/fhir/R4/valueset-issue-severity.html>.
const SEVERITIES: [(&str, FaultMember, &str); 4] = [
    ("fatal", FaultMember::Fatals, "exception"),
    ("error", FaultMember::Errors, "processing"),
    ("warning", FaultMember::Warnings, "business-rule"),
    ("information", FaultMember::Informations, "informational"),
];
/// The parameter with the numbers of the severities, and the one with the ids of deletions.
const NOTICES: &str = "_notices";
const DELETED: &str = "_deleted";
/// The most OperationOutcomes of a severity.
const MOST: u64 = 100_000;

/// The contents of a file that only the simulation has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SimulatedFile {
    /// So many OperationOutcomes of each severity, the worst first.
    Notices([u64; 4]),
    /// Deletions of these `Type/id`.
    Deletions(Vec<String>),
}

impl SimulatedFile {
    /// The OperationOutcomes that a rule adds.
    pub fn notices(rule: &FaultRule) -> Option<SimulatedFile> {
        let counts = SEVERITIES.map(|(_, member, _)| rule.count(member).unwrap_or(0));
        (counts != [0; 4]).then_some(SimulatedFile::Notices(counts))
    }

    /// The deletions that a rule adds.
    pub fn deletions(rule: &FaultRule) -> Option<SimulatedFile> {
        let ids = rule.text(FaultMember::Deleted)?;
        Some(SimulatedFile::Deletions(ids.split(',').map(str::to_owned).collect()))
    }

    /// One OperationOutcome with an error, for a file that could not be made.
    pub fn failure() -> SimulatedFile {
        SimulatedFile::Notices([0, 1, 0, 0])
    }

    /// The type of the lines.
    pub fn resource_type(&self) -> &'static str {
        match self {
            SimulatedFile::Notices(_) => "OperationOutcome",
            SimulatedFile::Deletions(_) => "Bundle",
        }
    }

    /// The number of lines.
    pub fn count(&self) -> u64 {
        match self {
            SimulatedFile::Notices(counts) => counts.iter().sum(),
            SimulatedFile::Deletions(ids) => ids.len() as u64,
        }
    }

    /// The query that names the file.
    pub fn to_query(&self) -> String {
        match self {
            SimulatedFile::Notices(counts) => {
                format!("{NOTICES}={}", counts.map(|count| count.to_string()).join("-"))
            }
            SimulatedFile::Deletions(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| id.replace('/', "%2F")).collect();
                format!("{DELETED}={}", ids.join(","))
            }
        }
    }

    /// The file that a decoded query names.
    pub fn of_query(query: &[(String, String)]) -> Option<SimulatedFile> {
        query.iter().find_map(|(name, value)| match name.as_str() {
            NOTICES => {
                let counts: Vec<u64> = value
                    .split('-')
                    .map(|count| count.parse().ok().filter(|count| *count <= MOST))
                    .collect::<Option<_>>()?;
                Some(SimulatedFile::Notices(counts.try_into().ok()?))
            }
            DELETED => {
                Some(SimulatedFile::Deletions(value.split(',').map(str::to_owned).collect()))
            }
            _ => None,
        })
    }

    /// The lines, with their line breaks.
    pub fn lines(&self) -> Box<dyn Iterator<Item = Vec<u8>> + Send> {
        match self {
            SimulatedFile::Notices(counts) => {
                let counts = *counts;
                Box::new(SEVERITIES.into_iter().zip(counts).flat_map(
                    |((severity, _, code), count)| {
                        (1..=count).map(move |number| line(&outcome(severity, code, number, count)))
                    },
                ))
            }
            SimulatedFile::Deletions(ids) => {
                Box::new(ids.clone().into_iter().map(|id| line(&deletion(&id))))
            }
        }
    }
}

/// The deletion of a resource, as files of `deleted` have it.
pub fn deletion(type_and_id: &str) -> Json {
    json!({
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"request": {"method": "DELETE", "url": type_and_id}}],
    })
}

/// JSON as a line.
pub fn line(json: &Json) -> Vec<u8> {
    let mut line = json.to_string().into_bytes();
    line.push(b'\n');
    line
}

fn outcome(severity: &str, code: &str, number: u64, of: u64) -> Json {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": severity,
            "code": code,
            "diagnostics": format!("simulated {severity} {number} of {of}"),
        }],
    })
}
