//! The error of an output that cannot be written.

use std::io;

use crate::error::Error;

/// The error of an output that cannot be written.
pub(super) fn unwritten(error: io::Error) -> Error {
    Error::io("the rows cannot be written", error)
}
