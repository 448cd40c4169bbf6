//! From paths to inputs: folders are walked in the order of their names, hidden files left out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::stdin;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use super::inflate;
use super::text::Piece;
use crate::error::{Error, Result};

/// One file, or standard input. Each is imported as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Input {
    /// What messages call it.
    pub name: String,
    /// Its size on disk in bytes, where it has one.
    pub size: Option<u64>,
    from: From,
}

#[derive(Clone, Debug)]
enum From {
    Stdin,
    File(PathBuf),
    Memory(Arc<[u8]>),
    /// It was found but cannot be followed, and why.
    Broken(String),
}

/// The inputs that some paths mean.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// In the order in which they are to be read.
    pub inputs: Vec<Input>,
    /// Files in folders that are not FHIR JSON by their names.
    pub skipped: Vec<String>,
}

impl Inputs {
    /// Finds what `paths` mean: `-` is standard input, a folder everything in it that is named
    /// `.json`, `.ndjson`, `.jsonl` (each also `.gz`) or `.zip`, anything else itself.
    ///
    /// # Errors
    /// `NotFound` for a path that is not there.
    pub fn find(paths: &[PathBuf]) -> Result<Inputs> {
        let mut found = Inputs::default();
        for path in paths {
            if path == Path::new("-") {
                found.inputs.push(Input { name: "-".to_owned(), size: None, from: From::Stdin });
            } else if path.is_dir() {
                found.walk(path);
            } else {
                let meta =
                    std::fs::metadata(path).map_err(|error| Error::io(path.display(), error))?;
                found.add(path, meta.is_file().then_some(meta.len()));
            }
        }
        Ok(found)
    }

    fn walk(&mut self, folder: &Path) {
        let files = WalkDir::new(folder)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name()));
        for entry in files {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.add_broken(folder, error);
                    continue;
                }
            };
            if entry.file_type().is_dir() {
                continue;
            }
            if is_said_of_export(entry.path()) {
                self.skipped.push(entry.path().display().to_string());
                continue;
            }
            let size = entry.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
            match size.is_some() && is_ours(&entry.file_name().to_string_lossy()) {
                true => self.add(entry.path(), size),
                false => self.skipped.push(entry.path().display().to_string()),
            }
        }
    }

    /// A link to nowhere, a loop, a folder that is closed to us: no reason to leave out the others.
    fn add_broken(&mut self, folder: &Path, error: walkdir::Error) {
        let path = error.path().unwrap_or(folder).to_owned();
        if path.file_name().is_some_and(is_hidden) {
            return;
        }
        let reason = match error.loop_ancestor() {
            Some(ancestor) => format!("a link back to {}", ancestor.display()),
            None => match error.into_io_error() {
                Some(error) => Error::io("cannot be read", error).to_string(),
                None => "cannot be read".to_owned(),
            },
        };
        self.inputs.push(Input {
            name: path.display().to_string(),
            size: Some(0),
            from: From::Broken(reason),
        });
    }

    fn add(&mut self, path: &Path, size: Option<u64>) {
        self.inputs.push(Input {
            name: path.display().to_string(),
            size,
            from: From::File(path.to_owned()),
        });
    }
}

impl Input {
    /// Reads it to its end, calling `visit` with each piece and the name of what it is in (the
    /// input's own, or `archive.zip/member`), and `progress` with the bytes read from the disk.
    ///
    /// # Errors
    /// Those of `visit`. A file that cannot be read, or not to its end, is a piece of its own.
    pub fn read(
        &self,
        progress: &dyn Fn(u64),
        visit: &mut dyn FnMut(&str, Piece) -> Result<()>,
    ) -> Result<()> {
        let name = &self.name;
        match &self.from {
            From::Stdin => inflate::read(name, None, Box::new(stdin().lock()), progress, visit),
            From::Memory(text) => inflate::read(name, None, Box::new(&text[..]), progress, visit),
            From::Broken(reason) => visit(name, Piece::Damage { line: 0, reason: reason.clone() }),
            From::File(path) => match File::open(path) {
                Ok(file) => inflate::read(name, Some(path), Box::new(file), progress, visit),
                Err(error) => visit(name, Piece::damage(0, error)),
            },
        }
    }

    /// Text that is in memory already.
    pub fn memory(name: &str, text: &[u8]) -> Input {
        Input {
            name: name.to_owned(),
            size: Some(text.len() as u64),
            from: From::Memory(text.into()),
        }
    }

    /// Its path, where it is a file.
    pub fn path(&self) -> Option<&Path> {
        match &self.from {
            From::File(path) => Some(path),
            _ => None,
        }
    }

    /// About how many bytes of text it holds.
    pub fn text_size(&self) -> Option<u64> {
        let name = self.name.to_ascii_lowercase();
        let packed = name.ends_with(".gz") || name.ends_with(".zip");
        self.size.map(|size| if packed { size.saturating_mul(8) } else { size })
    }
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// True for the file of an exported folder that is no data but what was to be said of it: that it has
/// a manifest beside it tells it from a file of somebody's own.
fn is_said_of_export(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    matches!(name.as_str(), "error.ndjson" | "error.ndjson.gz")
        && path.with_file_name("manifest.json").is_file()
}

/// True for the names that FHIR JSON has, packed or not.
pub(super) fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let inner = name.strip_suffix(".gz").unwrap_or(&name);
    [".json", ".ndjson", ".jsonl"].iter().any(|end| inner.ends_with(end)) || name.ends_with(".zip")
}
