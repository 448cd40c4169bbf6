//! Who got what, where authorization is required.

use std::time::Duration;

use rusqlite::Row;
use serde::Serialize;

use super::open::Store;
use super::sql::{all, run};
use crate::error::Result;
use crate::time::Instant;

/// One thing that was given to somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
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
    /// Whether all that was asked for was sent.
    pub whole: bool,
}

/// An export, and what was fetched of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// When it was begun.
    pub at: String,
    /// `client_id`.
    pub client: Option<String>,
    /// `app_user_id`; `None` for the client itself.
    pub user: Option<String>,
    /// The path with its parameters, without secrets.
    pub request: String,
    /// The last write that it sees.
    pub snapshot: Option<i64>,
    /// How many times a file of it was fetched, in whole or in part.
    pub files: u64,
    /// The bytes of these, before any compression.
    pub bytes: u64,
}

impl Store {
    /// Writes down what happened, once nobody else has written for `patience`.
    ///
    /// # Errors
    /// `Busy` where an import keeps the store to itself for too long, or where the disk refuses.
    pub(crate) fn add_audit(&self, events: &[Event], patience: Duration) -> Result<()> {
        self.passing()?.within(patience, |conn| {
            for event in events {
                let Event { at, event, export, client, user, request, snapshot, bytes, whole } =
                    event;
                let sql = "INSERT INTO audit VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
                let at = at.micros();
                let values = rusqlite::params![
                    at, event, export, client, user, request, snapshot, bytes, whole
                ];
                run(conn, sql, values)?;
            }
            Ok(())
        })
    }

    /// The exports that were begun, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn exported(&self) -> Result<Vec<Exported>> {
        let sql = "SELECT at, client, user, request, snapshot, files, bytes FROM exported";
        all(&*self.reader()?, sql, (), exported)
    }
}

fn exported(row: &Row<'_>) -> rusqlite::Result<Exported> {
    Ok(Exported {
        at: row.get(0)?,
        client: row.get(1)?,
        user: row.get(2)?,
        request: row.get(3)?,
        snapshot: row.get(4)?,
        files: row.get(5)?,
        bytes: row.get(6)?,
    })
}
