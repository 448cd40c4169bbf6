//! The lock of a folder: who has it may make and remove files there by their names.
//!
//! SQLite opens the journal of a database by name. A connection to a removed file would take the journal of another
//! file of that name for its own, play it back and remove it. So nobody has such a file open while it goes or comes.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Result};

/// How long the next try waits.
const RETRY: Duration = Duration::from_millis(2);

/// A locked folder, until this is dropped.
pub(super) struct FolderLock<'a> {
    /// `None` where the system locks no folders.
    _folder: Option<File>,
    _in_process: MutexGuard<'a, ()>,
}

impl FolderLock<'_> {
    /// Locks a folder against other processes, where the system locks folders at all. `in_process` keeps out the
    /// other threads everywhere. Waits at most `patience` for other processes.
    ///
    /// # Errors
    /// `Busy` where another process keeps the lock for longer.
    pub(super) fn take<'a>(
        folder: &Path,
        in_process: MutexGuard<'a, ()>,
        patience: Duration,
    ) -> Result<FolderLock<'a>> {
        let end = Instant::now() + patience;
        let mut folder = File::open(folder).ok();
        while let Some(file) = &folder {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(_)) => folder = None,
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(RETRY),
                Err(TryLockError::WouldBlock) => {
                    let what = "another process keeps the folder of the store locked; try again";
                    return Err(Error::new(Kind::Busy, what));
                }
            }
        }
        Ok(FolderLock { _folder: folder, _in_process: in_process })
    }
}
