//! `GET [base]/[Type]?…`, `POST [base]/[Type]/_search` and the like for several types and for compartments: searches.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `search_request.rs` reads the parameters, `found_page.rs` finds the
//! resources, `searchset.rs` writes the page. Pages follow each other by `link[next]`. They all show the store as it
//! was for the first one.

use std::borrow::Cow;

use super::found_page::{FoundPage, PageSize};
use super::links::PageLinks;
use super::searched::Searched;
use super::searchset::{PageEntry, SearchPage};
use crate::error::{Error, Kind, Result};
use crate::fhir::search::TotalMode;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::form::{FORM, parse_form};
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::search::FoundResource;

/// The number of resources on a page without `_count`.
pub(super) const COUNT: usize = 100;
/// The largest number of resources on a page.
pub(super) const MOST: usize = 1000;
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
    let size = PageSize { usual: COUNT, most: MOST };
    let found = FoundPage::find(authenticated, request, &searched, size)?;
    let results = &found.asked.results;
    let (base, ignored) = (authenticated.base(), found.asked.ignored());
    let url = format!("{base}{}", searched.path());
    let links = PageLinks { url: &url, query: &request.query, ignored: &ignored };
    let is_told = results.total != TotalMode::None || results.wants_total_alone();
    let version = authenticated.fhir_version()?;
    let page = SearchPage {
        found: &entries(&found.page.found, &base, |resource_type, body| {
            results.cut(version, resource_type, body)
        }),
        included: &entries(&found.included.found, &base, |resource_type, body| {
            results.cut_included(version, resource_type, body)
        }),
        total: found.page.total.filter(|_| is_told),
        own_url: links.own(request, &base),
        next_url: found.next(&links)?,
        issues: &found.issues,
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
