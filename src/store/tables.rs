//! The tables behind the views `resource` and `history`, for statements that the views do not serve: those
//! that write, that name an index, or that sum up many rows (SQLite then reads each body).

use rusqlite::Connection;

use super::sql::all;
use crate::error::Result;

/// The table of current versions; its view is `resource`.
pub(super) const CURRENT: &str = "current_version";

/// The table of versions that were replaced or deleted; its view is `history`.
pub(super) const ENDED: &str = "ended_version";

/// The name of the type of a row in one of the tables.
pub(super) const TYPE_NAME: &str = "(SELECT name FROM resource_type WHERE code = type)";

/// The condition of a row in one of the tables whose type has the name ?1.
pub(super) const IS_OF_TYPE: &str = "type = (SELECT code FROM resource_type WHERE name = ?1)";

/// The columns that both tables have, without the checksum of the row.
pub(super) const COLUMNS: &str =
    "seq, type, id, version_id, last_updated, owner, assigned, size, hash, body_checksum";

/// The tables with rows that belong to a version and go with it, beside `identifier`, in which no index leads
/// from a version to its rows.
pub(super) const OF_A_VERSION: [&str; 9] = [
    "version_body",
    "unresolved",
    "compartment",
    "attachment_url",
    "security_context",
    "reference",
    "provenance_target",
    "search_key",
    "search_range",
];

/// Lists the names of the types that have rows in a table, in order.
pub(super) fn types_in(conn: &Connection, table: &str) -> Result<Vec<String>> {
    let sql = format!(
        "SELECT name FROM resource_type
          WHERE EXISTS (SELECT 1 FROM {table} WHERE {table}.type = code) ORDER BY name"
    );
    all(conn, &sql, (), |row| row.get(0))
}
