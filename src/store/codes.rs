//! The numbers that stand for the names of types and for the ids of patients in other tables.

use std::collections::HashMap;

use rusqlite::Connection;

use super::sql::{maybe, one};
use crate::error::Result;

/// How many ids of patients are remembered: some ten megabytes.
const MOST_PATIENTS: usize = 100_000;

/// Finds and adds numbers, and remembers them. Good for one transaction: undoing it, or another program,
/// may take numbers away.
#[derive(Default)]
pub(super) struct Codes {
    types: HashMap<String, i64>,
    patients: HashMap<String, i64>,
}

impl Codes {
    /// The number of a type.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn of_type(&mut self, conn: &Connection, name: &str) -> Result<i64> {
        if let Some(code) = self.types.get(name) {
            return Ok(*code);
        }
        let find = "SELECT code FROM resource_type WHERE name = ?1";
        let add = "INSERT INTO resource_type (name) VALUES (?1) RETURNING code";
        let code = find_or_add(conn, find, add, name)?;
        self.types.insert(name.to_owned(), code);
        Ok(code)
    }

    /// The number of a patient.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn of_patient(&mut self, conn: &Connection, id: &str) -> Result<i64> {
        if let Some(code) = self.patients.get(id) {
            return Ok(*code);
        }
        let find = "SELECT code FROM compartment_patient WHERE id = ?1";
        let add = "INSERT INTO compartment_patient (id) VALUES (?1) RETURNING code";
        let code = find_or_add(conn, find, add, id)?;
        if self.patients.len() >= MOST_PATIENTS {
            self.patients.clear();
        }
        self.patients.insert(id.to_owned(), code);
        Ok(code)
    }
}

fn find_or_add(conn: &Connection, find: &str, add: &str, name: &str) -> Result<i64> {
    match maybe(conn, find, [name], |row| row.get(0))? {
        Some(code) => Ok(code),
        None => one(conn, add, [name], |row| row.get(0)),
    }
}
