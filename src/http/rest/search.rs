//! `GET [base]/[Type]?…` and `POST [base]/[Type]/_search`: finds resources of a type.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `fhir/search` has the parameters and their meaning, `search/` looks
//! them up; the parameters of pages, `_count` and our own `_after`, are read here. Pages follow each other by
//! `link[next]`.
//!
//! <https://hl7.org/fhir/R4/search.html#errors>: a parameter that is not known is an error. With
//! `Prefer: handling=lenient` it is ignored: the links leave it out, and an entry says so.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::searchset::SearchPage;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::fhir::search::{ReadSearch, Search, SearchContext, SearchError};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::form::{FORM, parse_form};
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::http::secrets::is_secret;
use crate::search::Finder;

/// The number of resources on a page without `_count`.
const COUNT: usize = 100;
/// The largest number of resources on a page.
const MOST: usize = 1000;
/// A page ends with the resource that makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// The most parameters of a search; each is looked at for each resource.
const MOST_PARAMETERS: usize = 1000;
/// The number of ignored parameters that are told one by one.
const MOST_IGNORED: usize = 20;

/// Which resources a search wants, and which of them on this page.
struct SearchRequest {
    search: Search,
    count: Option<usize>,
    /// Only versions with a higher sequence number.
    after: i64,
    /// Why parameters are ignored.
    faults: Vec<SearchError>,
}

impl SearchRequest {
    /// The names of parameters that are ignored, each once.
    fn ignored(&self) -> BTreeSet<String> {
        self.faults.iter().map(|fault| fault.parameter().to_owned()).collect()
    }

    /// The issues about what is ignored.
    fn issues(&self) -> Vec<Issue> {
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
    let request = Request { query, body: Vec::new(), ..request.clone() };
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
    let asked = read(authenticated, request, resource_type)?;
    for inner in asked.search.inner() {
        authenticated.check(inner.search.resource_type(), Interaction::Search)?;
    }
    let count = asked.count.unwrap_or(COUNT);
    // https://hl7.org/fhir/R4/search.html#count: 0 asks for the total only.
    let (mut total, mut bytes, mut has_more) = (0, 0, false);
    let mut found = Vec::new();
    let is_there = |_| authenticated.check_is_there();
    let snapshot = authenticated.seen.latest()?;
    let finder = Finder::new(&snapshot, authenticated.fhir_version()?, &is_there);
    finder.find(&asked.search, asked.after, |resource| {
        has_more = count > 0 && (total == count || bytes >= MOST_BYTES);
        if has_more {
            return false;
        }
        total += 1;
        if count > 0 {
            bytes += resource.body.len();
            found.push(resource);
        }
        true
    })?;
    let ignored = asked.ignored();
    let unreadable = finder.faults().into_iter().map(|fault| Issue::warning("processing", fault));
    let issues: Vec<Issue> = asked.issues().into_iter().chain(unreadable).collect();
    let base = authenticated.base();
    let last = found.last().filter(|_| has_more);
    let url = format!("{base}{FHIR}/{resource_type}");
    let page = SearchPage {
        base: &base,
        resource_type,
        found: &found,
        total: (!has_more && asked.after == 0).then_some(total),
        own_url: match request.method.as_str() {
            "POST" => own_url(&url, &request.query, &ignored),
            _ => format!("{base}{}", without(&request.target, &ignored)),
        },
        next_url: last.map(|last| next_url(&url, &request.query, &ignored, last.seq)),
        issues: &issues,
    };
    let body = page.to_json()?;
    authenticated.note_read("search", posted, body.len())?;
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The pairs of a query as they stand in a URL, without those of `ignored`.
fn pairs<'q>(
    query: &'q [(String, String)],
    ignored: &'q BTreeSet<String>,
) -> impl Iterator<Item = (&'q str, String)> {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    // The links go to the client that sent the parameters, so they mean the same search.
    let kept =
        query.iter().filter(|(name, value)| !ignored.contains(name) && !is_secret(name, value));
    kept.map(move |(name, value)| (name.as_str(), format!("{}={}", escaped(name), escaped(value))))
}

/// The URL of a search by POST: the same search by GET.
fn own_url(url: &str, query: &[(String, String)], ignored: &BTreeSet<String>) -> String {
    let pairs: Vec<String> = pairs(query, ignored).map(|(_, pair)| pair).collect();
    if pairs.is_empty() { url.to_owned() } else { format!("{url}?{}", pairs.join("&")) }
}

/// A target as it came, without the parameters of `ignored`.
fn without(target: &str, ignored: &BTreeSet<String>) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_kept =
        |pair: &&str| parse_form(pair.as_bytes()).iter().all(|(name, _)| !ignored.contains(name));
    match query.split('&').filter(is_kept).collect::<Vec<_>>().join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// The URL of the page that begins after the version with sequence number `after`.
fn next_url(
    url: &str,
    query: &[(String, String)],
    ignored: &BTreeSet<String>,
    after: i64,
) -> String {
    let repeated = pairs(query, ignored).filter(|(name, _)| *name != "_after");
    let pairs: String = repeated.map(|(_, pair)| format!("{pair}&")).collect();
    format!("{url}?{pairs}_after={after}")
}

/// Reads the parameters.
///
/// # Errors
/// `Invalid` for a value or a modifier that is wrong and for an unknown parameter; the latter is ignored
/// with lenient handling.
fn read(
    authenticated: &AuthenticatedRequest<'_>,
    request: &Request,
    resource_type: &str,
) -> Result<SearchRequest> {
    if request.query.len() > MOST_PARAMETERS {
        let what = format!(
            "{} parameters are too many; a search has {MOST_PARAMETERS} at most, and a parameter many values: _id=a,b",
            request.query.len()
        );
        return Err(Error::new(Kind::Invalid, what));
    }
    let (mut count, mut after, mut criteria) = (None, 0, Vec::new());
    for (name, value) in &request.query {
        let wrong =
            |what: &str| Error::new(Kind::Invalid, format!("{name} {:?} {what}", short(value)));
        match name.as_str() {
            "_count" => {
                let given = value.parse::<usize>().map_err(|_| wrong("should be a number"))?;
                count = Some(given.min(MOST));
            }
            "_after" => {
                after = value.parse().map_err(|_| wrong("should be as a link has it"))?;
            }
            "_format" | "_pretty" => {}
            _ => criteria.push((name.as_str(), value.as_str())),
        }
    }
    let context = SearchContext {
        base: &format!("{}{FHIR}", authenticated.base()),
        now: authenticated.context.store.now(),
        is_lenient: request.preferences().is_lenient(),
    };
    let ReadSearch { search, ignored: faults } =
        Search::parse(resource_type, criteria, &context)
            .map_err(|error| Error::new(Kind::Invalid, error.to_string()))?;
    Ok(SearchRequest { search, count, after, faults })
}
