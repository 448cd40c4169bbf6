//! A search as a text, outside of HTTP.

use std::collections::BTreeSet;

use super::finder::Finder;
use super::included::IncludeRequest;
use super::page::PageRequest;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::{is_type, short};
use crate::fhir::search::{ResultParameters, Search, SearchContext, SearchError, TotalMode};
use crate::fhir::version::FhirVersion;
use crate::store::{Reach, Snapshot, Store};

/// The most resources that are read at once, and bytes of their bodies.
const AT_ONCE: usize = 20_000;
const BYTES_AT_ONCE: usize = 64 << 20;

/// A search that was read.
struct QuerySearch {
    searches: [Search; 1],
    results: ResultParameters,
}

/// Finds resources by a search as a URL has it: `Observation?code=8867-4&patient=a&_sort=-date`. Calls `each` with the
/// JSON text of each resource; without `_sort` in the order in which they came in. What comes along by `_include` and
/// `_revinclude` follows behind. Returns what was not done as asked: the bodies of some resources could not be held
/// against the search, so these are not found.
///
/// The parameters are those of R4: <https://hl7.org/fhir/R4/search.html>. `_count` says how many resources are
/// wanted at most. `_total` and `_summary=count` are not supported.
///
/// # Errors
/// `Usage` for a search that cannot be read; those of `each`; where the store cannot be read.
pub fn search(
    store: &Store,
    query: &str,
    each: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Vec<String>> {
    let asked = read(store, query)?;
    let version = store.fhir_version()?.unwrap_or_default();
    let snapshot = store.limited_to(Reach::Everything).latest()?;
    let finder = Finder::new(&snapshot, version, &|_| Ok(()));
    let mut also = None;
    let is_streamed = asked.results.order.is_empty() && asked.results.includes.is_empty();
    if is_streamed && asked.results.count != Some(0) {
        let (mut done, mut left) = (Ok(()), asked.results.count);
        finder.find(&asked.searches[0], 0, |resource| {
            done = each(&asked.results.cut(version, &resource.resource_type, &resource.body));
            left = left.map(|left| left - 1);
            done.is_ok() && left != Some(0)
        })?;
        done?;
    } else if !is_streamed {
        also = give_pages(&finder, &snapshot, &asked, version, each)?;
    }
    Ok(finder.faults().into_iter().chain(also).collect())
}

fn read(store: &Store, query: &str) -> Result<QuerySearch> {
    let wrong = |what: String| Error::new(Kind::Usage, what);
    let refused = |error: SearchError| wrong(error.to_string());
    let (resource_type, parameters) = query.split_once('?').unwrap_or((query, ""));
    if !is_type(resource_type) {
        let what = format!("{} is no search such as Patient?gender=female", short(query));
        return Err(wrong(what));
    }
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(parameters.as_bytes()).into_owned().collect();
    let types = [resource_type.to_owned()];
    let (mut results, mut criteria) = (ResultParameters::default(), Vec::new());
    for (name, value) in &pairs {
        if !results.read(name, value, &types).map_err(refused)? {
            criteria.push((name.as_str(), value.as_str()));
        }
    }
    results.check().map_err(refused)?;
    for (is_given, name) in [
        (results.total != TotalMode::Cheap, "_total"),
        (results.wants_total_alone() && results.count.is_none(), "_summary=count"),
    ] {
        if is_given {
            return Err(wrong(format!(
                "{name} is not supported here, where resources are given and no totals; count the lines"
            )));
        }
    }
    let context = SearchContext { base: "", now: store.now(), is_lenient: false };
    let read = Search::parse(resource_type, criteria, &context).map_err(refused)?;
    Ok(QuerySearch { searches: [read.search], results })
}

/// Gives what is found page by page, and then what comes along. Returns what was not done as asked.
fn give_pages(
    finder: &Finder<'_>,
    snapshot: &Snapshot,
    asked: &QuerySearch,
    version: FhirVersion,
    each: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Option<String>> {
    let results = &asked.results;
    let (mut after, mut left) = (0, results.count.unwrap_or(usize::MAX));
    let (mut found, mut included) = (BTreeSet::new(), BTreeSet::new());
    let mut is_cut = false;
    while left > 0 {
        let page = finder.page(&PageRequest {
            searches: &asked.searches,
            order: &results.order,
            count: left.min(AT_ONCE),
            most_bytes: BYTES_AT_ONCE,
            after,
            counts_all: false,
        })?;
        for resource in &page.found {
            each(&results.cut(version, &resource.resource_type, &resource.body))?;
        }
        if !results.includes.is_empty() {
            let with_page = finder.included(
                &page.found,
                &IncludeRequest {
                    includes: &results.includes,
                    takes_type: &|_| true,
                    most: AT_ONCE,
                    most_bytes: BYTES_AT_ONCE,
                },
            )?;
            is_cut |= with_page.is_cut;
            found.extend(page.found.iter().map(|resource| resource.seq));
            included.extend(with_page.found.iter().map(|resource| resource.seq));
        }
        left -= page.found.len();
        match page.found.last() {
            Some(last) if page.has_more => after = last.seq,
            _ => break,
        }
    }
    let view = snapshot.lookup()?;
    for seq in included.difference(&found) {
        let given = view.read(*seq, |header, body| {
            each(&results.cut_included(version, &header.resource_type, body))
        })?;
        given.transpose()?;
    }
    Ok(is_cut.then(|| "more resources would come along; search for them by themselves".to_owned()))
}
