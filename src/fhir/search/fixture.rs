//! What the tests of searches share.

use super::{Answers, Candidate, ReadSearch, Search, SearchContext, SearchError};
use crate::fhir::json::Tree;
use crate::time::Instant;

/// The base of the searches.
pub(super) const BASE: &str = "https://here/fhir";
/// The time of the version of every resource.
pub(super) const STORED: &str = "2024-05-01T10:00:00.000Z";

pub(super) fn instant(text: &str) -> Instant {
    Instant::parse(text).unwrap().0
}

/// Reads `name=value&name=value`, in which nothing is percent-encoded.
pub(super) fn read(
    resource_type: &str,
    query: &str,
    is_lenient: bool,
) -> Result<ReadSearch, SearchError> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let context = SearchContext { base: BASE, now: instant("2024-06-01"), is_lenient };
    Search::parse(resource_type, pairs, &context)
}

pub(super) fn search(resource_type: &str, query: &str) -> Search {
    match read(resource_type, query, false) {
        Ok(read) => read.search,
        Err(error) => panic!("{query}: {error}"),
    }
}

/// True where the resource of a body is found. Its id is `1`.
pub(super) fn finds(search: &Search, body: &str) -> bool {
    finds_with(search, body, &Answers::default())
}

pub(super) fn finds_with(search: &Search, body: &str, answers: &Answers) -> bool {
    let body = Tree::parse(body).unwrap();
    let id = body.get("id").and_then(Tree::as_text).unwrap_or("1");
    search.matches(&Candidate { id, last_updated: instant(STORED), body: &body }, answers).unwrap()
}

/// True where a search finds a body.
pub(super) fn is_found(resource_type: &str, query: &str, body: &str) -> bool {
    finds(&search(resource_type, query), body)
}
