//! `fhirlite prune`: removes what no export needs any more.

use std::path::PathBuf;
use std::time::Duration;

use fhirlite::{EXIT_OK, Pruned, Result, Store};

use super::output::{print, print_json, tell};
use super::upgrade::announced;
use super::value::duration;

/// Remove replaced and deleted versions that no export needs any more, and exports whose time is over
///
/// A server does the same by itself. What a running or finished export sees stays until its time is over.
/// Signed file URLs that were handed out earlier than TIME ago may end: give no less than the server's
/// --job-ttl. Two things always stay: that a resource was deleted, and what a deleted Provenance was about.
#[derive(clap::Args)]
pub struct PruneArgs {
    /// The store's file
    store: PathBuf,
    /// How long ago a version was replaced or deleted, at least: 90s, 15m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = duration)]
    older_than: Duration,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &PruneArgs) -> Result<u8> {
    let store = Store::open(announced(&args.store))?;
    let pruned = store.prune_older_than(args.older_than)?;
    if args.json {
        print_json(&pruned)?;
        return Ok(EXIT_OK);
    }
    let Pruned { versions, bytes, exports } = pruned;
    print(format!("removed {versions} versions ({bytes} bytes) and {exports} exports"))?;
    if versions > 0 {
        tell(format_args!(
            "the file keeps its size and takes new data into the free {} bytes; `fhirlite compact {}` gives them back",
            store.info()?.free_bytes,
            args.store.display()
        ));
    }
    Ok(EXIT_OK)
}
