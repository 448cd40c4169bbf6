//! The places of a Bulk Data client's requests at which a fault can happen.
//!
//! They follow the order of an export: <https://hl7.org/fhir/uv/bulkdata/export.html>. The routing
//! table says which place a request has; this file knows only the names.

use std::fmt;

/// The place of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultPlace {
    /// The token endpoint.
    Token,
    /// The kick-off of an export.
    Kickoff,
    /// The status of a job, and the pages of its manifest.
    Status,
    /// A file of a job.
    File,
    /// The `DELETE` of a job.
    Delete,
    /// The CapabilityStatement, and the SMART configuration.
    Metadata,
    /// The read of one resource.
    Read,
    /// A search.
    Search,
}

impl FaultPlace {
    /// Every place.
    pub const ALL: [FaultPlace; 8] = [
        FaultPlace::Token,
        FaultPlace::Kickoff,
        FaultPlace::Status,
        FaultPlace::File,
        FaultPlace::Delete,
        FaultPlace::Metadata,
        FaultPlace::Read,
        FaultPlace::Search,
    ];

    /// The name in a rule.
    pub const fn name(self) -> &'static str {
        match self {
            FaultPlace::Token => "token",
            FaultPlace::Kickoff => "kickoff",
            FaultPlace::Status => "status",
            FaultPlace::File => "file",
            FaultPlace::Delete => "delete",
            FaultPlace::Metadata => "metadata",
            FaultPlace::Read => "read",
            FaultPlace::Search => "search",
        }
    }

    /// The place with this name.
    pub fn of_name(name: &str) -> Option<FaultPlace> {
        FaultPlace::ALL.into_iter().find(|place| place.name() == name)
    }

    /// All names, for messages.
    pub fn names() -> String {
        FaultPlace::ALL.map(FaultPlace::name).join(", ")
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
