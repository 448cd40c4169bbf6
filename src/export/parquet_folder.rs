//! An export as Parquet files in a folder: `Patient.parquet` has the id, the time and the text of each patient.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>, `_outputFormat`: other formats than NDJSON are allowed.
//! Deletions and notices stay NDJSON. The manifest says which form the resources have. It is the plan of an NDJSON export, so
//! limits of files count bytes of NDJSON.

#[cfg(feature = "parquet")]
use super::body_run::write_bodies;
use super::edition::Edition;
use super::file::{Content, File, Purpose};
use super::folder::{ExportSummary, Folder, FolderManifest};
use super::plan::Plan;
use crate::error::{Error, Kind, Result};
use crate::view::ViewFormat;

impl Folder {
    /// Writes the resources of `plan` as Parquet files, then a manifest in the shape of `edition`, like [`Folder::write`].
    /// `watch` learns after some resources how many were read since it was called last.
    ///
    /// # Errors
    /// `Usage` where files are organized by patient or compressed, or this build has no Parquet. Those of `watch`; `Io` if
    /// the disk refuses; where the store cannot be read. There is no manifest then.
    pub fn write_parquet(
        &self,
        plan: &Plan,
        edition: Edition,
        request: &str,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ExportSummary> {
        ViewFormat::Parquet.check_built()?;
        if plan.is_organized || self.has_gzip() {
            let what = "Parquet files hold one type each and are compressed; leave out what asks for others";
            return Err(Error::new(Kind::Usage, what));
        }
        let mut summary = ExportSummary::default();
        let mut files = Vec::with_capacity(plan.files.len());
        for file in &plan.files {
            let written = match file.purpose {
                Purpose::Output => self.write_bodies(plan, file, watch)?,
                Purpose::Deleted | Purpose::Error => {
                    self.write_file(&file.name, plan, file)?;
                    file.clone()
                }
            };
            summary.files += 1;
            summary.bytes += written.bytes;
            if file.purpose == Purpose::Output {
                summary.resources += file.count;
            }
            files.push(written);
        }
        let files: Vec<&File> = files.iter().collect();
        let format = Some(ViewFormat::Parquet.media_type());
        let told = FolderManifest { edition, request, format };
        self.write_manifest(plan, &files, &told, &str::to_owned)?;
        Ok(summary)
    }

    /// Writes the resources of a file. Returns the file as it is on the disk, without its content.
    fn write_bodies(
        &self,
        plan: &Plan,
        file: &File,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<File> {
        let stem = file.name.strip_suffix(".ndjson").unwrap_or(&file.name);
        let name = format!("{stem}.{}", ViewFormat::Parquet.name());
        let disk = self.create(&name)?;
        write_bodies(plan, file, &disk, watch).map_err(|error| error.at(self.place(&name)))?;
        let bytes = disk.metadata().map_err(|error| self.refused(&name, error))?.len();
        self.complete(&name)?;
        let File { purpose, count, ref resource_type, .. } = *file;
        let content = Content::Text(String::new());
        let resource_type = resource_type.clone();
        Ok(File { purpose, name, resource_type, count, bytes, continues_in: None, content })
    }
}

/// Without Parquet no file of it is begun.
#[cfg(not(feature = "parquet"))]
fn write_bodies(
    _: &Plan,
    _: &File,
    _: impl std::io::Write + Send,
    _: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    ViewFormat::Parquet.check_built()
}
