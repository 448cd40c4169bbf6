//! `fhirlite check`: looks for damage.

use std::path::PathBuf;

use fhirlite::{EXIT_OK, Error, Kind, Result, Store};

use super::output::print;

/// Look for damage and contradictions in a store, such as those that a careless change by hand leaves
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The store's file
    store: PathBuf,
}

pub fn run(args: &CheckArgs) -> Result<u8> {
    let store = Store::open_read_only(&args.store)?;
    let mut found = 0u64;
    store.check(&mut |finding| {
        found += 1;
        eprintln!("{}: {}", finding.place, finding.what);
    })?;
    if found > 0 {
        return Err(Error::new(
            Kind::Damaged,
            format!("{}: {found} findings", args.store.display()),
        ));
    }
    let info = store.info()?;
    print(format!(
        "{}: ok, {} resources and {} replaced or deleted versions",
        args.store.display(),
        info.resources,
        info.history
    ))?;
    Ok(EXIT_OK)
}
