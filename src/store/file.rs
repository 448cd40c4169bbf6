//! The store as a file: what its header says, how SQLite is told its name.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::open::FORMAT;
use super::upgrade;
use crate::error::{Error, Kind, Result};

/// What must not stand for itself in a `file:` URI.
const URI: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ').add(b'"');

/// `FHIR`, in the header of every store.
pub(super) const APPLICATION_ID: u32 = u32::from_be_bytes(*b"FHIR");

/// What lies at a path.
pub(super) enum Found {
    Nothing,
    Store,
}

/// Looks at the header of the file at `path`.
///
/// # Errors
/// `NotAStore` for what is none, `Io`.
pub(super) fn inspect(path: &Path) -> Result<Found> {
    let no_store =
        |what: &str| Err(Error::new(Kind::NotAStore, format!("{}: {what}", path.display())));
    if path.is_dir() {
        return no_store("is a folder; a store is a single file");
    }
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(Error::io(path.display(), error)),
    };
    let mut header = Vec::new();
    file.by_ref()
        .take(100)
        .read_to_end(&mut header)
        .map_err(|error| Error::io(path.display(), error))?;
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    // https://www.sqlite.org/fileformat.html#the_database_header
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if header.len() < 100 || !header.starts_with(b"SQLite format 3\0") {
        return no_store("is not a fhirlite store (not an SQLite file); it was left as it is");
    }
    if word(68) != APPLICATION_ID {
        return no_store("is an SQLite file but not a fhirlite store; it was left as it is");
    }
    match word(60) {
        format if upgrade::is_known(format) => Ok(Found::Store),
        other => no_store(&format!(
            "is a fhirlite store of format {other}; this fhirlite reads formats 1 to {FORMAT}"
        )),
    }
}

/// That there is a store at `path`.
///
/// # Errors
/// `NotFound` where there is no file, else as [`inspect`].
pub(super) fn require(path: &Path) -> Result<()> {
    match inspect(path)? {
        Found::Store => Ok(()),
        Found::Nothing => Err(Error::new(
            Kind::NotFound,
            format!("{}: no store there; `fhirlite import {0} PATH` makes one", path.display()),
        )),
    }
}

/// What a store holds is nobody else's business: the file is its owner's alone from the start.
pub(super) fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Error::caused(
            Kind::ReadOnly,
            format!("{}: no store can be made there", path.display()),
            error,
        ),
        _ => Error::io(path.display(), error),
    })
}

/// True if a journal or log with something in it lies beside the store.
pub(super) fn has_beside(path: &Path, ending: &str) -> bool {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    std::fs::metadata(name).is_ok_and(|meta| meta.len() > 0)
}

/// <https://www.sqlite.org/uri.html>, with every byte of the name that could mean something escaped.
pub(super) fn file_uri(path: &Path, options: &str) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    #[cfg(unix)]
    let name = percent_encode(std::os::unix::ffi::OsStrExt::as_bytes(absolute.as_os_str()), URI)
        .to_string();
    #[cfg(not(unix))]
    let name = {
        let text = absolute.to_string_lossy().replace('\\', "/");
        let slash = if text.starts_with('/') { "" } else { "/" };
        format!("{slash}{}", percent_encode(text.as_bytes(), URI))
    };
    format!("file://{name}?{options}")
}

/// The name of a database in this process's memory, a new one each time.
pub(super) fn memory_uri() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("file:/fhirlite-{}?vfs=memdb", COUNTER.fetch_add(1, Ordering::Relaxed))
}
