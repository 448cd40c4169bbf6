//! `fhirlite audit`

use std::path::PathBuf;

use fhirlite::clients::Exported;
use fhirlite::{EXIT_OK, Result, Store};

/// Show who exported what and when, and how much of it was fetched
///
/// Written by a server that requires authorization. The table `audit` has more: each file that was
/// fetched, each read and search.
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// Print each export as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    let exports = Store::open_read_only(&args.store)?.exported()?;
    if !args.json {
        super::print(format!(
            "{:<24}  {:<24}  {:<16}  {:>8}  {:>5}  {:>12}  {}",
            "at", "client", "user", "snapshot", "files", "bytes", "request"
        ))?;
    }
    for export in exports {
        if args.json {
            super::print_json(&export)?;
            continue;
        }
        let Exported { at, client, user, request, snapshot, files, bytes } = export;
        let name = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
        super::print(format!(
            "{at:<24}  {:<24}  {:<16}  {:>8}  {files:>5}  {bytes:>12}  {request}",
            name(client),
            name(user),
            snapshot.unwrap_or_default()
        ))?;
    }
    Ok(EXIT_OK)
}
