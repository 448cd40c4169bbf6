//! An upgrade that is about to happen: what it takes of the disk, so that it is said, and refused in time.

use std::fmt;
use std::path::{Path, PathBuf};

use super::compact::disk;
use super::file::{folder_of, kept_format};
use super::format::{FIRST_WITH_TABLES_OF_NOW, FORMAT};
use super::handle::Store;
use crate::error::{Error, Kind, Result};

/// A store of an older format, which will be upgraded when it is opened to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingUpgrade {
    /// The store's file.
    pub path: PathBuf,
    /// The format that it has.
    pub format: u32,
    /// Bytes that the file grows by. Up to format 5 each version is written anew before the old tables go.
    pub bytes: u64,
}

impl Store {
    /// The upgrade that opening the store at `path` begins with; `None` where there is no store, or one of
    /// the present format.
    pub fn pending_upgrade(path: impl AsRef<Path>) -> Option<PendingUpgrade> {
        let path = path.as_ref();
        // Whatever is wrong with the file, opening it says so.
        let format = kept_format(path).ok().flatten().filter(|format| *format < FORMAT)?;
        let is_written_anew = format < FIRST_WITH_TABLES_OF_NOW;
        let bytes = match std::fs::metadata(path) {
            Ok(meta) if is_written_anew => meta.len(),
            _ => 0,
        };
        Some(PendingUpgrade { path: path.to_owned(), format, bytes })
    }
}

impl fmt::Display for PendingUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PendingUpgrade { path, format, bytes } = self;
        write!(f, "{}: is upgraded from format {format} to {FORMAT}", path.display())?;
        if *bytes == 0 {
            return Ok(());
        }
        write!(
            f,
            ", for which the file grows by up to {bytes} bytes; `fhirlite compact` gives back what then is free"
        )
    }
}

/// Requires that the disk has the room for an upgrade of the store at `path`.
///
/// # Errors
/// `Full` where it has not.
pub(super) fn require_room(path: &Path) -> Result<()> {
    let Some(PendingUpgrade { format, bytes, .. }) = Store::pending_upgrade(path) else {
        return Ok(());
    };
    let folder = folder_of(path);
    match disk::available(&folder) {
        Some(free) if free < bytes => {
            let what = format!(
                "{}: has format {format}; to upgrade it to format {FORMAT} takes {bytes} bytes in {}, and {free} \
                 are free there; nothing was changed. Free some space, or move the store to another disk",
                path.display(),
                folder.display()
            );
            Err(Error::new(Kind::Full, what))
        }
        _ => Ok(()),
    }
}
