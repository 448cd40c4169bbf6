//! The protocols that a form of exports has: how a client asks.

use crate::export::Edition;

/// How a client asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportProtocol {
    /// HL7 Bulk Data, STU1 to STU3.
    #[default]
    Stu3,
    /// The ballot of STU4.
    Stu4,
    /// That of 1upHealth.
    OneUp,
}

impl ExportProtocol {
    /// Every protocol.
    pub const ALL: [ExportProtocol; 3] =
        [ExportProtocol::Stu3, ExportProtocol::Stu4, ExportProtocol::OneUp];

    /// The value in the form.
    pub fn key(self) -> &'static str {
        match self {
            ExportProtocol::Stu3 => "stu3",
            ExportProtocol::Stu4 => "stu4",
            ExportProtocol::OneUp => "1up",
        }
    }

    /// What the form says.
    pub fn label(self) -> &'static str {
        match self {
            ExportProtocol::Stu3 => "HL7 Bulk Data, STU1 to STU3 ($export)",
            ExportProtocol::Stu4 => "HL7 Bulk Data, ballot of STU4 ($export-v4)",
            ExportProtocol::OneUp => "1upHealth (/bulk-data)",
        }
    }

    /// The edition of the manifest.
    pub fn edition(self) -> Edition {
        match self {
            ExportProtocol::Stu4 => Edition::Stu4,
            _ => Edition::Stu3,
        }
    }
}
