//! One input: a file, standard input or text in memory, read as pieces.

use std::fs::File;
use std::io::stdin;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file_name::is_packed;
use super::inflate;
use super::piece::Piece;
use crate::error::Result;

/// One file, or standard input. It is imported as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// Its size on disk in bytes, where it has one.
    pub size: Option<u64>,
    /// True where somebody named it, and it was not found in a folder.
    pub is_named: bool,
    origin: Origin,
}

#[derive(Clone, Debug)]
enum Origin {
    Stdin,
    File(PathBuf),
    Memory(Arc<[u8]>),
    /// A path that exists but cannot be followed, and why.
    Broken(String),
    /// A folder without any file to read.
    Nothing,
}

impl Input {
    /// Text that is in memory already.
    pub fn memory(name: &str, text: &[u8]) -> Input {
        let size = Some(text.len() as u64);
        Input { name: name.to_owned(), size, is_named: true, origin: Origin::Memory(text.into()) }
    }

    pub(super) fn stdin() -> Input {
        Input { name: "-".to_owned(), size: None, is_named: true, origin: Origin::Stdin }
    }

    pub(super) fn file(path: &Path, size: Option<u64>) -> Input {
        let name = path.display().to_string();
        Input { name, size, is_named: false, origin: Origin::File(path.to_owned()) }
    }

    pub(super) fn broken(path: &Path, reason: String) -> Input {
        let name = path.display().to_string();
        Input { name, size: Some(0), is_named: false, origin: Origin::Broken(reason) }
    }

    /// A folder that somebody named, and in which there is no file to read.
    pub(super) fn nothing(path: &Path) -> Input {
        let name = path.display().to_string();
        Input { name, size: Some(0), is_named: true, origin: Origin::Nothing }
    }

    /// The same input, as one that somebody named.
    pub(super) fn named(self) -> Input {
        Input { is_named: true, ..self }
    }

    /// Reads it to its end. Calls `visit` with each piece and the name of its origin (the input, or
    /// `archive.zip/member`), and `progress` with the number of bytes read from the disk.
    ///
    /// # Errors
    /// Those of `visit`. A file that cannot be read to its end is a [`Piece::Damage`].
    pub(crate) fn read(
        &self,
        progress: &dyn Fn(u64),
        visit: &mut dyn FnMut(&str, Piece) -> Result<()>,
    ) -> Result<()> {
        let name = &self.name;
        match &self.origin {
            Origin::Stdin => inflate::read(name, None, Box::new(stdin().lock()), progress, visit),
            Origin::Memory(text) => inflate::read(name, None, Box::new(&text[..]), progress, visit),
            Origin::Broken(reason) => visit(name, Piece::refused(reason.as_str())),
            Origin::Nothing => Ok(()),
            Origin::File(path) => match File::open(path) {
                Ok(file) => inflate::read(name, Some(path), Box::new(file), progress, visit),
                Err(error) => visit(name, Piece::damage(0, error)),
            },
        }
    }

    /// Its path, where it is a file.
    pub fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            _ => None,
        }
    }

    /// The approximate size of its text in bytes, where known.
    pub(crate) fn text_size(&self) -> Option<u64> {
        self.size.map(|size| if is_packed(&self.name) { size.saturating_mul(8) } else { size })
    }
}
