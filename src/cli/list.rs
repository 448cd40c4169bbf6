//! `fhirlite list`: the ids of a type.

use std::io::{BufWriter, Write};
use std::path::PathBuf;

use fhirlite::{EXIT_OK, Error, Kind, Result, Store, shown};

/// List the ids of a type's resources, one on each line, in order
#[derive(clap::Args)]
pub struct ListArgs {
    /// The store's file
    store: PathBuf,
    /// The type, such as Patient
    #[arg(value_name = "Type")]
    resource_type: String,
}

pub fn run(args: &ListArgs) -> Result<u8> {
    let store = Store::open_read_only(&args.store)?;
    if let Some(hint) = store.type_hint(&args.resource_type)? {
        let what = format!("{} has no {}; {hint}", args.store.display(), args.resource_type);
        return Err(Error::new(Kind::NotFound, what));
    }
    let refused = |error| Error::io("standard output", error);
    let mut out = BufWriter::new(std::io::stdout().lock());
    store.list(&args.resource_type, &mut |id| writeln!(out, "{}", shown(id)).map_err(refused))?;
    out.flush().map_err(refused)?;
    Ok(EXIT_OK)
}
