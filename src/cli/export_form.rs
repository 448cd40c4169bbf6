//! The form of what `fhirlite export` writes: NDJSON, Parquet, or the rows of views. Options that a form has no use for are
//! refused by name.

use std::path::PathBuf;

use fhirlite::views::{NamedViews, ViewFormat};
use fhirlite::{Edition, Error, Folder, Kind, Plan, Result};

use super::count_display::CountDisplay;
use super::view::read_view;

/// What the files of an export hold.
pub enum ExportForm {
    /// Resources, a line each.
    Lines,
    /// Resources in Parquet files.
    Parquet,
    /// Rows of views.
    Rows(NamedViews, ViewFormat),
}

/// The options of the form.
#[derive(clap::Args)]
pub struct FormArgs {
    /// Compress the files: Patient.ndjson.gz and so on
    #[arg(long)]
    pub gzip: bool,
    /// Write the rows of the view in this file, a SQL on FHIR ViewDefinition, instead of resources; may be
    /// repeated
    #[arg(long, value_name = "FILE")]
    view: Vec<PathBuf>,
    /// The form of the files: ndjson or parquet; with --view csv, ndjson, json or parquet. Without it
    /// ndjson, with --view csv
    #[arg(long, value_name = "FORMAT", value_parser = ViewFormat::names(), hide_possible_values = true)]
    format: Option<String>,
}

/// The options that rows of views have no use for, and why.
const NOT_OF_ROWS: [(&str, &str); 8] = [
    ("type", "each view names its type"),
    ("elements", "the columns of a view say which elements it has"),
    ("provenance", "run a view of Provenance"),
    ("organize-by", "each view has one file"),
    ("maximum-file-size", "each view has one file"),
    ("resources-per-file", "each view has one file"),
    ("attachments-base", "rows have URLs as they are"),
    ("edition", "rows are no output of the Bulk Data IG"),
];

impl ExportForm {
    /// Reads what the options say, and the views. `given` has the names of the other options that are given.
    ///
    /// # Errors
    /// `Usage` for options that do not stand together, for views with faults, and for two of one name; `NotFound`, `Io`
    /// where a view cannot be read.
    pub fn read(args: &FormArgs, given: &[&str]) -> Result<ExportForm> {
        let format = args.format.as_deref().and_then(ViewFormat::named);
        if let Some(format) = format {
            format.check_built()?;
        }
        let is_parquet = format == Some(ViewFormat::Parquet);
        if is_parquet && args.gzip {
            return Err(refused("gzip", "--format parquet: Parquet files are compressed already"));
        }
        if args.view.is_empty() {
            return match format {
                None | Some(ViewFormat::Ndjson) => Ok(ExportForm::Lines),
                Some(ViewFormat::Parquet) if given.contains(&"organize-by") => {
                    Err(refused("organize-by", "--format parquet: each file holds one type"))
                }
                Some(ViewFormat::Parquet) => Ok(ExportForm::Parquet),
                Some(other) => {
                    let what = format!(
                        "--format {} needs --view; resources are written as ndjson or parquet",
                        other.name()
                    );
                    Err(Error::new(Kind::Usage, what))
                }
            };
        }
        if let Some((name, why)) = NOT_OF_ROWS.iter().find(|(name, _)| given.contains(name)) {
            return Err(refused(name, &format!("--view: {why}")));
        }
        let mut views = NamedViews::default();
        for path in &args.view {
            let view = read_view(path)?;
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            views.add(&stem, view).map_err(|error| error.at(path.display()))?;
        }
        let csv = ViewFormat::Csv { header: true };
        Ok(ExportForm::Rows(views, format.unwrap_or(csv)))
    }

    /// Writes the files and the manifest; says how much it is.
    ///
    /// # Errors
    /// Those of [`Folder::write`], [`Folder::write_parquet`] and [`Folder::write_views`].
    pub fn write(
        &self,
        folder: &Folder,
        plan: &Plan,
        edition: Edition,
        request: &str,
    ) -> Result<String> {
        let (mut display, mut done) = (CountDisplay::new("resources"), 0);
        let mut show = |read, all| {
            done += read;
            display.show(done, all);
            Ok(())
        };
        let said = match self {
            ExportForm::Lines => {
                let written = folder.write(plan, edition, request)?;
                let (resources, bytes) = (written.resources, written.bytes);
                format!("{resources} resources in {} files, {bytes} bytes of NDJSON", written.files)
            }
            ExportForm::Parquet => {
                let all = plan.files.iter().map(|file| file.count).sum();
                let written =
                    folder.write_parquet(plan, edition, request, &mut |read| show(read, all))?;
                let (resources, bytes) = (written.resources, written.bytes);
                format!(
                    "{resources} resources in {} files, {bytes} bytes of Parquet",
                    written.files
                )
            }
            ExportForm::Rows(views, format) => {
                let all = views.resources(plan);
                let watch = &mut |read| show(read, all);
                let written = folder.write_views(plan, views, *format, request, watch)?;
                format!("{} rows in {} files, {} bytes", written.rows, written.files, written.bytes)
            }
        };
        display.finish();
        Ok(said)
    }
}

/// The error of an option that has no meaning beside another one.
fn refused(name: &str, beside: &str) -> Error {
    Error::new(Kind::Usage, format!("--{name} has no meaning with {beside}"))
}
