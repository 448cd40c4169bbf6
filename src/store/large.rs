//! Large bodies: one at a time is in memory, however many clients ask for some.
//!
//! A statement that reads bodies leaves out those that are large. Each of them is read by itself, by a thread that has
//! the right to. Before it gives the right back, the body is where it takes no memory: see `spilled.rs`.

use rusqlite::Connection;

use super::checksum::{BodySum, damaged_version};
use super::large_right::LargeBodyRight;
use super::snapshot::Snapshot;
use super::sql::{one, setting};
use super::tables::{CURRENT, ENDED};
use crate::error::Result;
use crate::spilled::LARGE;

/// The column for statements that read many bodies: NULL for a large one.
pub(super) fn small_body() -> String {
    format!("iif(size > {LARGE}, NULL, body)")
}

impl Snapshot {
    /// Waits for the right to have a large body in memory, unless the one for whom the snapshot is has it. It ends
    /// when what this returns is dropped, and with the request that the snapshot serves.
    ///
    /// # Errors
    /// Those of [`Store::large_body_right`].
    pub(super) fn large_body_right(&self) -> Result<Option<LargeBodyRight>> {
        match self.kept_right() {
            Some(kept) => kept.take(self.store()).map(|()| None),
            None => self.store().large_body_right().map(Some),
        }
    }

    /// The column for statements that read many bodies of the snapshot: without a look at each size where no version
    /// has a large body.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn body_column(&self) -> Result<String> {
        Ok(if self.has_large_bodies()? { small_body() } else { "body".to_owned() })
    }

    /// True where a version of the store has a large body: one thread reads it at a time. That is found out once for
    /// each state of the store, in an index.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn has_large_bodies(&self) -> Result<bool> {
        let mut known = self.store().pool().large_known();
        match *known {
            Some((last, has_large)) if has_large || self.seq() <= last => Ok(has_large),
            _ => {
                let conn = self.store().reader()?;
                let last = setting(&conn, "last_seq")?;
                // The indexes have only those that are larger.
                let sql = format!(
                    "SELECT EXISTS (SELECT 1 FROM {CURRENT} INDEXED BY current_large WHERE size > {LARGE})
                         OR EXISTS (SELECT 1 FROM {ENDED} INDEXED BY ended_large WHERE size > {LARGE})"
                );
                let has_large = one(&conn, &sql, (), |row| row.get(0))?;
                *known = Some((last, has_large));
                Ok(has_large)
            }
        }
    }
}

/// Reads the body of a version of this type and number, current or superseded.
///
/// # Errors
/// `Damaged` where it is not as it was stored; where the store cannot be read.
pub(super) fn large_body<T>(
    conn: &Connection,
    (resource_type, seq): (&str, i64),
    read: impl FnOnce(&str) -> T,
) -> Result<T> {
    let sql = "SELECT body_checksum, body FROM resource WHERE seq = ?1
               UNION ALL SELECT body_checksum, body FROM history WHERE seq = ?1 LIMIT 1";
    let found = one(conn, sql, [seq], |row| {
        let body = row.get_ref(1)?.as_str()?;
        let sum = BodySum::of_type(resource_type.as_bytes()).of(seq, body.as_bytes());
        Ok((row.get_ref(0)?.as_i64() == Ok(sum)).then(|| read(body)))
    })?;
    found.ok_or_else(|| damaged_version(conn, seq))
}
