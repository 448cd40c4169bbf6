//! `fhirlite export`

use std::num::NonZeroU64;
use std::path::PathBuf;

use fhirlite::Store;
use fhirlite::{EXIT_OK, Result};
use fhirlite::{Folder, Plan, Request, instant};

/// Export a store as NDJSON files and a manifest.json, into a new or empty folder
///
/// One file for each type, in the order in which the resources came in.
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// The folder to write; made if it is not there
    dir: PathBuf,
    /// Only these types
    #[arg(long = "type", value_name = "TYPE,...")]
    types: Vec<String>,
    /// Only resources with meta.lastUpdated after this: 2021-01-01 or 2021-01-01T12:30:00Z
    #[arg(long, value_name = "INSTANT")]
    since: Option<String>,
    /// Only resources with meta.lastUpdated before this
    #[arg(long, value_name = "INSTANT")]
    until: Option<String>,
    /// Begin a new file (Patient.002.ndjson) after so many resources
    #[arg(long, value_name = "N")]
    resources_per_file: Option<NonZeroU64>,
    /// Write Patient.ndjson.gz and so on
    #[arg(long)]
    gzip: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    let mut request = Request {
        since: args.since.as_deref().map(|text| instant("--since", text)).transpose()?,
        until: args.until.as_deref().map(|text| instant("--until", text)).transpose()?,
        resources_per_file: args.resources_per_file,
        ..Request::default()
    };
    args.types.iter().for_each(|list| request.add_types(list));
    let store = Store::open(&args.store)?;
    let folder = Folder::new(&args.dir, args.gzip)?;
    let plan = Plan::new(store.snapshot()?, &request)?;
    let args_given = std::env::args_os().skip(1);
    let asked: Vec<_> = args_given.map(|arg| arg.to_string_lossy().into_owned()).collect();
    let written = folder.write(&plan, &format!("fhirlite {}", asked.join(" ")))?;
    super::print(format!(
        "{} resources in {} files, {} bytes of NDJSON, as of {}",
        written.resources,
        written.files,
        written.bytes,
        plan.snapshot.time()
    ))?;
    Ok(EXIT_OK)
}
