//! Rows that are worked out from the body of a version: its compartments, the URLs of its attachments,
//! and the security context of a Binary. Those of what it mentions are in `mention.rs`.
//!
//! A writer adds them with a version, an upgrade for versions of older formats; `check` compares
//! them with the bodies.

use rusqlite::Connection;

use super::sql::run;
use crate::error::Result;
use crate::fhir::attachment::{self, AttachmentUrls};
use crate::fhir::mentions::Mentions;
use crate::fhir::version::FhirVersion;
use crate::fhir::{binary, compartment};

/// What the body of a version says about itself.
pub(super) struct Derived {
    /// The ids of the patients in whose compartment the version is, each once.
    pub patients: Vec<String>,
    /// The URLs of its attachments that are relative or name a Binary.
    pub attachments: Vec<AttachmentUrls>,
    /// Type and id of what the `securityContext` of a Binary names.
    pub security_context: Option<(String, String)>,
    /// What it mentions.
    pub mentions: Mentions,
}

impl Derived {
    /// Reads the body of a version, in a store of `fhir_version`.
    pub(super) fn from_body(fhir_version: FhirVersion, resource_type: &str, body: &str) -> Derived {
        Derived {
            patients: compartment::patients(fhir_version, resource_type, body),
            attachments: attachment::urls(body),
            security_context: binary::security_context(resource_type, body),
            mentions: Mentions::read(resource_type, body),
        }
    }
}

/// Adds the rows of `compartment` for the version `seq`.
pub(super) fn insert_compartments(conn: &Connection, seq: i64, patients: &[String]) -> Result<()> {
    for patient in patients {
        let sql = "INSERT INTO compartment (seq, patient) VALUES (?1, ?2)";
        run(conn, sql, (seq, patient))?;
    }
    Ok(())
}

/// Adds the rows of `attachment_url` and `security_context` for the version `seq`.
pub(super) fn insert_attachments(
    conn: &Connection,
    seq: i64,
    attachments: &[AttachmentUrls],
    security_context: Option<&(String, String)>,
) -> Result<()> {
    for AttachmentUrls { target_type, target_id, base, relative, removed } in attachments {
        let sql =
            "INSERT INTO attachment_url (seq, target_type, target_id, base, relative, removed)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        run(conn, sql, (seq, target_type, target_id, base, relative, removed))?;
    }
    if let Some((context_type, id)) = security_context {
        let sql = "INSERT INTO security_context (seq, type, id) VALUES (?1, ?2, ?3)";
        run(conn, sql, (seq, context_type, id))?;
    }
    Ok(())
}
