//! `fhirlite get`

use std::path::PathBuf;

use fhirlite::Store;
use fhirlite::{EXIT_OK, Error, Kind, Result};

/// Print one resource as it is kept
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// Which, as Type/id
    #[arg(value_name = "Type/id")]
    resource: String,
}

pub fn run(args: &Args) -> Result<u8> {
    let (resource_type, id) = super::resource(&args.resource)?;
    match Store::open_read_only(&args.store)?.get(&resource_type, &id)? {
        Some(body) => super::print(body).map(|()| EXIT_OK),
        None => Err(Error::new(
            Kind::NotFound,
            format!("{resource_type}/{id} is not in {}", args.store.display()),
        )),
    }
}
