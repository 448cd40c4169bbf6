//! Large bodies: one at a time is in memory, however many clients ask for some.
//!
//! A statement that reads bodies leaves out those that are large. Each of them is read by itself, by a thread that has
//! the right to. Before it gives the right back, the body is where it takes no memory: see `spilled.rs`.

use rusqlite::Connection;

use super::checksum::{BodySum, damaged_version};
use super::handle::Store;
use super::sql::one;
use crate::error::Result;
use crate::spilled::LARGE;

/// The right to have a large body in memory. It ends when this is dropped.
pub(super) struct LargeBodyRight(Store);

/// The column for statements that read many bodies: NULL for a large one.
pub(super) fn small_body() -> String {
    format!("iif(size > {LARGE}, NULL, body)")
}

impl Store {
    /// Waits for the right to have a large body in memory. A thread must not ask for it while it has it.
    pub(super) fn large_body_right(&self) -> LargeBodyRight {
        self.pool().large_body().take();
        LargeBodyRight(self.clone())
    }
}

impl Drop for LargeBodyRight {
    fn drop(&mut self) {
        self.0.pool().large_body().give_back();
    }
}

/// Reads one body, of a current or superseded version.
///
/// # Errors
/// `Damaged` where it is not as it was stored; where the store cannot be read.
pub(super) fn large_body<T>(
    conn: &Connection,
    seq: i64,
    read: impl FnOnce(&str) -> T,
) -> Result<T> {
    let sql = "SELECT type, body_checksum, body FROM resource WHERE seq = ?1
               UNION ALL SELECT type, body_checksum, body FROM history WHERE seq = ?1 LIMIT 1";
    let found = one(conn, sql, [seq], |row| {
        let (resource_type, body) = (row.get_ref(0)?.as_str()?, row.get_ref(2)?.as_str()?);
        let sum = BodySum::of_type(resource_type.as_bytes()).of(seq, body.as_bytes());
        Ok((row.get_ref(1)?.as_i64() == Ok(sum)).then(|| read(body)))
    })?;
    found.ok_or_else(|| damaged_version(conn, seq))
}
