//! `GET [base]/[Type]?…`, `POST [base]/[Type]/_search` and the like for several types and for compartments: searches.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `search_request.rs` reads the parameters, `search/` finds the
//! resources, `searchset.rs` writes the page. Pages follow each other by `link[next]`. They all show the store as it
//! was for the first one.

use std::borrow::Cow;

use super::links::{AFTER, PageLinks, SNAPSHOT, gone, name_of};
use super::search_request::SearchRequest;
use super::searched::Searched;
use super::searchset::{PageEntry, SearchPage};
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::outcome::Issue;
use crate::fhir::search::TotalMode;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::form::{FORM, parse_form};
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::search::{Finder, FoundResource, IncludeRequest, IncludedResources, PageRequest};

/// The number of resources on a page without `_count`.
pub(super) const COUNT: usize = 100;
/// The largest number of resources on a page.
pub(super) const MOST: usize = 1000;
/// A page ends with the resource that makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// The most resources that come along with those of a page.
const MOST_INCLUDED: usize = 5000;
/// What comes along ends with the resource that makes it as long as this, in bytes.
const MOST_INCLUDED_BYTES: usize = 16 << 20;

/// Answers a search by GET.
pub fn search(request: &AuthenticatedRequest<'_>, searched: Searched<'_>) -> Result<Response> {
    answer(request, request, &[], searched)
}

/// Answers a search by POST, whose parameters are a form.
pub fn posted(
    authenticated: &AuthenticatedRequest<'_>,
    searched: Searched<'_>,
) -> Result<Response> {
    let request: &Request = authenticated;
    if !request.body.is_empty() && request.body_type()?.name != FORM {
        let content_type = request.header("content-type").unwrap_or_default();
        let what = format!("a search of {content_type:?} is not read; send a form");
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let posted = parse_form(&request.body);
    let query = [request.query.as_slice(), &posted].concat();
    let request = Request { query, body: Vec::new(), ..request.clone() };
    answer(authenticated, &request, &posted, searched)
}

/// Answers with a page. `request` has all parameters, `posted` are those of the body.
fn answer(
    authenticated: &AuthenticatedRequest<'_>,
    request: &Request,
    posted: &[(String, String)],
    searched: Searched<'_>,
) -> Result<Response> {
    request.check_takes_json()?;
    let asked = SearchRequest::read(authenticated, request, &searched)?;
    let results = &asked.results;
    let snapshot = &asked.snapshot;
    let is_there = |_| authenticated.check_is_there();
    let finder = Finder::new(snapshot, authenticated.fhir_version()?, &is_there);
    let page = finder.page(&PageRequest {
        searches: &asked.searches,
        order: &results.order,
        // https://hl7.org/fhir/R4/search.html#count: 0 asks for the total only.
        count: if results.wants_total_alone() {
            0
        } else {
            results.count.unwrap_or(COUNT).min(MOST)
        },
        most_bytes: MOST_BYTES,
        after: asked.after,
        counts_all: results.total == TotalMode::Exact,
    })?;
    let included = match &results.includes[..] {
        [] => IncludedResources::default(),
        includes => finder.included(
            &page.found,
            &IncludeRequest {
                includes,
                takes_type: &|name| authenticated.check(name, Interaction::Search).is_ok(),
                most: MOST_INCLUDED,
                most_bytes: MOST_INCLUDED_BYTES,
            },
        )?,
    };
    // What was pruned in the meantime may be missing.
    if !snapshot.is_whole()? {
        return Err(gone());
    }
    let mut issues = asked.issues();
    issues.extend(finder.faults().into_iter().map(|fault| Issue::warning("processing", fault)));
    if included.is_cut {
        let what = format!(
            "{} resources come along with this page, and not all that were asked for: they are more than {MOST_INCLUDED}, longer \
             than {MOST_INCLUDED_BYTES} bytes, or too many steps away; ask for shorter pages with _count, or search for the others",
            included.found.len()
        );
        issues.push(Issue::warning("incomplete", what));
    }
    let (base, ignored) = (authenticated.base(), asked.ignored());
    let url = format!("{base}{}", searched.path());
    let links = PageLinks { url: &url, query: &request.query, ignored: &ignored };
    let last = page.found.last().filter(|_| page.has_more);
    let is_told = results.total != TotalMode::None || results.wants_total_alone();
    let version = authenticated.fhir_version()?;
    let page = SearchPage {
        found: &entries(&page.found, &base, |resource_type, body| {
            results.cut(version, resource_type, body)
        }),
        included: &entries(&included.found, &base, |resource_type, body| {
            results.cut_included(version, resource_type, body)
        }),
        total: page.total.filter(|_| is_told),
        own_url: links.own(request, &base),
        next_url: match last {
            Some(last) => {
                let at = name_of(snapshot)?;
                Some(links.page(&[(SNAPSHOT, &at), (AFTER, &last.seq.to_string())]))
            }
            None => None,
        },
        issues: &issues,
    };
    let body = page.into_json()?;
    authenticated.note_read("search", posted, body.len())?;
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The entries of resources, each cut by `cut`, which takes type and body.
fn entries<'f>(
    found: &'f [FoundResource],
    base: &str,
    cut: impl Fn(&str, &'f str) -> Cow<'f, str>,
) -> Vec<PageEntry<'f>> {
    let entry = |resource: &'f FoundResource| PageEntry {
        url: format!("{base}{FHIR}/{}", resource.name()),
        body: cut(&resource.resource_type, &resource.body),
    };
    found.iter().map(entry).collect()
}
