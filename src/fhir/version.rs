//! The versions of FHIR: their names, and the numbers that resources give them.
//!
//! <https://hl7.org/fhir/versions.html#versions>. A store holds one version. What a version defines is
//! in `definitions.rs` and `compartment.rs`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A version of FHIR.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum FhirVersion {
    /// 1.0.2
    #[serde(rename = "DSTU2")]
    Dstu2,
    /// 3.0.2
    #[serde(rename = "STU3")]
    Stu3,
    /// 4.0.1
    #[default]
    R4,
    /// 4.3.0
    #[serde(rename = "R4B")]
    R4b,
    /// 5.0.0
    R5,
}

impl FhirVersion {
    /// All versions, oldest first.
    pub const ALL: [FhirVersion; 5] =
        [FhirVersion::Dstu2, FhirVersion::Stu3, FhirVersion::R4, FhirVersion::R4b, FhirVersion::R5];

    /// The name that people use: `DSTU2`, `STU3`, `R4`, `R4B`, `R5`.
    pub fn name(self) -> &'static str {
        match self {
            FhirVersion::Dstu2 => "DSTU2",
            FhirVersion::Stu3 => "STU3",
            FhirVersion::R4 => "R4",
            FhirVersion::R4b => "R4B",
            FhirVersion::R5 => "R5",
        }
    }

    /// The name in the paths of 1upHealth's export: `dstu2`, `stu3`, `r4`.
    pub fn segment(self) -> &'static str {
        match self {
            FhirVersion::Dstu2 => "dstu2",
            FhirVersion::Stu3 => "stu3",
            FhirVersion::R4 => "r4",
            FhirVersion::R4b => "r4b",
            FhirVersion::R5 => "r5",
        }
    }

    /// The number of its last publication, as in `CapabilityStatement.fhirVersion`.
    pub fn number(self) -> &'static str {
        match self {
            FhirVersion::Dstu2 => "1.0.2",
            FhirVersion::Stu3 => "3.0.2",
            FhirVersion::R4 => "4.0.1",
            FhirVersion::R4b => "4.3.0",
            FhirVersion::R5 => "5.0.0",
        }
    }
}

impl fmt::Display for FhirVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Reads a name in any case (`stu3`, also `R3` and `R2`), or a number: `3.0`, `3.0.1`.
impl FromStr for FhirVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<FhirVersion, String> {
        let name = text.to_ascii_uppercase();
        let version = match name.as_str() {
            "DSTU2" | "R2" => Some(FhirVersion::Dstu2),
            "STU3" | "R3" => Some(FhirVersion::Stu3),
            "R4" => Some(FhirVersion::R4),
            "R4B" => Some(FhirVersion::R4b),
            "R5" => Some(FhirVersion::R5),
            _ => FhirVersion::ALL.into_iter().find(|version| {
                // `major.minor` of the publication, with any patch.
                let stem = &version.number()[..3];
                let patch = name.strip_prefix(stem);
                patch.is_some_and(|rest| {
                    rest.is_empty()
                        || rest.strip_prefix('.').is_some_and(|patch| {
                            !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit())
                        })
                })
            }),
        };
        version.ok_or_else(|| "it should be DSTU2, STU3, R4, R4B or R5".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        for (text, version) in [
            ("dstu2", Some(FhirVersion::Dstu2)),
            ("1.0", Some(FhirVersion::Dstu2)),
            ("STU3", Some(FhirVersion::Stu3)),
            ("3.0.1", Some(FhirVersion::Stu3)),
            ("r4", Some(FhirVersion::R4)),
            ("4.0.1", Some(FhirVersion::R4)),
            ("r4b", Some(FhirVersion::R4b)),
            ("4.3", Some(FhirVersion::R4b)),
            ("5.0.0", Some(FhirVersion::R5)),
            ("", None),
            ("4", None),
            ("4.1", None),
            ("4.0.", None),
            ("4.0.1-ballot", None),
            ("R6", None),
        ] {
            assert_eq!(text.parse().ok(), version, "{text}");
        }
        for version in FhirVersion::ALL {
            assert_eq!(version.name().parse(), Ok(version));
            assert_eq!(version.number().parse(), Ok(version));
        }
    }
}
