//! `fhirlite audit`: who exported what, and who got in.

use std::path::PathBuf;

use fhirlite::clients::{AccessRecord, ExportRecord};
use fhirlite::{EXIT_OK, Result, Store};

use super::output::{opened, print, print_json};

/// Show who exported what and when, and how much of it was fetched
///
/// A server that requires authorization writes the audit. The store's table `audit` has more: each
/// fetched file, each read and each search. With --access: who was refused, what was issued to whom, and what was
/// changed about clients, users and keys.
#[derive(clap::Args)]
pub struct AuditArgs {
    /// The store's file
    store: PathBuf,
    /// Show who tried to get in and was refused, which tokens and codes were issued, and which clients,
    /// users and keys were changed
    #[arg(long)]
    access: bool,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

pub fn run(args: &AuditArgs) -> Result<u8> {
    let store = opened(Store::open_read_only(&args.store)?);
    if args.access {
        return show_access(store.access_records()?, args.json);
    }
    let exports = store.export_records()?;
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
        print(format!(
            "{at:<24}  {:<24}  {:<16}  {:>8}  {files:>5}  {bytes:>12}  {request}",
            name(client),
            name(user),
            snapshot.unwrap_or_default()
        ))?;
    }
    Ok(EXIT_OK)
}

/// Prints who tried to get in, and what was changed about that.
fn show_access(records: Vec<AccessRecord>, json: bool) -> Result<u8> {
    if !json {
        print(format!(
            "{:<24}  {:<8}  {:<24}  {:<16}  {}",
            "at", "event", "client", "user", "what"
        ))?;
    }
    for record in records {
        if json {
            print_json(&record)?;
            continue;
        }
        let AccessRecord { at, event, client, user, what, .. } = record;
        let (client, user) = (name(client), name(user));
        print(format!("{at:<24}  {event:<8}  {client:<24}  {user:<16}  {what}"))?;
    }
    Ok(EXIT_OK)
}

/// A name, or a dash where there is none.
fn name(name: Option<String>) -> String {
    name.unwrap_or_else(|| "-".to_owned())
}
