//! The parameters of a search over HTTP: what is searched for, how the results are given, and which page of them.
//!
//! <https://hl7.org/fhir/R4/search.html#errors>: a parameter that is not known is an error. With
//! `Prefer: handling=lenient` it is ignored. What parameters mean is in `fhir/search`.

use std::collections::BTreeSet;

use super::links::{AFTER, SNAPSHOT, snapshot, wrong_link};
use super::searched::{Searched, TYPE};
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::Issue;
use crate::fhir::search::{
    EVERY_RESOURCE, ReadSearch, ResultParameters, Search, SearchContext, SearchError,
};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::message::Request;
use crate::store::Snapshot;

/// The most parameters of a search; each is looked at for each resource.
pub(super) const MOST_PARAMETERS: usize = 1000;
/// The most searches within a search: each may look at every resource of a type.
const MOST_INNER: usize = 20;
/// The number of ignored parameters that are told one by one.
const MOST_IGNORED: usize = 20;

/// Which resources a search wants, in which form, and which of them on this page.
pub(super) struct SearchRequest {
    /// One search for each type.
    pub(super) searches: Vec<Search>,
    pub(super) results: ResultParameters,
    /// The snapshot of the page: that of the first page.
    pub(super) snapshot: Snapshot,
    /// The number of the last version before the page.
    pub(super) after: i64,
    /// Why parameters are ignored.
    faults: Vec<SearchError>,
}

impl SearchRequest {
    /// Reads the parameters, and checks that the caller may search so.
    ///
    /// # Errors
    /// `Invalid` for a value or a modifier that is wrong and for an unknown parameter; the latter is ignored
    /// with lenient handling. `Forbidden` where the scope does not cover a type that the search looks at. `Gone` where
    /// the store does not have the snapshot of the page any more.
    pub(super) fn read(
        authenticated: &AuthenticatedRequest<'_>,
        request: &Request,
        searched: &Searched<'_>,
    ) -> Result<SearchRequest> {
        if request.query.len() > MOST_PARAMETERS {
            let what = format!(
                "{} parameters are too many; a search has {MOST_PARAMETERS} at most, and a parameter many values: _id=a,b",
                request.query.len()
            );
            return Err(Error::new(Kind::Invalid, what));
        }
        let named = request.query.iter().rfind(|(name, _)| name == SNAPSHOT);
        let snapshot = || snapshot(authenticated, named.map(|(_, value)| value.as_str()));
        let mut known = None;
        let types = searched.types(authenticated, request, || {
            let types = known.insert(snapshot()?).types()?;
            Ok(types)
        })?;
        let every = [EVERY_RESOURCE.to_owned()];
        let of_results = if types.is_open { &every[..] } else { &types.names };
        let mut results = ResultParameters::default();
        let (mut after, mut criteria) = (0, Vec::new());
        for (name, value) in &request.query {
            match name.as_str() {
                SNAPSHOT => {}
                AFTER => {
                    after = value.parse().map_err(|_| wrong_link(name, value))?;
                }
                "_format" | "_pretty" => {}
                TYPE if searched.takes_types() => {}
                _ if results.read(name, value, of_results).map_err(invalid)? => {}
                _ => criteria.push((name.as_str(), value.as_str())),
            }
        }
        results.check().map_err(invalid)?;
        let context = SearchContext {
            base: &format!("{}{FHIR}", authenticated.base()),
            now: authenticated.context.store.now(),
            is_lenient: request.preferences().is_lenient(),
        };
        let mut faults = Vec::new();
        if types.is_open {
            let of_every = Search::parse(EVERY_RESOURCE, criteria.iter().copied(), &context);
            faults = of_every.map_err(invalid)?.ignored;
        }
        let searches = read_searches(&types.names, &criteria, &context, &mut faults)?;
        let searches = searches.into_iter().map(|search| match searched.patient() {
            Some(patient) => search.in_compartment_of(patient),
            None => search,
        });
        let searches: Vec<Search> = searches.collect();
        check(authenticated, &searches, &results)?;
        let snapshot = known.map_or_else(snapshot, Ok)?;
        Ok(SearchRequest { searches, results, snapshot, after, faults })
    }

    /// The names of parameters that are ignored, each once.
    pub(super) fn ignored(&self) -> BTreeSet<String> {
        self.faults.iter().map(|fault| fault.parameter().to_owned()).collect()
    }

    /// The issues about what is ignored.
    pub(super) fn issues(&self) -> Vec<Issue> {
        let texts: BTreeSet<String> = self.faults.iter().map(SearchError::to_string).collect();
        let told = texts.iter().take(MOST_IGNORED);
        let warning = |what: String| Issue::warning("not-supported", what);
        let mut issues: Vec<Issue> =
            told.map(|text| warning(format!("{text}; it is ignored"))).collect();
        if texts.len() > MOST_IGNORED {
            issues.push(warning(format!("and {} more are ignored", texts.len() - MOST_IGNORED)));
        }
        issues
    }
}

/// Checks that the caller may search the types within the searches, and those that come along for certain.
fn check(
    authenticated: &AuthenticatedRequest<'_>,
    searches: &[Search],
    results: &ResultParameters,
) -> Result<()> {
    let inner = searches.iter().flat_map(Search::inner);
    let inner = inner.map(|inner| inner.search.resource_type());
    let included = results.includes.iter().filter_map(|include| include.brings());
    for resource_type in inner.chain(included) {
        authenticated.check(resource_type, Interaction::Search)?;
    }
    Ok(())
}

/// Reads the searches for several types. What is ignored for one of them is ignored for all.
fn read_searches(
    types: &[String],
    criteria: &[(&str, &str)],
    context: &SearchContext<'_>,
    faults: &mut Vec<SearchError>,
) -> Result<Vec<Search>> {
    loop {
        let known = faults.len();
        let mut searches = Vec::with_capacity(types.len());
        for resource_type in types {
            let is_applied = |(name, _): &(&str, &str)| {
                !faults[..known].iter().any(|fault| fault.parameter() == *name)
            };
            let applied = criteria.iter().copied().filter(is_applied);
            let ReadSearch { search, ignored } =
                Search::parse(resource_type, applied, context).map_err(invalid)?;
            searches.push(search);
            faults.extend(ignored);
        }
        if searches.iter().map(|search| search.inner().len()).sum::<usize>() > MOST_INNER {
            let what = format!(
                "the search has more than {MOST_INNER} chains, counted for each type; name fewer types with _type"
            );
            return Err(Error::new(Kind::Invalid, what));
        }
        if faults.len() == known || types.len() == 1 {
            return Ok(searches);
        }
    }
}

fn invalid(error: SearchError) -> Error {
    Error::new(Kind::Invalid, error.to_string())
}
