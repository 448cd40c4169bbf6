//! The place of a store: the names under which its files were opened, and whether they still lead to
//! those files.
//!
//! SQLite keeps the files that it has open, but it opens others by name: each further connection, the log
//! (`-wal`), its index (`-shm`), a journal. Where another file has taken one of these names, the two would
//! be mixed, and one of them destroyed: <https://www.sqlite.org/howtocorrupt.html#_unlinking_or_renaming_a_database_file_while_in_use>.
//! So every use of a store begins with a look at its place. What a program does between that look and its
//! end is not seen.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::file::{beside, identity};
use super::sql::REPLACED;
use crate::error::{Error, Kind, Result};

/// The place of one open store.
pub(super) struct StorePlace {
    path: PathBuf,
    /// Which file it was when the store was opened; `None` where the system does not say, and where
    /// nobody watches.
    file: Option<(u64, u64)>,
    /// The log and its index, once a connection has opened them.
    log: [Companion; 2],
}

/// A file beside the store.
struct Companion {
    path: PathBuf,
    opened: OnceLock<(u64, u64)>,
}

impl StorePlace {
    /// The place of the file `path`. To be asked before the file is opened.
    pub(super) fn of(path: &Path) -> StorePlace {
        let companion = |suffix| Companion { path: beside(path, suffix), opened: OnceLock::new() };
        StorePlace {
            path: path.to_owned(),
            file: identity(path),
            log: [companion("-wal"), companion("-shm")],
        }
    }

    /// The place of a database in this process's memory, which nobody replaces, or of a file that may go at
    /// any time.
    pub(super) fn unwatched(path: &Path) -> StorePlace {
        StorePlace { file: None, ..StorePlace::of(path) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes which files the log and its index are. To be called while a connection has them open: nobody
    /// but the last connection removes them.
    pub(super) fn note_log(&self) {
        for companion in &self.log {
            if let Some(found) = identity(&companion.path) {
                let _ = companion.opened.set(found);
            }
        }
    }

    /// Says whether all names still lead to the files that were opened.
    ///
    /// # Errors
    /// `Replaced`, with what happened and what to do.
    pub(super) fn check(&self) -> Result<()> {
        self.check_file()?;
        for Companion { path, opened } in &self.log {
            if let Some(opened) = opened.get()
                && identity(path).as_ref() != Some(opened)
            {
                let what = format!(
                    "{}: was removed or replaced while the store was in use, so nothing more is read from the \
                     store or written to it; end each program that has the store open, and start again",
                    path.display()
                );
                return Err(Error::new(Kind::Replaced, what));
            }
        }
        Ok(())
    }

    fn check_file(&self) -> Result<()> {
        if self.file.is_none() || identity(&self.path) == self.file {
            return Ok(());
        }
        Err(self.replaced())
    }

    /// Says that the file is no longer the one that was opened.
    pub(super) fn replaced(&self) -> Error {
        Error::new(Kind::Replaced, REPLACED).at(self.path.display())
    }

    /// True where the store may be brought to rest: by its names SQLite removes the log and the index. A
    /// name that leads nowhere harms nobody, and the log that is open still has the last writes.
    pub(super) fn may_come_to_rest(&self) -> bool {
        let is_free =
            |companion: &Companion| match (companion.opened.get(), identity(&companion.path)) {
                (Some(opened), Some(found)) => *opened == found,
                _ => true,
            };
        self.check_file().is_ok() && self.log.iter().all(is_free)
    }
}
