//! `fhirlite serve`
use std::path::PathBuf;
use fhirlite::error::{EXIT_OK, Result};
#[derive(clap::Args)]
pub struct Args { store: PathBuf }
pub fn run(_args: Args) -> Result<u8> { Ok(EXIT_OK) }
