//! Backups: whole copies of a store, also while it is served and imported to.
//!
//! SQLite copies the pages that one read transaction sees: <https://www.sqlite.org/backup.html>. The
//! copy is written under a name that nobody takes for a store, and gets its own name when it is whole
//! and on the disk. It is in rest mode, and only its owner can read it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tempfile::NamedTempFile;

use super::file::{COMPANIONS, beside, folder_of};
use super::handle::Store;
use super::sql::setting;
use crate::error::{Error, Kind, Result};

/// Pages that are copied before the caller is asked whether to go on.
const PAGES: i32 = 256;

/// A finished backup.
#[derive(Clone, Debug)]
pub struct BackupSummary {
    /// The number of the last write that the copy has.
    pub last_seq: i64,
    /// Bytes of the copy.
    pub bytes: u64,
    /// Why the store itself, and so the copy, may lack its last writes: [`Store::doubt`].
    pub doubt: Option<String>,
}

impl Store {
    /// Copies the store at `path` into the new file `to`. Asks `go_on` now and then; where it says
    /// `false`, no copy is left.
    ///
    /// # Errors
    /// `Usage` where `to` exists or is a name that SQLite needs, `NotFound` where there is no store or no
    /// folder for the copy, `Busy` where another process keeps the store to itself, `Io` where the disk
    /// refuses, `Interrupted` where `go_on` said no. No copy is left then.
    pub fn back_up(
        path: &Path,
        to: &Path,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<BackupSummary> {
        check_is_free(path, to)?;
        let store = Store::open_as_it_is(path)?;
        let folder = folder_of(to);
        let mut prefix = OsString::from(".");
        prefix.push(to.file_name().unwrap_or_default());
        prefix.push(".");
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .tempfile_in(&folder)
            .map_err(|error| Error::io(folder.display(), error))?;
        let summary = copy(&store, &file, go_on).map_err(|error| error.at(to.display()))?;
        // Nothing is overwritten, also if the name was taken in the meantime.
        file.persist_noclobber(to).map_err(|error| Error::io(to.display(), error.error))?;
        sync_folder(&folder);
        Ok(summary)
    }

    /// Copies the store at `path` to `out`, by way of a private temporary file.
    ///
    /// # Errors
    /// As [`Store::back_up`]; `Io` where `out` refuses.
    pub fn back_up_to(
        path: &Path,
        out: &mut dyn Write,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<BackupSummary> {
        let store = Store::open_as_it_is(path)?;
        let folder = std::env::temp_dir();
        let file = tempfile::Builder::new()
            .prefix(".fhirlite.")
            .suffix(".partial")
            .tempfile()
            .map_err(|error| Error::io(folder.display(), error))?;
        let place = format!("{} (TMPDIR names another folder)", folder.display());
        let summary = copy(&store, &file, go_on).map_err(|error| error.at(place))?;
        let failed = |error| Error::io("standard output", error);
        let mut copied = file.reopen().map_err(|error| Error::io(folder.display(), error))?;
        io::copy(&mut copied, out).map_err(failed)?;
        out.flush().map_err(failed)?;
        Ok(summary)
    }
}

/// Copies what one read transaction of `store` sees into the empty `file`.
fn copy(
    store: &Store,
    file: &NamedTempFile,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<BackupSummary> {
    let from = store.reader()?;
    // The transaction keeps what is copied the same while others write.
    from.execute_batch("BEGIN")?;
    let last_seq = setting(&from, "last_seq")?;
    let mut into = Connection::open(file.path())?;
    let backup = Backup::new(&from, &mut into)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More if go_on() => {}
            StepResult::More => {
                return Err(Error::new(Kind::Interrupted, "interrupted; no copy was made"));
            }
            _ => return Err(Error::new(Kind::Busy, "the store is busy; try again")),
        }
    }
    drop(backup);
    from.execute_batch("COMMIT")?;
    // The copy of a store that is open says in its header that it has a log.
    into.pragma_update(None, "journal_mode", "DELETE")?;
    into.close().map_err(|(_, error)| error)?;
    let file = file.as_file();
    file.sync_all().map_err(|error| Error::io("the copy", error))?;
    let bytes = file.metadata().map_err(|error| Error::io("the copy", error))?.len();
    Ok(BackupSummary { last_seq, bytes, doubt: store.doubt() })
}

/// Checks that a copy of the store at `path` may get the name `to`.
fn check_is_free(path: &Path, to: &Path) -> Result<()> {
    let refused = |what: String| Err(Error::new(Kind::Usage, what));
    if to.symlink_metadata().is_ok() {
        return refused(format!("{}: exists already; name a new file", to.display()));
    }
    let Some(name) = to.file_name() else {
        return refused(format!("{}: is no name for a file", to.display()));
    };
    // SQLite would take these files for parts of the copy.
    for suffix in COMPANIONS {
        let companion = beside(to, suffix);
        if companion.symlink_metadata().is_ok() {
            let what =
                "lies beside the new file and would damage it; remove it, or name another file";
            return refused(format!("{}: {what}", companion.display()));
        }
    }
    // It would take the copy for a part of the store.
    let folder = folder_of(to);
    let folder = folder.canonicalize().map_err(|error| Error::io(folder.display(), error))?;
    let store = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if COMPANIONS.iter().any(|suffix| beside(&store, suffix) == folder.join(name)) {
        let what = "is a name that SQLite uses for the store; name another file";
        return refused(format!("{}: {what}", to.display()));
    }
    Ok(())
}

/// Brings a new name to the disk, where the system can do that.
fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}
