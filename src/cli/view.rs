//! `fhirlite view`: SQL on FHIR views, and the rows that they make.

use std::io::{BufWriter, stdout};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Subcommand;
use fhirlite::views::{ViewDefinition, ViewError, ViewFormat, ViewRun, ViewWriter};
use fhirlite::{
    EXIT_OK, EXIT_REJECTED, Error, ExportRequest, Kind, Level, Plan, Result, Store, id_of,
};

use super::count_display::CountDisplay;
use super::output::{opened, print, tell};
use super::signals::{HangUp, Signals};
use super::text_file::text_of;
use super::view_table;

/// Flat rows of resources, as ViewDefinitions of SQL on FHIR say
#[derive(clap::Args)]
pub struct ViewArgs {
    #[command(subcommand)]
    command: ViewCommand,
}

#[derive(Subcommand)]
enum ViewCommand {
    Check(CheckViewArgs),
    Run(RunViewArgs),
    Add(view_table::AddViewArgs),
    List(view_table::ListViewArgs),
    Remove(view_table::RemoveViewArgs),
    Refresh(view_table::RefreshViewArgs),
}

/// Say what is wrong with views, without a store
///
/// Each fault names its place in the view, and exits with 1. Elements that R4 does not have are told as
/// warnings: resources of another version of FHIR may have them.
#[derive(clap::Args)]
struct CheckViewArgs {
    /// Files with a ViewDefinition each
    #[arg(required = true)]
    views: Vec<PathBuf>,
}

/// Print the rows of a view
#[derive(clap::Args)]
struct RunViewArgs {
    /// The store's file
    store: PathBuf,
    /// A file with a ViewDefinition
    view: PathBuf,
    /// The form of the rows: csv, ndjson, json or parquet
    #[arg(long, value_name = "FORMAT", default_value = "csv", value_parser = ViewFormat::names(), hide_possible_values = true)]
    format: String,
    /// Leave out the first line of CSV, which has the names of the columns
    #[arg(long)]
    no_header: bool,
    /// Print at most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    of: ResourceArgs,
}

/// Which resources a view makes rows of; without an option all of its type.
#[derive(clap::Args)]
struct ResourceArgs {
    /// Only resources with meta.lastUpdated after this: 2021-01-01 or 2021-01-01T00:00:00Z
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
    /// Only resources with meta.lastUpdated before this
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
    /// Only what an export of this Group has
    #[arg(long, value_name = "ID")]
    group: Option<String>,
    /// Only what an export of these patients has; with --group they must be members
    #[arg(long, value_name = "ID,...")]
    patient: Option<String>,
    /// Only what a search finds, such as 'Observation?code=8867-4'; several of these together find more
    #[arg(long, value_name = "SEARCH")]
    type_filter: Vec<String>,
}

impl ResourceArgs {
    /// The request of an export that has these resources of the view's type.
    fn request(&self, store: &Store, view: &ViewDefinition) -> Result<ExportRequest> {
        let level = match &self.group {
            Some(id) => Level::Group(id_of("Group", id)?),
            None => Level::System,
        };
        let ResourceArgs { since, until, patient, type_filter, .. } = self;
        let named = [("since", since), ("until", until), ("patient", patient)];
        let given = named.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let filters = type_filter.iter().map(|filter| ("type-filter", filter.as_str()));
        let of_type = std::iter::once(("type", view.resource()));
        ExportRequest::from_options(store, level, of_type.chain(given).chain(filters))
    }
}

pub fn run(args: &ViewArgs) -> Result<u8> {
    match &args.command {
        ViewCommand::Check(args) => check(args),
        ViewCommand::Run(args) => run_view(args),
        ViewCommand::Add(args) => view_table::add(args),
        ViewCommand::List(args) => view_table::list(args),
        ViewCommand::Remove(args) => view_table::remove(args),
        ViewCommand::Refresh(args) => view_table::refresh(args),
    }
}

fn check(args: &CheckViewArgs) -> Result<u8> {
    let (mut exit, mut unread) = (EXIT_OK, None);
    for path in &args.views {
        let text = match text_of(path) {
            Ok(text) => text,
            Err(error) => {
                // The others are checked all the same.
                if let Some(before) = unread.replace(error) {
                    tell(format_args!("fhirlite: {before}"));
                }
                continue;
            }
        };
        match ViewDefinition::from_json(&text) {
            Ok(view) => {
                for hint in view.hints() {
                    tell(format_args!("{}: warning: {hint}", path.display()));
                }
                let (columns, resource) = (view.columns().len(), view.resource());
                print(format!("{}: {columns} columns of {resource}", path.display()))?;
            }
            Err(faults) => {
                exit = EXIT_REJECTED;
                for fault in faults {
                    tell(format_args!("{}: {fault}", path.display()));
                }
            }
        }
    }
    unread.map_or(Ok(exit), Err)
}

fn run_view(args: &RunViewArgs) -> Result<u8> {
    let view = read_view(&args.view)?;
    let format = match ViewFormat::named(&args.format) {
        Some(ViewFormat::Csv { .. }) => ViewFormat::Csv { header: !args.no_header },
        Some(format) => format,
        None => return Err(Error::new(Kind::Usage, format!("--format: no form {}", args.format))),
    };
    let ended = Signals::catch(HangUp::Ends)?.flag();
    let store = opened(Store::open_read_only(&args.store)?).with_stop(ended.clone());
    let mut request = args.of.request(&store, &view)?;
    let snapshot = store.snapshot()?;
    request.check(&snapshot, false)?;
    let plan = Plan::new(snapshot, &request)?;
    let run = ViewRun::new(&view).with_most_rows(args.limit);
    let all = run.resources(&plan);
    let (mut display, mut done) = (CountDisplay::new("resources"), 0);
    let out = BufWriter::new(stdout());
    let mut writer = ViewWriter::new(format, view.columns(), out)?;
    run.write(&plan, &mut writer, &mut |read| {
        done += read;
        display.show(done, all);
        match ended.load(Ordering::SeqCst) {
            true => Err(Error::new(Kind::Interrupted, "stopped; the rows are not whole")),
            false => Ok(()),
        }
    })?;
    display.finish();
    writer.finish()?;
    Ok(EXIT_OK)
}

/// Reads a view from a file.
///
/// # Errors
/// `Usage` where the view has faults: the message tells each with its place. `NotFound`, `Io` where there is no such file.
pub fn read_view(path: &Path) -> Result<ViewDefinition> {
    ViewDefinition::from_json(&text_of(path)?).map_err(|faults| {
        let told: Vec<String> = faults.iter().map(ViewError::to_string).collect();
        Error::new(Kind::Usage, format!("{}: {}", path.display(), told.join("; ")))
    })
}
