//! The store as a file: its header, its URI, and the files that SQLite puts beside it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::format::{APPLICATION_ID, FORMAT, is_known};
use crate::error::{Error, Kind, Result};

/// Bytes that are escaped in the path of a `file:` URI.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%').add(b'?').add(b'#').add(b' ').add(b'"');

/// Bytes of an SQLite file's header.
const HEADER: usize = 100;

/// The name that SQLite gives to a database in memory. A file of this name is `./:memory:`.
pub const IN_MEMORY: &str = ":memory:";

/// Checks that there is a file or nothing at `path`, and likewise under the names that SQLite uses beside it.
/// To open anything else may wait for ever, as a named pipe does, or have an effect of its own.
///
/// # Errors
/// `NotAStore` for a folder, a pipe, a socket or a device, also where a link leads to one.
fn check_is_file(path: &Path) -> Result<()> {
    let refuse = |path: &Path, what: &str| {
        Err(Error::new(Kind::NotAStore, format!("{}: is {what}", path.display())))
    };
    if let Some(what) = other_than_file(path) {
        return refuse(path, &format!("{what}; a store is a single file"));
    }
    for suffix in COMPANIONS.iter().chain(["-jobs"].iter()) {
        let companion = beside(path, suffix);
        if let Some(what) = other_than_file(&companion) {
            let what = format!("{what}; the store needs a file of this name; remove or rename it");
            return refuse(&companion, &what);
        }
    }
    Ok(())
}

/// What lies at `path`, where that is neither a file nor nothing.
fn other_than_file(path: &Path) -> Option<&'static str> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    Some("no file")
}

/// Reads the header of the file at `path`: the format of the store, `None` where the file is missing or
/// empty.
///
/// # Errors
/// `NotAStore` for any other file, `Usage` for the name of a store in memory, `Io`.
pub(super) fn kept_format(path: &Path) -> Result<Option<u32>> {
    if path == Path::new(IN_MEMORY) {
        let what = ":memory: is a store that only `fhirlite serve :memory: PATH` makes, and that ends with it; name a file";
        return Err(Error::new(Kind::Usage, what));
    }
    let no_store =
        |what: &str| Err(Error::new(Kind::NotAStore, format!("{}: {what}", path.display())));
    check_is_file(path)?;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(path.display(), error)),
    };
    let mut header = Vec::new();
    file.take(HEADER as u64)
        .read_to_end(&mut header)
        .map_err(|error| Error::io(path.display(), error))?;
    if header.is_empty() {
        return Ok(None);
    }
    // https://www.sqlite.org/fileformat.html#the_database_header
    let word = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if header.len() < HEADER || !header.starts_with(b"SQLite format 3\0") {
        return no_store("is not a fhirlite store (not an SQLite file); it was left as it is");
    }
    if word(68) != APPLICATION_ID {
        return no_store("is an SQLite file but not a fhirlite store; it was left as it is");
    }
    let format = word(60);
    if is_known(format) {
        Ok(Some(format))
    } else {
        no_store(&format!(
            "is a fhirlite store of format {format}; this fhirlite reads formats 1 to {FORMAT}"
        ))
    }
}

/// Requires a store at `path`.
///
/// # Errors
/// `NotFound` where there is no file, else as [`kept_format`].
pub(super) fn require_store(path: &Path) -> Result<()> {
    if kept_format(path)?.is_some() {
        return Ok(());
    }
    let what = format!("{}: no store there; `fhirlite import {0} PATH` makes one", path.display());
    Err(Error::new(Kind::NotFound, what))
}

/// Creates an empty file that only its owner may read or write; a store holds patients' data.
///
/// # Errors
/// `ReadOnly` where the folder does not permit it, `Io`.
pub(super) fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    // A file that is there is not opened: closing it would end the locks that SQLite may hold on it.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let made = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => Ok(()),
        // A link to a file that is missing.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            options.create_new(false).create(true).open(path).map(drop)
        }
        made => made.map(drop),
    };
    made.map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => Error::caused(
            Kind::ReadOnly,
            format!("{}: no store can be made there", path.display()),
            error,
        ),
        _ => Error::io(path.display(), error),
    })
}

/// True where a file with the store's name and this suffix (`-wal`, `-journal`) exists and is not
/// empty.
pub(super) fn has_beside(path: &Path, suffix: &str) -> bool {
    std::fs::metadata(beside(path, suffix)).is_ok_and(|meta| meta.len() > 0)
}

/// True where the file is missing or empty.
pub(super) fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |meta| meta.len() == 0)
}

/// The suffixes of the files that SQLite keeps beside a database.
pub(super) const COMPANIONS: [&str; 3] = ["-wal", "-journal", "-shm"];

/// The folder of a file.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The file with the store's name and this suffix.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// True where the header says that the file is in WAL mode. At rest a store is not.
///
/// Not to be asked while this process has the file open: closing it would end SQLite's locks.
///
/// <https://www.sqlite.org/fileformat.html#file_format_version_numbers>
pub(super) fn is_in_wal_mode(path: &Path) -> bool {
    let mut header = [0; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && header[18..] == [2, 2]
}

/// What tells a file from every other on this machine, whatever its name; `None` where the system
/// does not say.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// The `file:` URI of a path, with `parameters` as its query.
///
/// <https://www.sqlite.org/uri.html>
pub(super) fn file_uri(path: &Path, parameters: &str) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    #[cfg(unix)]
    let name =
        percent_encode(std::os::unix::ffi::OsStrExt::as_bytes(absolute.as_os_str()), ESCAPED)
            .to_string();
    #[cfg(not(unix))]
    let name = {
        let text = absolute.to_string_lossy().replace('\\', "/");
        let slash = if text.starts_with('/') { "" } else { "/" };
        format!("{slash}{}", percent_encode(text.as_bytes(), ESCAPED))
    };
    format!("file://{name}?{parameters}")
}

/// The URI of a new database in this process's memory.
pub(super) fn memory_uri() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    format!("file:/fhirlite-{}?vfs=memdb", COUNTER.fetch_add(1, Ordering::Relaxed))
}
