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

/// Refuses a type that neither the store nor its version of FHIR knows.
///
/// # Errors
/// `NotFound`, with a hint.
pub fn check_type(store: &Store, resource_type: &str) -> Result<()> {
    match store.type_hint(resource_type)? {
        None => Ok(()),
        Some(hint) => {
            let what = format!("{} has no {resource_type}; {hint}", store.path().display());
            Err(Error::new(Kind::NotFound, what))
        }
    }
}

pub fn run(args: &ListArgs) -> Result<u8> {
    let store = Store::open_read_only(&args.store)?;
    check_type(&store, &args.resource_type)?;
    let refused = |error| Error::io("standard output", error);
    let mut out = BufWriter::new(std::io::stdout().lock());
    store.list(&args.resource_type, &mut |id| writeln!(out, "{}", shown(id)).map_err(refused))?;
    out.flush().map_err(refused)?;
    Ok(EXIT_OK)
}
