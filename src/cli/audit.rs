//! `fhirlite audit`: who exported what.

use std::path::PathBuf;

use fhirlite::clients::ExportRecord;
use fhirlite::{EXIT_OK, Result, Store};

use super::output::{opened, print, print_json};

/// Show who exported what and when, and how much of it was fetched
///
/// A server that requires authorization writes the audit. The store's table `audit` has more: each
/// fetched file, each read and each search.
#[derive(clap::Args)]
pub struct AuditArgs {
    /// The store's file
    store: PathBuf,
    /// Print one JSON object per export
    #[arg(long)]
    json: bool,
}

pub fn run(args: &AuditArgs) -> Result<u8> {
    let exports = opened(Store::open_read_only(&args.store)?).export_records()?;
    if !args.json {
        print(format!(
            "{:<24}  {:<24}  {:<16}  {:>8}  {:>5}  {:>12}  {}",
            "at", "client", "user", "snapshot", "files", "bytes", "request"
        ))?;
    }
    for export in exports {
        if args.json {
            print_json(&export)?;
            continue;
        }
        let ExportRecord { at, client, user, request, snapshot, files, bytes, .. } = export;
        let name = |name: Option<String>| name.unwrap_or_else(|| "-".to_owned());
        print(format!(
            "{at:<24}  {:<24}  {:<16}  {:>8}  {files:>5}  {bytes:>12}  {request}",
            name(client),
            name(user),
            snapshot.unwrap_or_default()
        ))?;
    }
    Ok(EXIT_OK)
}
