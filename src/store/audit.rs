//! The audit trail: which client got what, where authorization is required; who was let in and who was not,
//! and what was changed about clients, users and keys.

use std::time::Duration;

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::handle::Store;
use super::sql::{all, run};
use crate::error::Result;
use crate::time::Instant;

/// How many rows at the end of the trail are looked at for the last exports of a client.
const LOOKED_AT: i64 = 20_000;

/// One answer with data that a client got, or one change of who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Instant,
    /// `export`, `file`, `read` or `search`; `refused` and `sign-in` for tries to get in; `token`, `code`,
    /// `client`, `user` and `key` for what was issued or changed.
    pub event: &'static str,
    /// What an export and its files share.
    pub export: Option<String>,
    /// `client_id`.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// The path with its parameters, without secrets; for the other events what happened.
    pub request: String,
    /// The last write that an export sees.
    pub snapshot: Option<i64>,
    /// Bytes sent, before any compression.
    pub bytes: u64,
    /// Whether the whole answer was sent.
    pub whole: bool,
}

/// Who makes a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever runs the commands.
    Operator,
    /// A client, through the server.
    Client,
}

impl Actor {
    /// As the beginning of a sentence: `the operator`, `the client`.
    fn name(self) -> &'static str {
        match self {
            Actor::Operator => "the operator",
            Actor::Client => "the client",
        }
    }
}

/// A try to get in, or a change of who gets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccessRecord {
    /// When it happened; of several tries the first.
    pub at: String,
    /// `refused`, `sign-in`, `token`, `code`, `client`, `user` or `key`.
    pub event: String,
    /// The `client_id` that it is about, or that was tried.
    pub client: Option<String>,
    /// The `app_user_id` that it is about.
    pub user: Option<String>,
    /// What happened.
    pub what: String,
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
            events.iter().try_for_each(|event| insert_event(conn, event))
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

    /// Lists the last exports of a client, or of one of its users, the last one first. Only the end of the trail is
    /// looked at.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn last_export_records(
        &self,
        (client, user): (&str, Option<&str>),
        most: usize,
    ) -> Result<Vec<ExportRecord>> {
        let of_files =
            "FROM audit AS file WHERE file.export = started.export AND file.event = 'file'";
        let sql = format!(
            "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at / 1e6, 'unixepoch'), client, user, request, snapshot,
                    (SELECT count(*) {of_files}), (SELECT coalesce(sum(bytes), 0) {of_files})
               FROM (SELECT * FROM audit
                      WHERE id > (SELECT max(id) FROM audit) - {LOOKED_AT}
                        AND event = 'export' AND client = ?1 AND user IS ?2
                      ORDER BY id DESC LIMIT ?3) AS started
              ORDER BY id DESC"
        );
        all(&*self.writable()?.reader()?, &sql, (client, user, most), export_record)
    }
}

impl Store {
    /// Lists tries to get in and changes of who gets in, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn access_records(&self) -> Result<Vec<AccessRecord>> {
        let sql = "SELECT strftime('%Y-%m-%dT%H:%M:%fZ', at / 1e6, 'unixepoch'), event, client, user, request
                     FROM audit WHERE export IS NULL AND event NOT IN ('export', 'file', 'read', 'search')
                    ORDER BY id";
        all(&*self.reader()?, sql, (), |row| {
            Ok(AccessRecord {
                at: row.get(0)?,
                event: row.get(1)?,
                client: row.get(2)?,
                user: row.get(3)?,
                what: row.get(4)?,
            })
        })
    }

    /// Lists where clients signed in for the first time: the client and what the audit says about it. The last
    /// ones come first, `most` at most.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn sign_ins(&self, most: usize) -> Result<Vec<(String, String)>> {
        // Found in the index `audit_by_export`.
        let sql = "SELECT client, request FROM audit WHERE export IS NULL AND event = 'sign-in'
                      AND client IS NOT NULL ORDER BY id DESC LIMIT ?1";
        all(&*self.reader()?, sql, [most], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

/// Adds one event.
fn insert_event(conn: &Connection, event: &AuditEvent) -> Result<()> {
    let AuditEvent { at, event, export, client, user, request, snapshot, bytes, whole } = event;
    let sql = "INSERT INTO audit (at, event, export, client, user, request, snapshot, bytes, whole)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let at = at.micros();
    run(conn, sql, params![at, event, export, client, user, request, snapshot, bytes, whole])
        .map(drop)
}

/// Adds a change in the transaction that makes it: what `event` names, about a client and a user.
pub(super) fn note_change(
    conn: &Connection,
    at: Instant,
    event: &'static str,
    (client, user): (Option<&str>, Option<&str>),
    by: Actor,
    what: &str,
) -> Result<()> {
    let event = AuditEvent {
        at,
        event,
        client: client.map(str::to_owned),
        user: user.map(str::to_owned),
        request: format!("{} {what}", by.name()),
        whole: true,
        ..AuditEvent::default()
    };
    insert_event(conn, &event)
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
