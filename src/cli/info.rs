//! `fhirlite info`: what a store holds.

use std::path::PathBuf;

use fhirlite::{EXIT_OK, Info, Pruned, Result, Store};

use super::index::described;
use super::output::{opened, print_json, print_lines};
use super::view_table;

/// Show what a store holds: counts, sizes and times by type
#[derive(clap::Args)]
pub struct InfoArgs {
    /// The store's file
    store: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &InfoArgs) -> Result<u8> {
    let store = opened(Store::open_read_only(&args.store)?);
    let info = store.info()?;
    if args.json {
        print_json(&info)?;
    } else {
        print_lines(&readable(&info))?;
    }
    Ok(EXIT_OK)
}

fn readable(info: &Info) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<28} {:>10} {:>14}  {:<24}  {:<24}",
        "type", "resources", "bytes", "oldest", "newest"
    )];
    for (resource_type, of) in &info.types {
        lines.push(format!(
            "{:<28} {:>10} {:>14}  {:<24}  {:<24}",
            resource_type, of.resources, of.bytes, of.oldest, of.newest
        ));
    }
    lines.push(format!("{:<28} {:>10} {:>14}", "in all", info.resources, info.bytes));
    lines.push(format!("replaced or deleted versions {:>10}", info.history));
    lines.push(format!("unresolved references        {:>10}", info.unresolved));
    lines.push(format!("last write                   {:>10}", info.last_seq));
    lines.push(format!("bytes of the file            {:>10}", info.file_size));
    let Pruned { versions, bytes, exports } = info.prunable;
    lines.push(format!(
        "`fhirlite prune` removes     {versions:>10} versions older than 7d ({bytes} bytes) and {exports} exports"
    ));
    lines.push(format!("`fhirlite compact` frees     {:>10} bytes at least", info.free_bytes));
    let handed_out = info.last_transaction_time.as_deref().unwrap_or("none");
    lines.push(format!("last transactionTime handed out: {handed_out}"));
    if let Some(seconds) = info.clock_lead_seconds {
        lines.push(format!(
            "the store's times lie {seconds} s ahead of this machine's clock; `fhirlite check` says more"
        ));
    }
    let version = info.fhir_version.map_or("not known yet, counts as R4", |version| version.name());
    lines.push(format!("FHIR version: {version}"));
    lines.extend(info.indexes.iter().map(|index| format!("index {}", described(index))));
    lines.extend(info.views.iter().map(|view| format!("view {}", view_table::described(view))));
    lines.push(format!("file format {}", info.format));
    lines
}
