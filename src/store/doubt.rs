//! Doubt: whether a file that is opened has everything, and what a killed process left is tidied up.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::file::{beside, file_uri, is_in_wal_mode};
use super::pool::connect;
use super::rest::{AT_REST, come_to_rest};
use super::sql::setting;

/// Brings a file to rest that a killed process left in WAL mode, where nobody else has it open.
pub(super) fn tidy(path: &Path) {
    if is_in_wal_mode(path)
        && let Ok(conn) = connect(&file_uri(path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE)
    {
        // Else the next one does it.
        let _ = come_to_rest(&conn);
    }
}

/// True where the file is in WAL mode without a log, was not at rest, and nobody has it open.
pub(super) fn lacks_log(path: &Path) -> bool {
    if !is_in_wal_mode(path) {
        return false;
    }
    let log = beside(path, "-wal");
    if std::fs::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
        return false;
    }
    let had_log = log.exists();
    let at_rest = match guard(path) {
        Some(conn) => setting(&conn, AT_REST),
        None => connect(&file_uri(path, "mode=ro&immutable=1"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|conn| setting(&conn, AT_REST)),
    };
    // An empty log belongs to somebody, or was left by a program that could not write. The last
    // connection that can write has removed it.
    !(matches!(at_rest, Ok(1)) || had_log && log.exists())
}

/// Opens a connection that may write, and reads with it; `None` where that is not permitted.
pub(super) fn guard(path: &Path) -> Option<Connection> {
    let conn = connect(&file_uri(path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE).ok()?;
    setting(&conn, "last_seq").ok()?;
    Some(conn)
}
