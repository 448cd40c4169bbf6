//! Whole copies of a store to serve in its place: with its jobs and credentials, in memory or in a new file.
//!
//! <https://www.sqlite.org/lang_vacuum.html#vacuuminto>. Backups are made in `backup.rs`.

use std::path::Path;

use rusqlite::OpenFlags;

use super::file::{create_private, memory_uri};
use super::handle::Store;
use super::open::open_read_write;
use super::place::StorePlace;
use super::pool::connect;
use super::rest::AT_REST;
use super::sql::{one, set_setting};
use crate::error::{Error, Kind, Result};

/// SQLite holds this many bytes in memory. A copy can have fewer bytes than the store, so only what has twice as many is
/// refused unread.
const MOST_IN_MEMORY: u64 = 1 << 30;

impl Store {
    /// Copies the store into memory. The store itself stays as it is.
    ///
    /// # Errors
    /// `Full` for a store of more than SQLite holds in memory; where the store cannot be read.
    pub(crate) fn copy_in_memory(&self) -> Result<Store> {
        if self.used_bytes()? > 2 * MOST_IN_MEMORY {
            return Err(Error::new(Kind::Full, "memory holds no store of that size"));
        }
        let uri = memory_uri();
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        // The copy is there as long as a connection has it open.
        let copy = connect(&uri, flags)?;
        self.reader()?.execute("VACUUM INTO ?1", [&uri])?;
        Ok(open_read_write(StorePlace::unwatched(self.path()), uri)?.keeping(Some(copy)))
    }

    /// Copies the store into a new file, which its owner alone can read. The store itself stays as it is.
    ///
    /// # Errors
    /// Where the store cannot be read or the file cannot be written.
    pub(crate) fn copy_to_file(&self, path: &Path) -> Result<Store> {
        create_private(path)?;
        let name = path.to_str().ok_or_else(|| {
            let what = format!("{}: the folder should have a name in UTF-8", path.display());
            Error::new(Kind::Usage, what)
        })?;
        self.reader()?.execute("VACUUM INTO ?1", [name])?;
        {
            // The copy has no log, whatever the store has.
            let conn = connect(name, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            set_setting(&conn, AT_REST, 1)?;
        }
        let store = Store::open(path)?;
        store.enter_wal_mode()?;
        Ok(store)
    }

    /// The bytes of the store's pages that are not free.
    fn used_bytes(&self) -> Result<u64> {
        let sql = "SELECT (page_count - freelist_count) * page_size
                     FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        one(&*self.reader()?, sql, (), |row| row.get(0))
    }
}
