//! An export as files in a folder, `manifest.json` the last of them.

use std::fs::{self, File as Disk, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::file::{Content, File, Purpose};
use super::manifest::{Frame, Manifest};
use super::parameters::Edition;
use super::plan::Plan;
use super::rows;
use crate::error::{Error, Kind, Result};

/// A new or empty folder to export into.
pub struct Folder {
    path: PathBuf,
    gzip: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Files, the manifest not counted.
    pub files: u64,
    /// Resources.
    pub resources: u64,
    /// Bytes of NDJSON, before any packing.
    pub bytes: u64,
}

impl Folder {
    /// Makes the folder, or takes it if it is empty.
    ///
    /// # Errors
    /// `Usage` where something is in it already: nobody's files are written over.
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

    /// Writes the files of `plan` and their manifest in the shape of `edition`, which gives `asked` as
    /// what was asked.
    ///
    /// # Errors
    /// `Io` where the disk refuses; then there is no manifest.
    pub fn write(&self, plan: &Plan, edition: Edition, asked: &str) -> Result<Written> {
        let mut written = Written::default();
        for file in &plan.files {
            self.file(&self.name(&file.name), plan, file)?;
            written.files += 1;
            written.bytes += file.bytes;
            if file.purpose == Purpose::Output {
                written.resources += file.count - headers(file);
            }
        }
        let frame = Frame {
            is_protected: false,
            edition,
            transaction_time: plan.snapshot.time().to_string(),
            request: asked.to_owned(),
            organized: plan.is_organized,
            since: plan.has_since,
            url_of: &|name| self.name(name),
        };
        let files: Vec<&File> = plan.files.iter().collect();
        let manifest = Manifest::page(&frame, &files, None);
        let name = "manifest.json";
        let mut disk = self.create(name)?;
        disk.write_all(&manifest.to_json()).map_err(|error| self.refused(name, error))?;
        Ok(written)
    }

    fn name(&self, name: &str) -> String {
        let end = if self.gzip { ".gz" } else { "" };
        format!("{name}{end}")
    }

    fn file(&self, name: &str, plan: &Plan, file: &File) -> Result<()> {
        let mut disk = self.create(name)?;
        if !self.gzip {
            return plan
                .write(file, &mut disk)
                .map_err(|error| error.at(self.path.join(name).display()));
        }
        let mut packed = GzEncoder::new(BufWriter::new(disk), Compression::fast());
        plan.write(file, &mut packed)?;
        packed.finish().and_then(|mut disk| disk.flush()).map_err(|error| self.refused(name, error))
    }

    fn create(&self, name: &str) -> Result<Disk> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create_new(true)
            .open(self.path.join(name))
            .map_err(|error| self.refused(name, error))
    }

    fn refused(&self, name: &str, error: std::io::Error) -> Error {
        Error::io(self.path.join(name).display(), error)
    }
}

/// How many lines of a file are no resources but say whose the next ones are.
fn headers(file: &File) -> u64 {
    match &file.content {
        Content::Rows(rows) => rows::decode(rows)
            .filter(|block| block.as_ref().is_ok_and(|block| block.patient.is_some()))
            .count() as u64,
        _ => 0,
    }
}
