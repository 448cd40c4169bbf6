//! Text files that a command reads as a whole, such as ViewDefinitions.

use std::io::ErrorKind;
use std::path::Path;

use fhirlite::{Error, Kind, Result};

/// Reads a text file.
///
/// # Errors
/// `Usage` where it is no UTF-8; `NotFound`, `Io`.
pub fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| match error.kind() {
        ErrorKind::InvalidData => {
            Error::new(Kind::Usage, format!("{}: is no UTF-8 text", path.display()))
        }
        _ => Error::io(path.display(), error),
    })
}
