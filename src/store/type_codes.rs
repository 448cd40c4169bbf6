//! The numbers that stand for the names of types in other tables.

use std::collections::HashMap;

use rusqlite::Connection;

use super::sql::{maybe, one};
use crate::error::Result;

/// Finds and adds numbers of types, and remembers them. Good for one transaction: undoing it may take
/// numbers away.
#[derive(Default)]
pub(super) struct TypeCodes(HashMap<String, i64>);

impl TypeCodes {
    /// The number of a type.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub(super) fn of(&mut self, conn: &Connection, name: &str) -> Result<i64> {
        if let Some(code) = self.0.get(name) {
            return Ok(*code);
        }
        let find = "SELECT code FROM resource_type WHERE name = ?1";
        let add = "INSERT INTO resource_type (name) VALUES (?1) RETURNING code";
        let code = match maybe(conn, find, [name], |row| row.get(0))? {
            Some(code) => code,
            None => one(conn, add, [name], |row| row.get(0))?,
        };
        self.0.insert(name.to_owned(), code);
        Ok(code)
    }
}
