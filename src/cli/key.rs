//! `fhirlite key`

use std::path::PathBuf;

use fhirlite::{EXIT_OK, Result, Store};

/// Change the key that signs file URLs
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a new one: signed file URLs that were handed out end
    Rotate {
        /// The store's file
        store: PathBuf,
    },
}

pub fn run(args: &Args) -> Result<u8> {
    let Command::Rotate { store } = &args.command;
    Store::open(store)?.rotate_signing_key()?;
    super::print("file URLs that were signed until now have ended")?;
    Ok(EXIT_OK)
}
