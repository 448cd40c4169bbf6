//! `fhirlite delete`: deletes resources.

use std::path::PathBuf;

use fhirlite::{EXIT_OK, EXIT_REJECTED, Result, Store};

use super::output::{opened, print, tell};
use super::upgrade::announced;
use super::value::parse_resource;

/// Delete resources; exports that began before still have them
#[derive(clap::Args)]
pub struct DeleteArgs {
    /// The store's file
    store: PathBuf,
    /// The resources, each as Type/id
    #[arg(required = true, value_name = "Type/id")]
    resources: Vec<String>,
}

pub fn run(args: &DeleteArgs) -> Result<u8> {
    let resources =
        args.resources.iter().map(|text| parse_resource(text)).collect::<Result<Vec<_>>>()?;
    let deleted = opened(Store::open(announced(&args.store))?).delete(&resources)?;
    let missing: Vec<_> = resources
        .iter()
        .zip(deleted)
        .filter(|(_, deleted)| !deleted)
        .map(|((resource_type, id), _)| format!("{resource_type}/{id}"))
        .collect();
    print(format!("deleted {}", resources.len() - missing.len()))?;
    for resource in &missing {
        tell(format_args!("{resource}: not in {}", args.store.display()));
    }
    Ok(if missing.is_empty() { EXIT_OK } else { EXIT_REJECTED })
}
