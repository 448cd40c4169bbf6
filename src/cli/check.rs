//! `fhirlite check`: looks for damage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fhirlite::{EXIT_OK, EXIT_REJECTED, Error, Kind, Result, Store};

use super::output::{print, tell};
use super::upgrade::announced;

/// The number of findings of one sort that are told one by one.
const MOST_ALIKE: u64 = 100;

/// Look for damage and contradictions in a store, such as those that a careless change by hand leaves
#[derive(clap::Args)]
pub struct CheckArgs {
    /// The store's file
    store: PathBuf,
    /// First, where the store's times lie ahead of this machine's clock, let them count as now
    #[arg(long)]
    mend_clock: bool,
}

/// Mends the clock of a store, where it is ahead.
fn mend_clock(path: &Path) -> Result<()> {
    let store = Store::open(announced(path))?;
    print(match store.mend_clock()? {
        None => format!("{}: its times are not ahead of this machine's clock", path.display()),
        Some(lead) => format!(
            "{}: what was written or handed out up to {} counts as {} now",
            path.display(),
            lead.store,
            lead.machine
        ),
    })
}

pub fn run(args: &CheckArgs) -> Result<u8> {
    if args.mend_clock {
        mend_clock(&args.store)?;
    }
    let store = Store::open_read_only(&args.store)?;
    let (mut found, mut of_each) = (0u64, BTreeMap::new());
    store.check(&mut |finding| {
        found += 1;
        let alike = of_each.entry(finding.what.clone()).or_insert(0u64);
        *alike += 1;
        if *alike <= MOST_ALIKE {
            tell(format_args!("{}: {}", finding.place, finding.what));
        }
    })?;
    for (what, alike) in of_each.iter().filter(|(_, alike)| **alike > MOST_ALIKE) {
        tell(format_args!("and {} more: {what}", alike - MOST_ALIKE));
    }
    if found > 0 {
        return Err(Error::new(
            Kind::Damaged,
            format!("{}: {found} findings", args.store.display()),
        ));
    }
    let info = store.info()?;
    let doubt = store.doubt();
    print(format!(
        "{}: {}, {} resources and {} replaced or deleted versions",
        args.store.display(),
        if doubt.is_some() { "no damage" } else { "ok" },
        info.resources,
        info.history
    ))?;
    let Some(doubt) = doubt else { return Ok(EXIT_OK) };
    tell(doubt);
    Ok(EXIT_REJECTED)
}
