//! The audit trail: which client got what, where authorization is required.

use std::time::Duration;

use rusqlite::{Row, params};
use serde::Serialize;

use super::handle::Store;
use super::sql::{all, run};
use crate::error::Result;
use crate::time::Instant;

/// One answer with data that a client got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Instant,
    /// `export`, `file`, `read` or `search`.
    pub event: &'static str,
    /// What an export and its files share.
    pub export: Option<String>,
    /// `client_id`.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// The path with its parameters, without secrets.
    pub request: String,
    /// The last write that an export sees.
    pub snapshot: Option<i64>,
    /// Bytes sent, before any compression.
    pub bytes: u64,
    /// Whether the whole answer was sent.
    pub whole: bool,
}

/// An export, and how much of it was downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportRecord {
    /// When the export began.
    pub at: String,
    /// `client_id`.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// The path with its parameters, without secrets.
    pub request: String,
    /// The last write that the export sees.
    pub snapshot: Option<i64>,
    /// How many downloads of its files there were, whole or in part.
    pub files: u64,
    /// Bytes of these downloads, before any compression.
    pub bytes: u64,
}

impl Store {
    /// Adds events to the audit trail. Waits at most `patience` for other writes.
    ///
    /// # Errors
    /// `Busy` where an import takes longer, or where the disk refuses.
    pub(crate) fn add_audit(&self, events: &[AuditEvent], patience: Duration) -> Result<()> {
        self.writable()?.transaction_within(patience, |conn| {
            for event in events {
                let AuditEvent {
                    at,
                    event,
                    export,
                    client,
                    user,
                    request,
                    snapshot,
                    bytes,
                    whole,
                } = event;
                let sql = "INSERT INTO audit (at, event, export, client, user, request, snapshot,
                                              bytes, whole)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
                let at = at.micros();
                let values =
                    params![at, event, export, client, user, request, snapshot, bytes, whole];
                run(conn, sql, values)?;
            }
            Ok(())
        })
    }

    /// Lists the exports in the audit trail, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn export_records(&self) -> Result<Vec<ExportRecord>> {
        let sql = "SELECT at, client, user, request, snapshot, files, bytes FROM exported";
        all(&*self.reader()?, sql, (), export_record)
    }
}

fn export_record(row: &Row<'_>) -> rusqlite::Result<ExportRecord> {
    Ok(ExportRecord {
        at: row.get(0)?,
        client: row.get(1)?,
        user: row.get(2)?,
        request: row.get(3)?,
        snapshot: row.get(4)?,
        files: row.get(5)?,
        bytes: row.get(6)?,
    })
}
