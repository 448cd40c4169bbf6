//! What is wrong with a view, or with what it finds in a resource, and where in the view.
//!
//! The place is that of an element in the JSON of the ViewDefinition: `select[0].column[2].path`.

use std::fmt;

use crate::error::{Error, Kind};

/// A fault of a view: the place in the view, what is wrong there, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewError {
    place: String,
    reason: String,
}

impl ViewError {
    /// A fault at a place of the view; an empty place is the view as a whole.
    pub fn new(place: impl Into<String>, reason: impl Into<String>) -> ViewError {
        ViewError { place: place.into(), reason: reason.into() }
    }

    /// The element of the view: `select[0].column[2].path`. Empty for the view as a whole.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong, and what to do.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for ViewError {}

impl From<ViewError> for Error {
    fn from(error: ViewError) -> Error {
        Error::new(Kind::Unprocessable, error.to_string())
    }
}
