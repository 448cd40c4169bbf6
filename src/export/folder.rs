//! An export as files in a folder: NDJSON files, then `manifest.json`. `parquet_folder.rs` writes resources in another form,
//! `view_folder.rs` rows.

use std::fs::{self, File as Disk, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::edition::Edition;
use super::file::{File, Purpose};
use super::manifest::{Manifest, ManifestHeader};
use super::plan::Plan;
use crate::error::{Error, Kind, Result};

/// A new or empty folder to export into.
pub struct Folder {
    path: PathBuf,
    gzip: bool,
}

/// The amounts that an export into a folder wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExportSummary {
    /// The number of files, without the manifest.
    pub files: u64,
    /// The number of resources.
    pub resources: u64,
    /// The bytes of NDJSON before compression, or of Parquet files.
    pub bytes: u64,
}

/// What a manifest tells beside the files.
pub(super) struct FolderManifest<'a> {
    pub edition: Edition,
    pub request: &'a str,
    /// The media type of the files of `output`, where they are no NDJSON.
    pub format: Option<&'static str>,
}

impl Folder {
    /// Creates the folder, or takes an empty one. With `gzip` the files are compressed.
    ///
    /// # Errors
    /// `Usage` if the folder is not empty: no file is overwritten. `Io` if the disk refuses.
    pub fn new(path: &Path, gzip: bool) -> Result<Folder> {
        let at = |error| Error::io(path.display(), error);
        if path.exists() && !path.is_dir() {
            return Err(Error::new(Kind::Usage, format!("{}: is not a folder", path.display())));
        }
        fs::create_dir_all(path).map_err(at)?;
        if fs::read_dir(path).map_err(at)?.next().is_some() {
            let what = "is not empty; name a new folder, so that nothing is written over";
            return Err(Error::new(Kind::Usage, format!("{}: {what}", path.display())));
        }
        Ok(Folder { path: path.to_owned(), gzip })
    }

    /// Writes the files of `plan`, then a manifest in the shape of `edition`. The manifest gives
    /// `request` as its request.
    ///
    /// # Errors
    /// `Io` if the disk refuses; there is no manifest then. A file has its name once it is whole: while it
    /// is written, `.partial` stands behind it.
    pub fn write(&self, plan: &Plan, edition: Edition, request: &str) -> Result<ExportSummary> {
        let mut summary = ExportSummary::default();
        for file in &plan.files {
            self.write_file(&self.name(&file.name), plan, file)?;
            summary.files += 1;
            summary.bytes += file.bytes;
            if file.purpose == Purpose::Output {
                summary.resources += file.count;
            }
        }
        let files: Vec<&File> = plan.files.iter().collect();
        let told = FolderManifest { edition, request, format: None };
        self.write_manifest(plan, &files, &told, &|name| self.name(name))?;
        Ok(summary)
    }

    /// Writes the manifest of `files`; `url_of` makes their names on the disk.
    pub(super) fn write_manifest(
        &self,
        plan: &Plan,
        files: &[&File],
        told: &FolderManifest<'_>,
        url_of: &dyn Fn(&str) -> String,
    ) -> Result<()> {
        let header = ManifestHeader {
            is_protected: false,
            edition: told.edition,
            transaction_time: plan.snapshot.time().to_string(),
            request: told.request.to_owned(),
            organized: plan.is_organized,
            since: plan.has_since,
            url_of,
        };
        let mut manifest = Manifest::page(&header, files, None);
        manifest.output_format = told.format.or(manifest.output_format);
        let name = "manifest.json";
        let mut disk = self.create(name)?;
        disk.write_all(&manifest.to_json()).map_err(|error| self.refused(name, error))?;
        self.complete(name)
    }

    /// True where text files are compressed.
    pub(super) fn has_gzip(&self) -> bool {
        self.gzip
    }

    /// The name of a text file on the disk.
    pub(super) fn name(&self, name: &str) -> String {
        let end = if self.gzip { ".gz" } else { "" };
        format!("{name}{end}")
    }

    /// Writes a file of NDJSON.
    pub(super) fn write_file(&self, name: &str, plan: &Plan, file: &File) -> Result<()> {
        let mut disk = self.create(name)?;
        if self.gzip {
            let mut packed = GzEncoder::new(BufWriter::new(disk), Compression::fast());
            plan.write(file, &mut packed)?;
            packed
                .finish()
                .and_then(|mut disk| disk.flush())
                .map_err(|error| self.refused(name, error))?;
        } else {
            plan.write(file, &mut disk)
                .map_err(|error| error.at(self.path.join(name).display()))?;
        }
        self.complete(name)
    }

    /// Creates the file that becomes `name` once it is whole.
    pub(super) fn create(&self, name: &str) -> Result<Disk> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .open(self.partial(name))
            .map_err(|error| self.refused(name, error))
    }

    /// Gives a whole file its name. No other file is replaced.
    pub(super) fn complete(&self, name: &str) -> Result<()> {
        let whole = self.path.join(name);
        if whole.exists() {
            return Err(self.refused(name, ErrorKind::AlreadyExists.into()));
        }
        fs::rename(self.partial(name), whole).map_err(|error| self.refused(name, error))
    }

    fn partial(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.partial"))
    }

    /// The path of a file, for a message.
    pub(super) fn place(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// The error of a file that the disk refuses.
    pub(super) fn refused(&self, name: &str, error: std::io::Error) -> Error {
        Error::io(self.path.join(name).display(), error)
    }
}
