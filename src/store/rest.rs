//! Rest: the file alone is the store, in rollback-journal mode. In use it is in WAL mode, with a log.
//!
//! The setting `at_rest` says which, also in a copy of the file alone. It becomes 0 in the file itself
//! before there is a log, then changes between 0 and -1, and is 1 again while no other connection is
//! open. So a file in WAL mode that has no log and is not at rest was copied alone, or another program
//! than fhirlite closed it: it may lack the last writes.

use std::time::Duration;

use rusqlite::Connection;

use super::sql::{self, one, set_setting, setting};
use crate::error::{Error, Kind, Result};

/// The setting that is 1 at rest.
pub(super) const AT_REST: &str = "at_rest";

/// What came of the wish to use the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// It is in WAL mode: readers and a writer do not wait for each other.
    Wal,
    /// Another process is writing, in the mode of rest.
    HeldByWriter,
    /// Another program has a transaction open that reads, in the mode of rest.
    HeldByReader,
}

/// Takes the file out of rest, where no other program holds it. Waits for nobody: the connection must
/// not be one that waits.
pub(super) fn leave_rest(conn: &Connection) -> Result<Mode> {
    let busy = |error: Error, mode| match error.kind() {
        Kind::Busy => Ok(mode),
        _ => Err(error),
    };
    // A connection notices the mode that another one has set only when it reads.
    match setting(conn, AT_REST).and_then(|value| Ok(value != 1 && is_in_use(conn)?)) {
        Ok(true) => return Ok(Mode::Wal),
        Ok(false) => {}
        // In the mode of rest, a write that ends shuts readers out.
        Err(error) => return busy(error, Mode::HeldByWriter),
    }
    if let Err(error) = conn.execute_batch("BEGIN IMMEDIATE") {
        return busy(error.into(), Mode::HeldByWriter);
    }
    let noted = set_setting(conn, AT_REST, 0)
        .and_then(|()| set_log_mark(conn))
        .and_then(|()| conn.execute_batch("COMMIT").map_err(Error::from));
    if let Err(error) = noted {
        // Where the disk is full, SQLite has ended the transaction by itself.
        if !conn.is_autocommit() {
            conn.execute_batch("ROLLBACK")?;
        }
        return busy(error, Mode::HeldByReader);
    }
    if let Err(error) = conn.pragma_update(None, "journal_mode", "WAL") {
        return busy(error.into(), Mode::HeldByReader);
    }
    match touch_log(conn) {
        Err(error) => busy(error, Mode::Wal),
        Ok(()) => Ok(Mode::Wal),
    }
}

/// Marks this use of the file, in the file itself. Its log has the same mark, and a log of another file has
/// another one.
fn set_log_mark(conn: &Connection) -> Result<()> {
    let sql = "INSERT OR REPLACE INTO setting (name, value) VALUES ('log_mark', randomblob(16))";
    sql::run(conn, sql, ()).map(drop)
}

/// Writes a value to the log, so that it is not empty. That tells the log of a store in use from one that
/// a reading program leaves beside a copy.
pub(super) fn touch_log(conn: &Connection) -> Result<()> {
    // SQLite writes nothing where a value stays the same.
    let sql = "UPDATE setting SET value = -1 - value WHERE name = 'at_rest' AND value <> 1";
    sql::run(conn, sql, ()).map(drop)
}

/// Brings the file to rest, where no other connection is open. Else brings the log into the file as far
/// as nobody needs it. A file at rest is left as it is.
pub(super) fn come_to_rest(conn: &Connection) -> Result<()> {
    conn.busy_timeout(Duration::ZERO)?;
    sql::setting(conn, AT_REST)?;
    if !is_in_use(conn)? {
        return Ok(());
    }
    // Exclusive: no other connection is open, and none opens until the mode has changed.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let alone = conn.execute_batch("BEGIN IMMEDIATE");
    let rested = match &alone {
        Err(_) => Ok(()),
        Ok(()) => set_setting(conn, AT_REST, 1)
            .and_then(|()| Ok(conn.execute_batch("COMMIT")?))
            .and_then(|()| Ok(conn.pragma_update(None, "journal_mode", "DELETE")?)),
    };
    if !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    conn.pragma_update(None, "locking_mode", "NORMAL")?;
    // The lock ends with the next read.
    sql::setting(conn, AT_REST)?;
    if alone.is_err() {
        sql::passive_checkpoint(conn)?;
    }
    rested
}

/// True where the file is in WAL mode, by what the connection has read last.
pub(super) fn is_in_use(conn: &Connection) -> Result<bool> {
    let mode: String = one(conn, "PRAGMA journal_mode", (), |row| row.get(0))?;
    Ok(mode.eq_ignore_ascii_case("wal"))
}
