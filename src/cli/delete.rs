//! `fhirlite delete`

use std::path::PathBuf;

use fhirlite::Store;
use fhirlite::{EXIT_OK, EXIT_REJECTED, Result};

/// Delete resources; exports that were handed out before still have them
#[derive(clap::Args)]
pub struct Args {
    /// The store's file
    store: PathBuf,
    /// Which, each as Type/id
    #[arg(required = true, value_name = "Type/id")]
    resources: Vec<String>,
}

pub fn run(args: &Args) -> Result<u8> {
    let resources =
        args.resources.iter().map(|text| super::resource(text)).collect::<Result<Vec<_>>>()?;
    let there = Store::open(&args.store)?.delete(&resources)?;
    let missing: Vec<_> = resources
        .iter()
        .zip(there)
        .filter(|(_, there)| !there)
        .map(|((resource_type, id), _)| format!("{resource_type}/{id}"))
        .collect();
    super::print(format!("deleted {}", resources.len() - missing.len()))?;
    for resource in &missing {
        eprintln!("{resource}: not in {}", args.store.display());
    }
    Ok(if missing.is_empty() { EXIT_OK } else { EXIT_REJECTED })
}
