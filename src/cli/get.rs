//! `fhirlite get`: prints a resource.

use std::path::PathBuf;

use fhirlite::{EXIT_OK, Error, Kind, Result, Store};

use super::output::{opened, print_data};
use super::value::parse_resource;

/// Print a resource as the store keeps it
#[derive(clap::Args)]
pub struct GetArgs {
    /// The store's file
    store: PathBuf,
    /// The resource, as Type/id
    #[arg(value_name = "Type/id")]
    resource: String,
}

pub fn run(args: &GetArgs) -> Result<u8> {
    let (resource_type, id) = parse_resource(&args.resource)?;
    match opened(Store::open_read_only(&args.store)?).get(&resource_type, &id)? {
        Some(body) => print_data(&body).map(|()| EXIT_OK),
        None => Err(Error::new(
            Kind::NotFound,
            format!("{resource_type}/{id} is not in {}", args.store.display()),
        )),
    }
}
