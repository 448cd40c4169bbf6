//! From paths to inputs. Folders are walked in the order of their names, hidden files are left out.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::file_name::{is_fhir_json, is_hidden};
use super::input::Input;
use crate::error::{Error, Result};

/// The inputs that were found for some paths.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The inputs in the order of reading.
    pub inputs: Vec<Input>,
    /// The files in folders that are not FHIR JSON by their names.
    pub skipped: Vec<String>,
}

impl Inputs {
    /// Finds the inputs of some paths. `-` is standard input. A folder stands for all files in it that
    /// are named `.json`, `.ndjson`, `.jsonl` (each also `.gz`) or `.zip`. Any other path stands for
    /// itself.
    ///
    /// # Errors
    /// `NotFound` for a path that does not exist.
    pub fn find(paths: &[PathBuf]) -> Result<Inputs> {
        let mut found = Inputs::default();
        for path in paths {
            if path == Path::new("-") {
                found.inputs.push(Input::stdin());
            } else if path.is_dir() {
                found.walk(path);
            } else {
                let meta =
                    std::fs::metadata(path).map_err(|error| Error::io(path.display(), error))?;
                found.inputs.push(Input::file(path, meta.is_file().then_some(meta.len())));
            }
        }
        Ok(found)
    }

    /// Adds the files of a folder.
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
            let size = entry.metadata().ok().filter(|meta| meta.is_file()).map(|meta| meta.len());
            if size.is_some()
                && is_fhir_json(&entry.file_name().to_string_lossy())
                && !is_error_file(entry.path())
            {
                self.inputs.push(Input::file(entry.path(), size));
            } else {
                self.skipped.push(entry.path().display().to_string());
            }
        }
    }

    /// Adds a broken link, a loop or a folder without permission. The other files are still read.
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
        self.inputs.push(Input::broken(&path, reason));
    }
}

/// True for the error file of an exported folder: it holds notices, not data. Only such a folder has a
/// manifest beside it.
fn is_error_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    matches!(name.as_str(), "error.ndjson" | "error.ndjson.gz")
        && path.with_file_name("manifest.json").is_file()
}
