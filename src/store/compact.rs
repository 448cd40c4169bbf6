//! Compacting: gives free pages back to the disk, by SQLite's `VACUUM`.
//!
//! <https://www.sqlite.org/lang_vacuum.html>. SQLite writes a copy without free pages to a temporary file,
//! then over the store, in a transaction like any other: a process that dies leaves a journal, and the
//! next one that opens the store undoes everything. So the file stays the same file with the same mode.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use serde::Serialize;

use super::file::{file_uri, folder_of};
use super::handle::{Access, Store};
use super::pool::{SHORT_PATIENCE, connect};
use super::sql::{PageCounts, pages};
use crate::error::{Error, Kind, Result};

/// What compacting a store takes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CompactionCost {
    /// Bytes of the store's file.
    pub file_size: u64,
    /// Bytes of it that are free.
    pub free_bytes: u64,
    /// Bytes that the folder of the store must have to spare: everything that is in the file now is
    /// kept in a journal there.
    pub folder_bytes: u64,
    /// The folder for SQLite's temporary files. `None` where this system does not tell.
    pub temporary: Option<PathBuf>,
    /// Bytes that this folder must have to spare: the copy.
    pub temporary_bytes: u64,
}

/// What compacting did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compaction {
    /// Bytes of the file before.
    pub before: u64,
    /// Bytes of the file now.
    pub after: u64,
}

impl Store {
    /// Compacts the store in the file `path`. Calls `begins` with what that takes, once it is clear that
    /// the disk has enough space and that no other process has the store open.
    ///
    /// # Errors
    /// `Busy` where another process has it open, `Full` where space is short: then nothing was changed.
    /// Else as [`Store::open`].
    pub fn compact(
        path: impl AsRef<Path>,
        begins: &mut dyn FnMut(&CompactionCost),
    ) -> Result<Compaction> {
        let path = path.as_ref();
        // This upgrades the store where that is due. Closed again, it is a single file.
        if Store::open(path)?.access() == Access::ReadOnly {
            let what = format!(
                "{}: the store, or the folder it lies in, cannot be written",
                path.display()
            );
            return Err(Error::new(Kind::ReadOnly, what));
        }
        let conn = connect(&file_uri(path, "mode=rw"), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        conn.busy_timeout(Duration::ZERO)?;
        // Each of these fails where another connection is in the way.
        conn.pragma_update(None, "journal_mode", "DELETE")
            .and_then(|()| conn.execute_batch("BEGIN EXCLUSIVE; ROLLBACK"))
            .map_err(|error| in_use(path, error.into()))?;
        let cost = CompactionCost::of(path, &pages(&conn)?);
        cost.check(path)?;
        begins(&cost);
        conn.busy_timeout(SHORT_PATIENCE)?;
        conn.execute_batch("VACUUM").map_err(|error| in_use(path, error.into()))?;
        let (before, after) = (cost.file_size, size(path));
        Ok(Compaction { before, after })
    }
}

/// Says who is in the way of a connection that must be alone.
fn in_use(path: &Path, error: Error) -> Error {
    match error.kind() {
        Kind::Busy => Error::new(
            Kind::Busy,
            format!(
                "{}: another process has the store open, such as a server or an import; compact it when that has ended",
                path.display()
            ),
        ),
        _ => error.at(path.display()),
    }
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

impl CompactionCost {
    fn of(path: &Path, pages: &PageCounts) -> CompactionCost {
        let file_size = size(path);
        CompactionCost {
            file_size,
            free_bytes: pages.free_bytes(),
            folder_bytes: file_size,
            temporary: disk::temporary_folder(),
            temporary_bytes: pages.used_bytes(),
        }
    }

    /// Checks that each disk has the space.
    ///
    /// # Errors
    /// `Full` where space is short.
    fn check(&self, path: &Path) -> Result<()> {
        let folder = folder_of(path);
        let mut needs = vec![(folder.as_path(), self.folder_bytes)];
        match &self.temporary {
            Some(temporary) if disk::is_same(&folder, temporary) => {
                needs[0].1 += self.temporary_bytes;
            }
            Some(temporary) => needs.push((temporary, self.temporary_bytes)),
            None => {}
        }
        for (folder, needed) in needs {
            if let Some(there) = disk::available(folder) {
                require(folder, needed, there).map_err(|error| error.at(path.display()))?;
            }
        }
        Ok(())
    }
}

/// Requires that `folder` has `needed` bytes to spare, where `there` are `there`.
fn require(folder: &Path, needed: u64, there: u64) -> Result<()> {
    if there >= needed {
        return Ok(());
    }
    let what = format!(
        "compacting takes {needed} bytes in {}, and {there} are free there; nothing was changed. \
         SQLITE_TMPDIR names another folder for temporary files",
        folder.display()
    );
    Err(Error::new(Kind::Full, what))
}

/// What the system says about its disks.
#[cfg(unix)]
pub(super) mod disk {
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::{Access, access, statvfs};

    /// The folder that SQLite takes for temporary files.
    ///
    /// <https://www.sqlite.org/tempfiles.html#temporary_file_storage_locations>
    pub(super) fn temporary_folder() -> Option<PathBuf> {
        let named = ["SQLITE_TMPDIR", "TMPDIR"].into_iter().filter_map(std::env::var_os);
        let usual = ["/var/tmp", "/usr/tmp", "/tmp", "."].map(Into::into);
        named.chain(usual).map(PathBuf::from).find(|folder| is_writable(folder))
    }

    /// True for a folder in which this process may make files.
    pub fn is_writable(folder: &Path) -> bool {
        folder.is_dir() && access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
    }

    /// Bytes that a user may still write to the disk of a folder.
    pub fn available(folder: &Path) -> Option<u64> {
        let disk = statvfs(folder).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    pub(super) fn is_same(one: &Path, other: &Path) -> bool {
        let device = |folder: &Path| folder.metadata().ok().map(|meta| meta.dev());
        device(one) == device(other)
    }
}

/// Other systems are not asked: SQLite says when a disk is full.
#[cfg(not(unix))]
pub(super) mod disk {
    use std::path::{Path, PathBuf};

    pub(super) fn temporary_folder() -> Option<PathBuf> {
        None
    }

    pub fn is_writable(_folder: &Path) -> bool {
        true
    }

    pub fn available(_folder: &Path) -> Option<u64> {
        None
    }

    pub(super) fn is_same(_one: &Path, _other: &Path) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_enough_space_is_named() {
        let folder = Path::new("/data");
        assert!(require(folder, 100, 100).is_ok());
        let error = require(folder, 100, 99).unwrap_err();
        assert_eq!(error.kind(), Kind::Full);
        assert!(error.to_string().contains("100 bytes in /data, and 99"), "{error}");
    }
}
