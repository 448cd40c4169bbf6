//! `fhirlite key`: the key that signs file URLs.

use std::path::PathBuf;

use fhirlite::{EXIT_OK, Result, Store};

use super::output::{opened, print};
use super::upgrade::announced;

/// Change the key that signs file URLs
#[derive(clap::Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(clap::Subcommand)]
enum KeyCommand {
    /// Make a new key; file URLs with signatures of the old key end
    Rotate {
        /// The store's file
        store: PathBuf,
    },
}

pub fn run(args: &KeyArgs) -> Result<u8> {
    let KeyCommand::Rotate { store } = &args.command;
    opened(Store::open(announced(store))?).rotate_signing_key()?;
    print("file URLs that were signed until now have ended")?;
    Ok(EXIT_OK)
}
