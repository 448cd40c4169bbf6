//! A search as a text, outside of HTTP.

use super::finder::Finder;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::{is_type, short};
use crate::fhir::search::{Search, SearchContext};
use crate::store::{Reach, Store};

/// Finds resources by a search as a URL has it: `Observation?code=8867-4&patient=a`. Calls `each` with the JSON text
/// of each resource, in the order in which they came in. Returns why the bodies of some resources could not be held
/// against the search; these are not found.
///
/// The parameters are those of R4: <https://hl7.org/fhir/R4/search.html>.
///
/// # Errors
/// `Usage` for a search that cannot be read; those of `each`; where the store cannot be read.
pub fn search(
    store: &Store,
    query: &str,
    each: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Vec<String>> {
    let wrong = |what: String| Error::new(Kind::Usage, what);
    let (resource_type, parameters) = query.split_once('?').unwrap_or((query, ""));
    if !is_type(resource_type) {
        let what = format!("{} is no search such as Patient?gender=female", short(query));
        return Err(wrong(what));
    }
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(parameters.as_bytes()).into_owned().collect();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let context = SearchContext { base: "", now: store.now(), is_lenient: false };
    let read =
        Search::parse(resource_type, pairs, &context).map_err(|error| wrong(error.to_string()))?;
    let seen = store.limited_to(Reach::Everything);
    let version = store.fhir_version()?.unwrap_or_default();
    let snapshot = seen.latest()?;
    let finder = Finder::new(&snapshot, version, &|_| Ok(()));
    let mut done = Ok(());
    finder.find(&read.search, 0, |resource| {
        done = each(&resource.body);
        done.is_ok()
    })?;
    done?;
    Ok(finder.faults().into_iter().collect())
}
