//! `fhirlite index`: search parameters that are kept indexed.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use fhirlite::{EXIT_OK, EXIT_REJECTED, IndexState, IndexedParameter, Result, Store};

use super::count_display::CountDisplay;
use super::list::check_type;
use super::output::{opened, print, print_json, tell};
use super::signals::{HangUp, Signals};
use super::upgrade::announced;

/// Keep search parameters indexed, so that searches need not read every resource of a type
///
/// Searches give the same with and without an index. Without a Type, those are listed that are indexed. Others may
/// read and write the store meanwhile. A command that was stopped is given again, and does the rest.
#[derive(clap::Args)]
pub struct IndexArgs {
    /// The store's file
    store: PathBuf,
    /// The type, such as Observation
    #[arg(value_name = "Type", requires = "parameters")]
    resource_type: Option<String>,
    /// Its search parameters, such as code
    #[arg(value_name = "parameter")]
    parameters: Vec<String>,
    /// Remove the indexes of these parameters
    #[arg(long, requires = "resource_type")]
    remove: bool,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &IndexArgs) -> Result<u8> {
    let Some(resource_type) = &args.resource_type else {
        let store = opened(Store::open_read_only(&args.store)?);
        return print_indexes(&store.indexes()?, args.json);
    };
    let ended = Signals::catch(HangUp::Ends)?.flag();
    let store = opened(Store::open(announced(&args.store))?).with_stop(ended.clone());
    if args.remove {
        return remove(&store, resource_type, &args.parameters);
    }
    check_type(&store, resource_type)?;
    let mut display = CountDisplay::new("versions");
    store.index(resource_type, &args.parameters, &mut |progress| {
        display.show(progress.done, progress.all);
        !ended.load(Ordering::SeqCst)
    })?;
    display.finish();
    let mut indexes = store.indexes()?;
    indexes.retain(|index| {
        index.resource_type == *resource_type && args.parameters.contains(&index.code)
    });
    print_indexes(&indexes, args.json)
}

fn remove(store: &Store, resource_type: &str, codes: &[String]) -> Result<u8> {
    let mut exit = EXIT_OK;
    for code in codes {
        if store.remove_index(resource_type, code)? {
            print(format!("{resource_type} {code}: removed"))?;
        } else {
            tell(format_args!("{resource_type} {code} is not indexed"));
            exit = EXIT_REJECTED;
        }
    }
    Ok(exit)
}

/// Says how far an index is.
pub fn described(index: &IndexedParameter) -> String {
    let IndexedParameter { resource_type, code, state } = index;
    let state = match state {
        IndexState::Ready => "searches use it",
        IndexState::Unfinished => "unfinished; the same `fhirlite index` does the rest",
        IndexState::Outdated => "of another fhirlite; the same `fhirlite index` makes it anew",
        IndexState::Removed => "being removed",
    };
    format!("{resource_type} {code}: {state}")
}

fn print_indexes(indexes: &[IndexedParameter], is_json: bool) -> Result<u8> {
    if is_json {
        print_json(&indexes)?;
    } else {
        indexes.iter().try_for_each(|index| print(described(index)))?;
    }
    Ok(EXIT_OK)
}
