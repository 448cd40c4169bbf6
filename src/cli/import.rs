//! `fhirlite import`

use std::path::{Path, PathBuf};

use fhirlite::Import;
use fhirlite::Inputs;
use fhirlite::Store;
use fhirlite::{EXIT_OK, EXIT_REJECTED, Error, Kind, Result};

use same_file::is_same_file;

use super::progress::{Shown, summary};

/// Import FHIR JSON into a store, which is made if it is not there
///
/// Takes single resources, Bundles of every type and NDJSON, each also gzipped or in a zip. Every
/// input file is one transaction. Importing the same again changes nothing. Items that cannot be
/// taken are reported as `file:line: reason` and leave the others alone.
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// A file, a folder (with all that is in it), a .gz, a .zip, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Give what is imported to this user (app_user_id); what belongs to somebody else is rejected
    #[arg(long, value_name = "APP_USER_ID")]
    user: Option<String>,
    /// The client whose user that is, where several have one of that name
    #[arg(long, value_name = "CLIENT_ID", requires = "user")]
    client: Option<String>,
    /// All or nothing: if one item is rejected the store stays as it was
    #[arg(long)]
    strict: bool,
    /// Set meta.lastUpdated and meta.versionId always, also where they are there
    #[arg(long)]
    stamp: bool,
    /// Write every reject to this file, as file:line: reason; what was in it is replaced
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Neither progress nor warnings nor a summary; rejects are still told
    #[arg(long, short)]
    quiet: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    let inputs = Inputs::find(&args.paths)?;
    let (store, user) = match &args.user {
        None => (Store::create(&args.store)?, None),
        Some(name) => {
            let store = Store::open(&args.store)?;
            let user = store.user(name, args.client.as_deref())?;
            (store, Some(user))
        }
    };
    if let Some(rejects) = &args.rejects {
        let read = inputs.inputs.iter().filter_map(|input| input.path());
        spare(rejects, read.chain([args.store.as_path()]))?;
    }
    let mut shown = Shown::new(args.quiet, args.rejects.as_deref())?;
    let import = Import::new().strict(args.strict).stamp(args.stamp);
    let import = match &user {
        Some(user) => import.user(user),
        None => import,
    };
    let done = import.run(&store, &inputs, &mut shown);
    shown.finish()?;
    let report = done?;
    if args.json {
        super::print_json(&report)?;
    } else if !args.quiet {
        super::print(summary(&report))?;
        if args.strict && report.rejected > 0 {
            super::print("nothing was imported, because of --strict")?;
        }
    }
    Ok(if report.rejected > 0 { EXIT_REJECTED } else { EXIT_OK })
}

/// The file for rejects is made anew, so it must not be one that is read or kept.
fn spare<'a>(rejects: &Path, mut others: impl Iterator<Item = &'a Path>) -> Result<()> {
    match others.find(|other| is_same_file(rejects, other).unwrap_or(false)) {
        None => Ok(()),
        Some(other) => {
            let what = format!("--rejects {}: that file is needed; name another", other.display());
            Err(Error::new(Kind::Usage, what))
        }
    }
}
