//! `fhirlite view add`, `list`, `remove` and `refresh`: views whose rows are kept in tables of the store.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fhirlite::views::{STARTER_VIEWS, StoredView, ViewProgress, ViewState};
use fhirlite::{EXIT_OK, EXIT_REJECTED, Result, Store};

use super::count_display::CountDisplay;
use super::output::{opened, print, print_json, tell};
use super::signals::{HangUp, Signals};
use super::text_file::text_of;
use super::upgrade::announced;

/// How many faults of a view are told one by one.
const MOST_FAULTS: usize = 5;

/// Keep the rows of views in tables of the store
///
/// Each table has the name of its view. Every write keeps it true. Others may read and write the store
/// meanwhile. A command that was stopped is given again, and does the rest. Exits with 1 where a view refuses
/// resources: they have no rows.
#[derive(clap::Args)]
pub struct AddViewArgs {
    /// The store's file
    store: PathBuf,
    /// Files with a ViewDefinition each
    #[arg(value_name = "view.json", required_unless_present = "starter")]
    views: Vec<PathBuf>,
    /// Add the ready views that fhirlite brings along: patient, observation and others
    #[arg(long)]
    starter: bool,
}

/// List the views whose rows are kept in tables
#[derive(clap::Args)]
pub struct ListViewArgs {
    /// The store's file
    store: PathBuf,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// Remove views and their tables
#[derive(clap::Args)]
pub struct RemoveViewArgs {
    /// The store's file
    store: PathBuf,
    /// The names of the views
    #[arg(value_name = "name", required = true)]
    names: Vec<String>,
}

/// Make the rows of views anew
///
/// A table keeps the indexes that you created on it. Exits with 1 where a view refuses resources.
#[derive(clap::Args)]
pub struct RefreshViewArgs {
    /// The store's file
    store: PathBuf,
    /// The names of the views; without one all of them
    #[arg(value_name = "name")]
    names: Vec<String>,
}

pub fn add(args: &AddViewArgs) -> Result<u8> {
    let mut views = Vec::with_capacity(args.views.len());
    for path in &args.views {
        views.push((path.display().to_string(), text_of(path)?));
    }
    if args.starter {
        let of_starter = |(name, text): (&str, &str)| (format!("{name}.json"), text.to_owned());
        views.extend(STARTER_VIEWS.map(of_starter));
    }
    let views: Vec<(&str, &str)> = views.iter().map(|(at, text)| (&**at, &**text)).collect();
    let ended = Signals::catch(HangUp::Ends)?.flag();
    let store = opened(Store::open(announced(&args.store))?).with_stop(ended.clone());
    let mut filling = Filling::new(ended);
    let added = store.add_views(&views, &mut |progress| filling.show(progress))?;
    filling.display.finish();
    let mut names = Vec::with_capacity(added.len());
    for view in added {
        let name = &view.name;
        let what = match (view.is_new, view.took_place) {
            (false, _) => "is there already",
            (true, false) => "added",
            (true, true) => {
                "added, in place of the SQL view of this name; `fhirlite view remove` restores that"
            }
        };
        print(format!("{name}: {what}"))?;
        names.push(view.name);
    }
    tell_faults(&store, &names)
}

pub fn refresh(args: &RefreshViewArgs) -> Result<u8> {
    let ended = Signals::catch(HangUp::Ends)?.flag();
    let store = opened(Store::open(announced(&args.store))?).with_stop(ended.clone());
    let mut filling = Filling::new(ended);
    store.refresh_views(&args.names, &mut |progress| filling.show(progress))?;
    filling.display.finish();
    let mut names = args.names.clone();
    if names.is_empty() {
        names = store.views()?.into_iter().map(|view| view.name).collect();
    }
    for name in &names {
        print(format!("{name}: made anew"))?;
    }
    tell_faults(&store, &names)
}

pub fn list(args: &ListViewArgs) -> Result<u8> {
    let views = opened(Store::open_read_only(&args.store)?).views()?;
    if args.json {
        print_json(&views)?;
    } else {
        views.iter().try_for_each(|view| print(described(view)))?;
    }
    Ok(EXIT_OK)
}

pub fn remove(args: &RemoveViewArgs) -> Result<u8> {
    let store = opened(Store::open(announced(&args.store))?);
    let mut exit = EXIT_OK;
    for name in &args.names {
        if store.remove_view(name)? {
            print(format!("{name}: removed"))?;
        } else {
            tell(format_args!("the store keeps no view {name}"));
            exit = EXIT_REJECTED;
        }
    }
    Ok(exit)
}

/// Says how far the table of a view is.
pub fn described(view: &StoredView) -> String {
    let StoredView { name, resource_type, state, faults, .. } = view;
    let state = match state {
        ViewState::Ready => "its table has the rows of every resource",
        ViewState::Unfinished => {
            "unfinished; `fhirlite view add` again does the rest, `fhirlite view refresh` begins anew"
        }
        ViewState::Outdated => {
            "has rows of another fhirlite; `fhirlite view refresh` makes them anew"
        }
    };
    let faults = match faults {
        0 => String::new(),
        1 => "; the view refuses 1 resource, which has no rows".to_owned(),
        _ => format!("; the view refuses {faults} resources, which have no rows"),
    };
    format!("{name} of {resource_type}: {state}{faults}")
}

/// Tells the first faults of each view. Returns the exit code.
fn tell_faults(store: &Store, names: &[String]) -> Result<u8> {
    let mut exit = EXIT_OK;
    let views = store.views()?;
    let of_names =
        |view: &&StoredView| names.iter().any(|name| view.name.eq_ignore_ascii_case(name));
    for view in views.iter().filter(of_names).filter(|view| view.faults > 0) {
        exit = EXIT_REJECTED;
        let name = &view.name;
        for fault in store.view_faults(name, MOST_FAULTS)? {
            tell(format_args!("{name}: {fault}"));
        }
        let count = view.faults;
        let those = if count == 1 { "resource, which has" } else { "resources, which have" };
        tell(format_args!("{name}: the view refuses {count} {those} no rows"));
    }
    Ok(exit)
}

/// The filling of tables, on standard error.
struct Filling {
    display: CountDisplay,
    ended: Arc<AtomicBool>,
}

impl Filling {
    fn new(ended: Arc<AtomicBool>) -> Filling {
        Filling { display: CountDisplay::new("resources"), ended }
    }

    /// Shows how far it is; false where it should end.
    fn show(&mut self, progress: ViewProgress) -> bool {
        self.display.show(progress.done, progress.all);
        !self.ended.load(Ordering::SeqCst)
    }
}
