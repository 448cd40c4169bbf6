//! `GET [base]/[Type]?…` and `POST [base]/[Type]/_search`: finds resources of a type.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `fhir/search` has the parameters and their meaning; the
//! parameters of pages, `_count` and our own `_after`, are read here. Pages follow each other by
//! `link[next]`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::authenticated::AuthenticatedRequest;
use super::context::FHIR;
use super::form::{FORM, is_secret, parse_form};
use super::header::FHIR_JSON;
use super::message::{Request, Response};
use super::searchset::SearchPage;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::search::{Criteria, SearchParameter};
use crate::store::{ReadOutcome, StoredVersion};

/// The number of resources on a page without `_count`.
const COUNT: usize = 100;
/// The largest number of resources on a page.
const MOST: usize = 1000;
/// The number of resources that are read at once.
const AT_ONCE: usize = 500;

/// Which resources a search wants, and which of them on this page.
struct SearchRequest {
    criteria: Criteria,
    count: Option<usize>,
    /// Only versions with a higher sequence number.
    after: i64,
}

/// Answers a search by GET.
pub fn search(request: &AuthenticatedRequest<'_>, resource_type: &str) -> Result<Response> {
    answer(request, request, &[], resource_type)
}

/// Answers a search by POST, whose parameters are a form.
pub fn posted(authenticated: &AuthenticatedRequest<'_>, resource_type: &str) -> Result<Response> {
    let request: &Request = authenticated;
    if !request.body.is_empty() && request.body_type()?.name != FORM {
        let content_type = request.header("content-type").unwrap_or_default();
        let what = format!("a search of {content_type:?} is not read; send a form");
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let posted = parse_form(&request.body);
    let query = [request.query.as_slice(), &posted].concat();
    let target = format!("{FHIR}/{resource_type}");
    let request = Request { query, target, body: Vec::new(), ..request.clone() };
    answer(authenticated, &request, &posted, resource_type)
}

/// Answers with a page. `request` has all parameters, `posted` are those of the body.
fn answer(
    authenticated: &AuthenticatedRequest<'_>,
    request: &Request,
    posted: &[(String, String)],
    resource_type: &str,
) -> Result<Response> {
    request.check_takes_json()?;
    authenticated.check(resource_type, Interaction::Search)?;
    let search = read(request, resource_type)?;
    let count = search.count.unwrap_or(COUNT);
    // https://hl7.org/fhir/R4/search.html#count: 0 asks for the total only.
    let mut total = 0;
    let mut found = Vec::new();
    find(authenticated, resource_type, &search, |version| {
        total += 1;
        if count > 0 {
            found.push(version);
        }
        count == 0 || total <= count
    })?;
    let has_more = count > 0 && total > count;
    found.truncate(count);
    let base = authenticated.base();
    let last = found.last().filter(|_| has_more);
    let page = SearchPage {
        base: &base,
        resource_type,
        found: &found,
        total: (!has_more && search.after == 0).then_some(total),
        own_url: format!("{base}{}", request.target),
        next_url: last.map(|last| {
            next_url(&format!("{base}{FHIR}/{resource_type}"), &request.query, last.seq)
        }),
    };
    let body = page.to_json()?;
    authenticated.note_read("search", posted, body.len());
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The URL of the page that begins after the version with sequence number `after`.
fn next_url(url: &str, query: &[(String, String)], after: i64) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let repeated = query.iter().filter(|(name, _)| name != "_after" && !is_secret(name));
    let pairs: Vec<String> =
        repeated.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    let pairs = if pairs.is_empty() { String::new() } else { format!("{}&", pairs.join("&")) };
    format!("{url}?{pairs}_after={after}")
}

/// Reads the parameters.
///
/// # Errors
/// `Invalid` for a value that is wrong and for an unknown parameter; the latter is ignored with lenient
/// handling.
fn read(request: &Request, resource_type: &str) -> Result<SearchRequest> {
    let is_lenient = request.preferences().is_lenient();
    let mut search =
        SearchRequest { criteria: Criteria::new(resource_type), count: None, after: 0 };
    for (name, value) in &request.query {
        let wrong =
            |what: &str| Error::new(Kind::Invalid, format!("{name} {:?} {what}", short(value)));
        match name.as_str() {
            "_count" => {
                let count = value.parse::<usize>().map_err(|_| wrong("should be a number"))?;
                search.count = Some(count.min(MOST));
            }
            "_after" => {
                search.after = value.parse().map_err(|_| wrong("should be as a link has it"))?;
            }
            "_format" | "_pretty" => {}
            name => match SearchParameter::of(resource_type, name) {
                Some(parameter) => {
                    search.criteria.add(parameter, value).map_err(|what| wrong(&what))?;
                }
                None if is_lenient => {}
                None => return Err(unknown_parameter(resource_type, name)),
            },
        }
    }
    Ok(search)
}

fn unknown_parameter(resource_type: &str, name: &str) -> Error {
    let known = SearchParameter::names(resource_type).join(", ");
    let what =
        format!("parameter {:?} cannot be searched for here; {known} and _count can", short(name));
    Error::new(Kind::Invalid, what)
}

/// Calls `each` with the resources that meet the criteria, in order, until it returns false.
fn find(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    search: &SearchRequest,
    mut each: impl FnMut(StoredVersion) -> bool,
) -> Result<()> {
    let meets = |version: &StoredVersion| search.criteria.hold(version.last_updated, &version.body);
    let mut lists = search.criteria.ids.clone();
    for condition in &search.criteria.conditions {
        lists.push(request.seen.find(condition)?);
    }
    if let Some((first, others)) = lists.split_first() {
        let mut ids: Vec<&String> =
            first.iter().filter(|id| others.iter().all(|ids| ids.contains(id))).collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::new();
        for id in ids {
            if let ReadOutcome::Here(version) = request.seen.read(resource_type, id)?
                && version.seq > search.after
                && meets(&version)
            {
                found.push(version);
            }
        }
        found.sort_by_key(|version| version.seq);
        found.into_iter().all(each);
        return Ok(());
    }
    let mut after = search.after;
    loop {
        let versions = request.seen.resources_after(resource_type, after, AT_ONCE)?;
        let Some(last) = versions.last() else { return Ok(()) };
        after = last.seq;
        if !versions.into_iter().filter(meets).all(&mut each) {
            return Ok(());
        }
    }
}
