//! A piece of an input: the unit in which text is handed on.

use std::io::ErrorKind;

use crate::error::{Error, Result};

/// A piece of an input.
pub enum Piece {
    /// Whole lines, each of which is an item. `first_line` is the number of the first one, from 1.
    Lines { first_line: u64, text: Vec<u8> },
    /// One or several JSON texts of any number of lines.
    Document { first_line: u64, text: Vec<u8> },
    /// A member of an archive that is not FHIR JSON by its name.
    Skipped,
    /// So many attachments in an archive, which a Bulk Data client downloaded.
    Attachments { files: u64 },
    /// A part that cannot be read, and why. `line` is 0 where it is the whole input.
    Damage { line: u64, reason: String },
    /// Something that is left out because it is read elsewhere, and where.
    Remark { reason: String },
}

/// Takes each piece, with the name of the input or archive member that it is from.
pub(super) type PieceVisitor<'a> = &'a mut dyn FnMut(&str, Piece) -> Result<()>;

impl Piece {
    /// The size of its text in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Piece::Lines { text, .. } | Piece::Document { text, .. } => text.len(),
            Piece::Skipped
            | Piece::Attachments { .. }
            | Piece::Damage { .. }
            | Piece::Remark { .. } => 0,
        }
    }

    /// A whole input that cannot be read, and why.
    pub(super) fn refused(reason: impl Into<String>) -> Piece {
        Piece::Damage { line: 0, reason: reason.into() }
    }

    /// A part that the operating system cannot read, or that cannot be unpacked.
    pub(super) fn damage(line: u64, error: std::io::Error) -> Piece {
        let reason = if error.kind() == ErrorKind::UnexpectedEof {
            "ends in the middle; is it truncated?".to_owned()
        } else {
            Error::io("cannot be read", error).to_string()
        };
        Piece::Damage { line, reason }
    }
}
