//! Rows that are worked out from the body of a version: its compartments and its relative URLs.
//!
//! A writer adds them with a version, an upgrade for versions of older formats; `check` compares
//! them with the bodies.

use rusqlite::Connection;

use super::sql::run;
use crate::error::Result;
use crate::fhir::{attachment, compartment};

/// What the body of a version says about itself.
pub(super) struct Derived {
    /// The ids of the patients in whose compartment the version is, each once.
    pub patients: Vec<String>,
    /// How many attachments have a relative URL.
    pub relative_urls: u64,
}

impl Derived {
    /// Reads the body of a version.
    pub(super) fn from_body(resource_type: &str, body: &str) -> Derived {
        Derived {
            patients: compartment::patients(resource_type, body),
            relative_urls: attachment::relative_urls(body),
        }
    }
}

/// Adds the rows of `compartment` and `attachment` for the version `seq`.
pub(super) fn insert_derived(
    conn: &Connection,
    seq: i64,
    patients: &[String],
    relative_urls: u64,
) -> Result<()> {
    for patient in patients {
        let sql = "INSERT INTO compartment (seq, patient) VALUES (?1, ?2)";
        run(conn, sql, (seq, patient))?;
    }
    if relative_urls > 0 {
        let sql = "INSERT INTO attachment (seq, relative_urls) VALUES (?1, ?2)";
        run(conn, sql, (seq, relative_urls))?;
    }
    Ok(())
}
