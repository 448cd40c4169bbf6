//! What is wrong with an expression, or with what it is asked of a resource.

use std::fmt;

/// An expression that cannot be read, or not be evaluated over a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    column: usize,
    reason: String,
}

impl PathError {
    pub(super) fn new(column: usize, reason: impl Into<String>) -> PathError {
        PathError { column, reason: reason.into() }
    }

    /// The character of the expression where the fault is; the first one is 1.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, in plain English.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.reason)
    }
}

impl std::error::Error for PathError {}
