//! The rows of views as files in a folder: `patient.csv`, then `manifest.json`.
//!
//! <https://sql-on-fhir.org/ig/operations.html>: what `$sql-export` does, without a server. One plan serves all of the views. Its
//! deletions and notices stay NDJSON, as in an export of resources.

use std::fs::File as Disk;
use std::io::{BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::edition::Edition;
use super::file::{Content, File, Purpose};
use super::folder::{Folder, FolderManifest};
use super::plan::Plan;
use super::request::ExportRequest;
use super::view_run::{ViewRun, ViewSummary};
use crate::error::{Error, Kind, Result};
use crate::fhir::view::ViewDefinition;
use crate::view::{ViewFormat, ViewWriter};

/// Names that other files of the folder have.
const TAKEN: [&str; 3] = ["manifest", "deleted", "error"];

/// Views, each with the name of its file.
#[derive(Default)]
pub struct NamedViews(Vec<(String, ViewDefinition)>);

/// The amounts that views wrote into a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewFolderSummary {
    /// The rows of all views.
    pub rows: u64,
    /// The number of files, without the manifest.
    pub files: u64,
    /// The bytes of the files on the disk.
    pub bytes: u64,
}

impl NamedViews {
    /// Adds a view. Its file has the name of the view, or `stem` where it has none.
    ///
    /// # Errors
    /// `Usage` where another view or another file of the folder has the name, also in another case.
    pub fn add(&mut self, stem: &str, view: ViewDefinition) -> Result<()> {
        let name = view.about().name.clone().unwrap_or_else(|| stem.to_owned());
        if TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken)) {
            let what = format!("{name}: other files of the folder are called so; rename the view");
            return Err(Error::new(Kind::Usage, what));
        }
        if self.0.iter().any(|(other, _)| name.eq_ignore_ascii_case(other)) {
            let what =
                format!("{name}: two views have this name, and one file; rename one of them");
            return Err(Error::new(Kind::Usage, what));
        }
        self.0.push((name, view));
        Ok(())
    }

    /// The types of the resources that the views make rows of, each once.
    pub fn resource_types(&self) -> Vec<&str> {
        let mut types: Vec<&str> = self.0.iter().map(|(_, view)| view.resource()).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    /// How many resources the views read, all together, of what `plan` exports.
    pub fn resources(&self, plan: &Plan) -> u64 {
        self.0.iter().map(|(_, view)| ViewRun::new(view).resources(plan)).sum()
    }
}

impl ExportRequest {
    /// Narrows the request to the resources that any of `views` makes rows of.
    pub fn for_views(&mut self, views: &NamedViews) {
        let types = views.resource_types().into_iter().map(str::to_owned);
        self.filter.types = Some(types.collect());
    }
}

impl Folder {
    /// Writes the rows that `views` make of the resources of `plan`, a file for each view, then a manifest. The manifest
    /// gives `request` as its request, and counts rows. `watch` learns after some resources how many were read since it was
    /// called last.
    ///
    /// # Errors
    /// `Usage` where Parquet files should be compressed once more, or this build has no Parquet. `Unprocessable` where a view
    /// refuses a resource. Those of `watch`; `Io` if the disk refuses; where the store cannot be read. There is no manifest
    /// then, and `.partial` stands behind the name of the file that is not whole.
    pub fn write_views(
        &self,
        plan: &Plan,
        views: &NamedViews,
        format: ViewFormat,
        request: &str,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ViewFolderSummary> {
        format.check_built()?;
        if format == ViewFormat::Parquet && self.has_gzip() {
            let what = "Parquet files are compressed already; leave out gzip";
            return Err(Error::new(Kind::Usage, what));
        }
        let mut summary = ViewFolderSummary::default();
        let mut files = Vec::new();
        for (name, view) in &views.0 {
            let name = self.name(&format!("{name}.{}", format.name()));
            let (rows, bytes) = self.write_view(&name, plan, view, format, watch)?;
            summary.rows += rows.rows;
            files.push(File {
                purpose: Purpose::Output,
                name,
                resource_type: Some(view.resource().to_owned()),
                count: rows.rows,
                bytes,
                continues_in: None,
                content: Content::Text(String::new()),
            });
        }
        for file in plan.files.iter().filter(|file| file.purpose != Purpose::Output) {
            let name = self.name(&file.name);
            self.write_file(&name, plan, file)?;
            files.push(File { name, ..file.clone() });
        }
        summary.files = files.len() as u64;
        summary.bytes = files.iter().map(|file| file.bytes).sum();
        let files: Vec<&File> = files.iter().collect();
        let format = Some(format.media_type());
        let told = FolderManifest { edition: Edition::Stu3, request, format };
        self.write_manifest(plan, &files, &told, &str::to_owned)?;
        Ok(summary)
    }

    /// Writes the rows of a view. Returns how many there are, and the bytes of the file.
    fn write_view(
        &self,
        name: &str,
        plan: &Plan,
        view: &ViewDefinition,
        format: ViewFormat,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<(ViewSummary, u64)> {
        let disk = self.create(name)?;
        let refused = |error| self.refused(name, error);
        let mut write = |out: &mut (dyn Write + Send)| {
            let mut writer = ViewWriter::new(format, view.columns(), out)?;
            let rows = ViewRun::new(view).write(plan, &mut writer, watch)?;
            writer.finish()?;
            Ok(rows)
        };
        let mut out: BufWriter<&Disk> = BufWriter::new(&disk);
        let rows = if self.has_gzip() {
            let mut packed = GzEncoder::new(out, Compression::fast());
            let rows = write(&mut packed);
            packed.finish().and_then(|mut out| out.flush()).map_err(refused)?;
            rows
        } else {
            write(&mut out)
        };
        let rows: ViewSummary = rows.map_err(|error: Error| error.at(self.place(name)))?;
        let bytes = disk.metadata().map_err(refused)?.len();
        self.complete(name)?;
        Ok((rows, bytes))
    }
}
