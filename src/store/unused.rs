//! Removing a store to which nothing was ever written, so that a first import that fails leaves no file
//! behind. The caller knows that there was none before.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::file::{COMPANIONS, beside, file_uri};
use super::handle::Store;
use super::pool::connect;
use super::sql::{one, setting};
use crate::error::{Error, Kind, Result};

impl Store {
    /// Closes the store, and removes its file where no table holds anything and no other process has
    /// it open. Returns whether it is gone.
    ///
    /// # Errors
    /// Where the file cannot be read or removed.
    pub fn remove_unused(self) -> Result<bool> {
        self.in_place()?;
        let path = self.path().to_owned();
        drop(self);
        if !path.is_file() {
            return Ok(false);
        }
        let conn = connect(&file_uri(&path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.busy_timeout(Duration::ZERO)?;
        // The lock of this mode shuts out readers of a file in WAL mode too.
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        match conn.execute_batch("BEGIN EXCLUSIVE").map_err(Error::from) {
            Err(error) if error.kind() == Kind::Busy => return Ok(false),
            locked => locked?,
        }
        if !is_unused(&conn)? {
            return Ok(false);
        }
        std::fs::remove_file(&path).map_err(|error| Error::io(path.display(), error))?;
        drop(conn);
        for suffix in COMPANIONS {
            let _ = std::fs::remove_file(beside(&path, suffix));
        }
        Ok(true)
    }
}

/// True where nothing was ever written, and only the settings and the mark of the beginning are there.
fn is_unused(conn: &Connection) -> Result<bool> {
    if setting(conn, "last_seq")? > 0 {
        return Ok(false);
    }
    let sql = "SELECT name FROM sqlite_schema
                WHERE type = 'table' AND name NOT IN ('setting', 'write_mark')
                  AND name NOT LIKE 'sqlite_%'";
    let mut statement = conn.prepare(sql)?;
    let names = statement.query_map((), |row| row.get::<_, String>(0))?;
    for name in names {
        let sql = format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", name?);
        if one::<bool>(conn, &sql, (), |row| row.get(0))? {
            return Ok(false);
        }
    }
    Ok(true)
}
