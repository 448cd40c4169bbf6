//! `fhirlite search`: the resources that a search finds.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use fhirlite::{EXIT_OK, Error, Result, Store, search};

use super::list::check_type;
use super::output::tell;

/// Print the resources that a search finds, one on each line
#[derive(clap::Args)]
pub struct SearchArgs {
    /// The store's file
    store: PathBuf,
    /// The search, as a URL has it: 'Observation?code=8867-4&patient=a&_sort=-date&_count=10'
    #[arg(value_name = "Type?QUERY")]
    query: String,
}

pub fn run(args: &SearchArgs) -> Result<u8> {
    let store = Store::open_read_only(&args.store)?;
    check_type(&store, args.query.split('?').next().unwrap_or_default())?;
    let refused = |error| Error::io("standard output", error);
    let mut out = BufWriter::new(std::io::stdout().lock());
    let faults = search(&store, &args.query, &mut |body| writeln!(out, "{body}").map_err(refused))?;
    out.flush().map_err(refused)?;
    for fault in faults {
        tell(format_args!("warning: this search is not complete: {fault}"));
    }
    Ok(EXIT_OK)
}
