//! `fhirlite import`: imports files into a store.

use std::path::{Path, PathBuf};

use fhirlite::clients::User;
use fhirlite::{
    EXIT_OK, EXIT_REJECTED, Error, FhirVersion, Import, Inputs, Kind, Report, Result, Store,
};
use same_file::is_same_file;

use super::output::{opened, print, print_json, print_lines};
use super::progress::{ImportDisplay, summary};
use super::signals::{HangUp, Signals};
use super::store_file::{ImportTarget, remove_unused, tell_nothing_found, took_nothing};
use super::upgrade::announced;

/// Import FHIR JSON into a store; makes the store if there is none
///
/// Takes single resources, Bundles of every type and NDJSON, each also compressed (gzip, xz, zstd) or in
/// a zip or tar. Importing the same file again changes nothing. A bad item is reported as
/// `file:line: reason`; the others are still imported. Ctrl-C keeps the files that were imported until then;
/// of the file being read nothing is kept.
#[derive(clap::Args)]
pub struct ImportArgs {
    /// The store's file
    store: PathBuf,
    /// A file, a folder (with its subfolders), an archive, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Make this user (app_user_id) the owner of what is imported; rejects resources of other owners
    #[arg(long, value_name = "APP_USER_ID")]
    user: Option<String>,
    /// The user's client, if several clients have a user of that name
    #[arg(long, value_name = "CLIENT_ID", requires = "user")]
    client: Option<String>,
    /// Import all or nothing: if one item is rejected, the store stays as it was
    #[arg(long)]
    strict: bool,
    /// Always set meta.lastUpdated and meta.versionId, also where a resource has them
    #[arg(long)]
    stamp: bool,
    /// The version of FHIR that the store holds: DSTU2, STU3, R4, R4B, R5, or its number. Without this
    /// the content tells it
    #[arg(long, value_name = "VERSION")]
    fhir_version: Option<FhirVersion>,
    /// Write each reject to this file, as file:line: reason; replaces the file
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Print no progress, warnings or summary; rejects are still printed
    #[arg(long, short)]
    quiet: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &ImportArgs) -> Result<u8> {
    let target = ImportTarget { command: "import", store: &args.store, paths: &args.paths };
    target.check_name()?;
    let inputs = Inputs::find(&args.paths).map_err(|error| target.hinted(error))?;
    let is_new = target.is_new();
    let signals = Signals::catch(HangUp::Ends)?;
    let (store, user) = match &args.user {
        None => {
            let store =
                Store::create(announced(&args.store)).map_err(|error| target.hinted(error))?;
            (opened(store).with_stop(signals.flag()), None)
        }
        Some(name) => {
            let store =
                Store::open(announced(&args.store)).map_err(|error| target.hinted(error))?;
            let store = opened(store).with_stop(signals.flag());
            let user = store.user(name, args.client.as_deref())?;
            (store, Some(user))
        }
    };
    let done = import(args, &store, user.as_ref(), &inputs, &signals);
    match &done {
        Ok(report) if !took_nothing(report) => store.in_place()?,
        _ if is_new => remove_unused(store),
        _ => {}
    }
    let report = done?;
    if args.json {
        print_json(&report)?;
    } else if !args.quiet {
        print_lines(&summary(&report))?;
        if args.strict && report.rejected > 0 {
            print("nothing was imported, because of --strict")?;
        }
    }
    if report.found_nothing {
        tell_nothing_found();
    }
    Ok(if report.rejected > 0 || report.found_nothing { EXIT_REJECTED } else { EXIT_OK })
}

/// Imports, and shows the progress.
fn import(
    args: &ImportArgs,
    store: &Store,
    user: Option<&User>,
    inputs: &Inputs,
    signals: &Signals,
) -> Result<Report> {
    if let Some(rejects) = &args.rejects {
        let read = inputs.inputs.iter().filter_map(|input| input.path());
        check_rejects_file(rejects, read.chain([args.store.as_path()]))?;
    }
    let mut display = ImportDisplay::new(args.quiet, args.rejects.as_deref(), signals.flag())?;
    let import =
        Import::new().strict(args.strict).stamp(args.stamp).fhir_version(args.fhir_version);
    let import = match user {
        Some(user) => import.user(user),
        None => import,
    };
    let done = import.run(store, inputs, &mut display);
    display.finish()?;
    done
}

/// Checks that the file for rejects, which is replaced, is neither the store nor an input.
fn check_rejects_file<'a>(
    rejects: &Path,
    mut others: impl Iterator<Item = &'a Path>,
) -> Result<()> {
    match others.find(|other| is_same_file(rejects, other).unwrap_or(false)) {
        None => Ok(()),
        Some(other) => {
            let what = format!("--rejects {}: that file is needed; name another", other.display());
            Err(Error::new(Kind::Usage, what))
        }
    }
}
