//! Conditional search: which resources have a business identifier or an id, now or in a snapshot.
//!
//! Searches, conditional references and `ifNoneExist` all find resources here.

use rusqlite::Connection;

use super::snapshot::Snapshot;
use super::sql::{all, one};
use super::writer::Writer;
use crate::error::Result;
use crate::fhir::search::{Condition, SearchToken};

/// How many resources meet a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// No resource.
    None,
    /// The one with this id.
    One(String),
    /// Several: these and perhaps more.
    Several(Vec<String>),
}

impl Match {
    /// Counts the ids found, each once.
    pub fn of(mut ids: Vec<String>) -> Match {
        ids.sort();
        ids.dedup();
        match ids.len() {
            0 => Match::None,
            1 => Match::One(ids.remove(0)),
            _ => Match::Several(ids),
        }
    }
}

impl Writer<'_> {
    /// Finds the ids of the resources that meet `condition`, this transaction's work included. Only
    /// resources that belong to the writer's owner or to nobody are found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find(&mut self, condition: &Condition) -> Result<Vec<String>> {
        self.restore_identifiers()?;
        if condition.id.is_some() {
            self.restore_identity()?;
        }
        if let Some(ids) = self.found.get(condition) {
            return Ok(ids.clone());
        }
        let ids = find(&self.conn, condition, "resource", i64::MAX, &self.reach_of_references())?;
        self.found.keep(condition, &ids);
        Ok(ids)
    }
}

impl Writer<'_> {
    /// Finds the types of the resources that have an id, in any case of its letters, this
    /// transaction's work included; with each type the id as it is. Only resources that belong to the
    /// writer's owner or to nobody are found.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn find_by_id(&mut self, id: &str) -> Result<Vec<(String, String)>> {
        self.restore_identity()?;
        let within_reach = self.reach_of_references();
        let sql = format!(
            "SELECT type, id FROM resource WHERE id IN (?1, lower(?1), upper(?1)){within_reach}"
        );
        all(&self.conn, &sql, [id], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Snapshot {
    /// Finds the ids of the resources that meet a condition in the snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn find(&self, condition: &Condition) -> Result<Vec<String>> {
        let conn = self.store().reader()?;
        // Versions only ever move from `resource` to `history`: in this order none is missed.
        let current = (self.reach().condition("resource"), "resource");
        let superseded = (
            format!(
                " AND history.ended > ?4 AND history.size > 0{}",
                self.reach().condition("history")
            ),
            "history",
        );
        let mut ids = Vec::new();
        for (seen, view) in [current, superseded] {
            ids.extend(find(&conn, condition, view, self.seq(), &seen)?);
        }
        Ok(ids)
    }
}

/// Finds the ids of the resources that meet `condition` with a version in `view`, up to the number `last`, that meets
/// the SQL condition `seen`, in which ?4 is `last`.
fn find(
    conn: &Connection,
    condition: &Condition,
    view: &str,
    last: i64,
    seen: &str,
) -> Result<Vec<String>> {
    let resource_type = &condition.resource_type;
    let by_id = format!(
        "SELECT EXISTS (SELECT 1 FROM {view}
                         WHERE type = ?1 AND id = ?2 AND ?3 IS NULL AND seq <= ?4{seen})"
    );
    let by_identifier = format!(
        "SELECT DISTINCT {view}.id FROM identifier JOIN {view} USING (seq)
          WHERE value = ?1 AND identifier.type = ?2
            AND (?3 IS NULL OR coalesce(system, '') = ?3) AND seq <= ?4{seen}"
    );
    condition.find(
        |id| one(conn, &by_id, (resource_type, id, None::<&str>, last), |row| row.get(0)),
        |SearchToken { system, value }| {
            all(conn, &by_identifier, (value, resource_type, system, last), |row| row.get(0))
        },
    )
}
