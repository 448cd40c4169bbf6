//! The file of a store to which a command imports: is it one, and does it stay if nothing was imported?

use std::path::{Path, PathBuf};

use fhirlite::{Error, Inputs, Kind, Report, Result, Store};

use super::output::tell;

/// The arguments of a command that imports: its name, the store, and what to import.
pub struct ImportTarget<'a> {
    pub command: &'static str,
    pub store: &'a Path,
    pub paths: &'a [PathBuf],
}

impl ImportTarget<'_> {
    /// Refuses to make a store under the name of FHIR JSON: its place was forgotten or swapped.
    ///
    /// # Errors
    /// `Usage`.
    pub fn check_name(&self) -> Result<()> {
        let holds_something =
            self.store.metadata().is_ok_and(|meta| meta.is_dir() || meta.len() > 0);
        if holds_something || !Inputs::is_input_name(self.store) {
            return Ok(());
        }
        let what = format!("{} is named like a file to import", self.store.display());
        Err(self.hinted(Error::new(Kind::Usage, what)))
    }

    /// Adds to an error, where the store and a path may have been swapped, that the store comes first.
    pub fn hinted(&self, error: Error) -> Error {
        let is_about_files = matches!(error.kind(), Kind::NotAStore | Kind::NotFound | Kind::Usage);
        let is_swapped = Inputs::is_input_name(self.store) || self.store.is_dir();
        if !is_about_files || !is_swapped {
            return error;
        }
        let is_store = |path: &&PathBuf| !path.is_dir() && !Inputs::is_input_name(path);
        let shown = |path: &Path| path.display().to_string();
        let store = self.paths.iter().find(is_store).filter(|path| *path != Path::new("-"));
        let others = self.paths.iter().filter(|path| Some(*path) != store).map(|path| shown(path));
        let store = store.map_or("STORE".to_owned(), |path| shown(path));
        let paths: Vec<String> = [shown(self.store)].into_iter().chain(others).collect();
        let (command, paths) = (self.command, paths.join(" "));
        let what = format!("{error}; the store comes first: fhirlite {command} {store} {paths}");
        Error::new(error.kind(), what)
    }

    /// True where there is no file yet, not even an empty one.
    pub fn is_new(&self) -> bool {
        self.store.symlink_metadata().is_err()
    }
}

/// True where an import took nothing and did not end well.
pub fn took_nothing(report: &Report) -> bool {
    let taken = report.created + report.updated + report.unchanged + report.deleted;
    taken == 0 && (report.rejected > 0 || report.found_nothing)
}

/// Says that there was nothing to import.
pub fn tell_nothing_found() {
    tell("nothing was imported: the input holds no FHIR resource");
}

/// Removes a store that this command made and that holds nothing. What fails then is less important than
/// why the import failed.
pub fn remove_unused(store: Store) {
    let _ = store.remove_unused();
}
