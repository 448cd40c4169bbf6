//! The few ways to run a statement, the settings table, and SQLite's errors as ours.

use rusqlite::{Connection, ErrorCode, Params, Row, ffi};

use crate::error::{Error, Kind, Result};

/// What is said of a file that is no longer the one that was opened.
pub(super) const REPLACED: &str = "the file was moved, replaced or removed while the store was in use, so nothing more \
                                   is read from it or written to it; put the file back, or start again with the file \
                                   that is there now";

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        let kind = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Kind::Busy,
            // SQLite looks at the file too, where it makes a journal.
            Some(ErrorCode::ReadOnly) if has_moved(&error) => Kind::Replaced,
            Some(ErrorCode::ReadOnly) => Kind::ReadOnly,
            Some(ErrorCode::NotADatabase) => Kind::NotAStore,
            Some(ErrorCode::DatabaseCorrupt) => Kind::Damaged,
            Some(ErrorCode::DiskFull) => Kind::Full,
            Some(ErrorCode::SystemIoFailure) if lacks_room(&error) => Kind::Full,
            Some(
                ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied,
            ) => Kind::Io,
            _ if is_wrong_value(&error) => Kind::Damaged,
            _ => Kind::Internal,
        };
        let message = match kind {
            Kind::Busy => {
                "another process is writing to the store; try again when it is done".into()
            }
            Kind::ReadOnly => "the store, or the folder it lies in, cannot be written".into(),
            Kind::Io if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => {
                "cannot be opened; may the folder it lies in be written?".into()
            }
            Kind::Full => return no_room(error),
            Kind::Replaced => return Error::caused(kind, REPLACED, error).without_place(),
            Kind::Damaged => format!("the store is damaged: {error}; `fhirlite check` says more"),
            _ => error.to_string(),
        };
        Error::caused(kind, message, error)
    }
}

/// True where another file has the name of the one that SQLite has open.
fn has_moved(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(ffi::SQLITE_READONLY_DBMOVED)
}

/// True where SQLite could not make a file longer: it has its limit, or the index of the log, which SQLite
/// maps into memory, has no room. A full disk has a code of its own.
fn lacks_room(error: &rusqlite::Error) -> bool {
    match error.sqlite_error().map(|error| error.extended_code) {
        Some(ffi::SQLITE_IOERR_SHMSIZE) => true,
        Some(ffi::SQLITE_IOERR_WRITE) => file_size_limit().is_some(),
        _ => false,
    }
}

/// Says that there is no room, and what to do.
fn no_room(error: rusqlite::Error) -> Error {
    let message = match file_size_limit() {
        Some(limit) if error.sqlite_error_code() != Some(ErrorCode::DiskFull) => format!(
            "no file may be larger than {limit} bytes (`ulimit -f`), so nothing more can be written; raise \
             that limit"
        ),
        _ => "the disk is full: there is no room for the store, or for SQLite's temporary files; free some \
              space and try again"
            .to_owned(),
    };
    Error::caused(Kind::Full, message, error).without_place()
}

/// The most bytes that a file of this process may have (`RLIMIT_FSIZE`), where that is limited.
fn file_size_limit() -> Option<u64> {
    #[cfg(unix)]
    {
        rustix::process::getrlimit(rustix::process::Resource::Fsize).current
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// True where a column holds what it never should.
fn is_wrong_value(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        error,
        E::InvalidColumnType(..)
            | E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..)
    )
}

/// Reads the first row, which must exist.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<T> {
    Ok(conn.prepare_cached(sql)?.query_row(params, read)?)
}

/// Reads the first row, if there is one.
pub(super) fn maybe<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    Ok(rows.next()?.map(read).transpose()?)
}

/// Reads every row.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Runs a statement that returns no rows; returns how many rows it changed.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// The pages of a database file.
pub(super) struct PageCounts {
    /// Bytes of a page.
    size: u64,
    all: u64,
    free: u64,
}

impl PageCounts {
    /// Bytes of the pages that hold something.
    pub(super) fn used_bytes(&self) -> u64 {
        self.size * (self.all - self.free.min(self.all))
    }

    /// Bytes of the others.
    pub(super) fn free_bytes(&self) -> u64 {
        self.size * self.free
    }
}

/// Counts the pages of a database.
///
/// <https://www.sqlite.org/pragma.html#pragma_freelist_count>
pub(super) fn pages(conn: &Connection) -> Result<PageCounts> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get(0));
    Ok(PageCounts {
        size: number("page_size")?,
        all: number("page_count")?,
        free: number("freelist_count")?,
    })
}

/// Reads a number from `setting`; 0 where it is missing.
pub(super) fn setting(conn: &Connection, name: &str) -> Result<i64> {
    let sql = "SELECT value FROM setting WHERE name = ?1";
    Ok(maybe(conn, sql, [name], |row| row.get(0))?.unwrap_or(0))
}

/// Writes a number to `setting`.
pub(super) fn set_setting(conn: &Connection, name: &str, value: i64) -> Result<()> {
    let sql = "INSERT INTO setting (name, value) VALUES (?1, ?2)
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    run(conn, sql, (name, value)).map(drop)
}

/// Brings the log into the file as far as no reader needs it; true where that is all of it.
pub(super) fn passive_checkpoint(conn: &Connection) -> Result<bool> {
    // A connection notices the mode that another one has set, and so the log, only when it reads.
    setting(conn, "last_seq")?;
    one(conn, "PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        Ok(row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
    })
}
