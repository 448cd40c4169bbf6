//! Whether a store in use can still be read and written, found out by trying. Each try waits for others no
//! longer than it may, and changes nothing that anybody reads.

use std::time::Duration;

use super::compact::disk;
use super::file::folder_of;
use super::handle::{Access, Store};
use super::sql::{run, set_setting, setting};
use crate::error::{Error, Kind, Result};

/// The setting that a trial writes, and removes before anybody sees it.
const TRIAL: &str = "write_trial";

impl Store {
    /// Reads from the file, over a connection of its own: that also notices another file in its place.
    ///
    /// # Errors
    /// `Busy` where another process keeps readers out for longer than `patience`; where the store cannot
    /// be read.
    pub(crate) fn try_to_read(&self, patience: Duration) -> Result<()> {
        self.pool().with_new_reader(patience, |conn| setting(conn, "last_seq").map(drop))
    }

    /// Writes a value that nobody reads. A store that is served read-only is not tried.
    ///
    /// # Errors
    /// `Busy` where another write takes longer than `patience`; where the store cannot be written.
    pub(crate) fn try_to_write(&self, patience: Duration) -> Result<()> {
        match self.access() {
            Access::ReadOnly => Ok(()),
            Access::ReadWrite => self.pool().transaction(patience, |conn| {
                set_setting(conn, TRIAL, self.now().micros())?;
                run(conn, "DELETE FROM setting WHERE name = ?1", [TRIAL]).map(drop)
            }),
        }
    }

    /// Checks that a file can be made beside the store, which takes exports while an import writes.
    ///
    /// # Errors
    /// `ReadOnly` where its folder cannot be written.
    pub(crate) fn check_folder(&self) -> Result<()> {
        if !self.has_file() || disk::is_writable(&folder_of(self.path())) {
            return Ok(());
        }
        Err(Error::new(Kind::ReadOnly, "the folder of the store cannot be written"))
    }

    /// Bytes that are free on the disk of a store that is written; `None` where there is no such disk, or
    /// the system does not tell.
    pub(crate) fn free_disk(&self) -> Option<u64> {
        self.has_file().then(|| disk::available(&folder_of(self.path()))).flatten()
    }

    /// True for a store that is written to a file.
    fn has_file(&self) -> bool {
        self.access() == Access::ReadWrite && !self.pool().is_in_memory()
    }
}
