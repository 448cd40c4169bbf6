//! The store's format: its number, its schema, and the objects that the schema creates.
//!
//! `open` creates a store from the schema, `upgrade` brings an older store up to it, `check` compares
//! a store with it. All three read the schema here.

use rusqlite::Connection;

use super::checksum;
use super::sql::all;
use crate::error::Result;

/// `schema.sql`, which describes every table.
pub(super) const SCHEMA: &str = include_str!("../../schema.sql");

/// The version of `schema.sql`. The file's header holds it as `user_version`.
pub(super) const FORMAT: u32 = 8;

/// The first format whose tables are all in the present one, as they are there: an upgrade from it only adds.
pub(super) const FIRST_WITH_TABLES_OF_NOW: u32 = 6;

/// `FHIR`: the `application_id` in the header of every store.
pub(super) const APPLICATION_ID: u32 = u32::from_be_bytes(*b"FHIR");

/// True for the formats that this program reads.
pub(super) fn is_known(format: u32) -> bool {
    (1..=FORMAT).contains(&format)
}

/// Reads the format of an open file; 0 for an empty one.
pub(super) fn format_of(conn: &Connection) -> Result<u32> {
    Ok(conn.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

/// Creates an empty database in memory with the present schema, to read the schema's parts from.
pub(super) fn model() -> Result<Connection> {
    let model = Connection::open_in_memory()?;
    checksum::register(&model)?;
    model.execute_batch(SCHEMA)?;
    Ok(model)
}

/// A table, an index or a view, as `sqlite_schema` lists it.
pub(super) struct SchemaObject {
    /// `table`, `index` or `view`.
    pub kind: String,
    pub name: String,
    /// The statement that creates it.
    pub sql: String,
}

/// Lists the schema objects of a file: tables first, views last.
pub(super) fn schema_objects(conn: &Connection) -> Result<Vec<SchemaObject>> {
    let sql = "SELECT type, name, sql FROM sqlite_schema
                WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
                ORDER BY type <> 'table', type = 'view', rowid";
    all(conn, sql, (), |row| {
        Ok(SchemaObject { kind: row.get(0)?, name: row.get(1)?, sql: row.get(2)? })
    })
}

/// Lists the columns of a table in the database `schema` (`main` or an attached one).
pub(super) fn columns(conn: &Connection, schema: &str, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM pragma_table_info(?1, ?2)";
    all(conn, sql, (table, schema), |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::shown::hex;

    /// A store keeps each statement of `schema.sql` as it stands there, comments inside included.
    /// Where this fails, the format has changed: it needs a new number and an upgrade.
    #[test]
    fn the_statements_of_a_format_stay_as_they_are() {
        let mut hash = Sha256::new();
        for object in schema_objects(&model().unwrap()).unwrap() {
            hash.update(object.sql);
            hash.update(b"\n");
        }
        let hash = hex(&hash.finalize());
        assert_eq!(
            (FORMAT, hash.as_str()),
            (8, "103c4b0d63b108812c01097fd59f32c88eaac6e843e5423516c6009ff6118499")
        );
    }
}
