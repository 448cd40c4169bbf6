//! From paths to inputs. Folders are walked in the order of their names, hidden files are left out.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::file_name::{is_attachment_folder, is_fhir_json, is_hidden, is_ndjson, reading_order};
use super::form::{HEAD, begins_a_resource};
use super::input::Input;
use crate::error::{Error, Result};

/// The inputs that were found for some paths.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// The inputs in the order of reading.
    pub inputs: Vec<Input>,
    /// The files in folders that are FHIR JSON neither by their names nor by their first bytes.
    pub skipped: Vec<String>,
    /// Folders of attachments that a Bulk Data client downloaded, and how many files in each were
    /// left out.
    pub attachments: BTreeMap<String, u64>,
}

impl Inputs {
    /// Finds the inputs of some paths. `-` is standard input. A folder stands for all files in it that
    /// are FHIR JSON or an archive by their names (`.json`, `.ndjson`, `.jsonl`, `.zip`, `.tar`; each
    /// also `.gz`, `.xz` or `.zst`) or that begin as a resource does. Any other path stands for itself.
    ///
    /// # Errors
    /// `NotFound` for a path that does not exist.
    pub fn find(paths: &[PathBuf]) -> Result<Inputs> {
        let mut found = Inputs::default();
        for path in paths {
            if path == Path::new("-") {
                found.inputs.push(Input::stdin());
            } else if path.is_dir() {
                let before = found.inputs.len();
                found.walk(path);
                if found.inputs.len() == before {
                    found.inputs.push(Input::nothing(path));
                }
            } else {
                let meta =
                    std::fs::metadata(path).map_err(|error| Error::io(path.display(), error))?;
                let size = meta.is_file().then_some(meta.len());
                found.inputs.push(Input::file(path, size).named());
            }
        }
        Ok(found)
    }

    /// True for the name of a file that would be read in a folder.
    pub fn is_input_name(path: &Path) -> bool {
        path.file_name().is_some_and(|name| is_fhir_json(&name.to_string_lossy()))
    }

    /// Adds the files of a folder.
    fn walk(&mut self, folder: &Path) {
        let root = folder.canonicalize().ok();
        let is_walked = |entry: &DirEntry| {
            entry.depth() == 0
                || !is_hidden(entry.file_name())
                    && !root.as_deref().is_some_and(|root| is_inner_link(root, entry))
        };
        let files = WalkDir::new(folder)
            .follow_links(true)
            .sort_by(|a, b| reading_order(a.file_name(), b.file_name()))
            .into_iter()
            .filter_entry(is_walked);
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
            let name = entry.file_name().to_string_lossy();
            if let Some(attachments) = attachment_folder(folder, entry.path())
                && !is_ndjson(&name)
            {
                *self.attachments.entry(attachments.display().to_string()).or_default() += 1;
            } else if size.is_some() && (is_fhir_json(&name) || is_resource_file(entry.path())) {
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

/// True for a link to a file or folder that the walk reads itself. Exports keep such links: `smart-fetch`
/// puts them beside the folders of its exports. Read twice, and out of order, they would bring deleted
/// resources back.
fn is_inner_link(root: &Path, entry: &DirEntry) -> bool {
    if !entry.path_is_symlink() {
        return false;
    }
    let Ok(target) = entry.path().canonicalize() else { return false };
    let Ok(below) = target.strip_prefix(root) else { return false };
    let name = target.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    !below.iter().any(is_hidden) && (target.is_dir() || is_fhir_json(&name))
}

/// The folder of attachments below `root` that a file lies in.
fn attachment_folder<'a>(root: &Path, file: &'a Path) -> Option<&'a Path> {
    let above = file.ancestors().skip(1).take_while(|folder| *folder != root);
    above.filter(|folder| folder.file_name().is_some_and(is_attachment_folder)).last()
}

/// True for a file that begins as a resource does. Some servers name their files without an ending, and
/// clients keep the names.
fn is_resource_file(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(HEAD as u64).read_to_end(&mut head));
    read.is_ok() && begins_a_resource(&head)
}
