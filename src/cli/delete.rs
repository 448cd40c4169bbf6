//! `fhirlite delete`

use std::path::PathBuf;

use fhirlite::error::{EXIT_OK, EXIT_REJECTED, Result};
use fhirlite::store::Store;

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
    let resources = args
        .resources
        .iter()
        .map(|text| super::resource(text))
        .collect::<Result<Vec<_>>>()?;
    let store = Store::open(&args.store)?;
    let mut writer = store.writer()?;
    writer.begin(Some(0))?;
    let mut missing = Vec::new();
    for (resource_type, id) in &resources {
        if !writer.delete(resource_type, id)? {
            missing.push(format!("{resource_type}/{id}"));
        }
    }
    writer.commit()?;
    super::print(format!("deleted {}", resources.len() - missing.len()))?;
    for resource in &missing {
        eprintln!("{resource}: not in {}", args.store.display());
    }
    Ok(if missing.is_empty() {
        EXIT_OK
    } else {
        EXIT_REJECTED
    })
}
