//! `GET [base]/[Type]?…` and `POST [base]/[Type]/_search`: finds resources of a type.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `fhir/search` has the parameters and their meaning; the
//! parameters of pages, `_count` and our own `_after`, are read here. Pages follow each other by
//! `link[next]`.
//!
//! <https://hl7.org/fhir/R4/search.html#errors>: a parameter that is not known is an error. With
//! `Prefer: handling=lenient` it is ignored: the links leave it out, and an entry says so.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::authenticated::AuthenticatedRequest;
use super::context::FHIR;
use super::form::{FORM, parse_form};
use super::header::FHIR_JSON;
use super::message::{Request, Response};
use super::searchset::SearchPage;
use super::secrets::is_secret;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::outcome::Issue;
use crate::fhir::search::{Criteria, SearchParameter};
use crate::store::{ReadOutcome, StoredVersion};

/// The number of resources on a page without `_count`.
const COUNT: usize = 100;
/// The largest number of resources on a page.
const MOST: usize = 1000;
/// A page ends with the resource that makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// The number of resources that are read at once.
const AT_ONCE: usize = 500;
/// The most parameters of a search; each is looked at for each resource.
const MOST_PARAMETERS: usize = 1000;
/// The number of ids that are looked up between two looks at whether the client is still there.
const IDS_AT_ONCE: usize = 1000;
/// The number of ignored parameters that are told one by one.
const MOST_IGNORED: usize = 20;

/// Which resources a search wants, and which of them on this page.
struct SearchRequest {
    criteria: Criteria,
    count: Option<usize>,
    /// Only versions with a higher sequence number.
    after: i64,
    /// The names of parameters that are ignored, each once.
    ignored: BTreeSet<String>,
}

impl SearchRequest {
    /// The issues about what is ignored.
    fn issues(&self, resource_type: &str) -> Vec<Issue> {
        let told = self.ignored.iter().take(MOST_IGNORED);
        let mut issues: Vec<Issue> = told
            .map(|name| {
                let what = format!("{}; it is ignored", unknown_parameter(resource_type, name));
                Issue::warning("not-supported", what)
            })
            .collect();
        if self.ignored.len() > MOST_IGNORED {
            let what = format!("and {} more are ignored", self.ignored.len() - MOST_IGNORED);
            issues.push(Issue::warning("not-supported", what));
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
    let search = read(request, resource_type)?;
    let count = search.count.unwrap_or(COUNT);
    // https://hl7.org/fhir/R4/search.html#count: 0 asks for the total only.
    let (mut total, mut bytes, mut has_more) = (0, 0, false);
    let mut found = Vec::new();
    find(authenticated, resource_type, &search, |version| {
        has_more = count > 0 && (total == count || bytes >= MOST_BYTES);
        if has_more {
            return false;
        }
        total += 1;
        if count > 0 {
            bytes += version.body.len();
            found.push(version);
        }
        true
    })?;
    let base = authenticated.base();
    let last = found.last().filter(|_| has_more);
    let url = format!("{base}{FHIR}/{resource_type}");
    let page = SearchPage {
        base: &base,
        resource_type,
        found: &found,
        total: (!has_more && search.after == 0).then_some(total),
        own_url: match request.method.as_str() {
            "POST" => own_url(&url, &request.query, &search.ignored),
            _ => format!("{base}{}", without(&request.target, &search.ignored)),
        },
        next_url: last.map(|last| next_url(&url, &request.query, &search.ignored, last.seq)),
        issues: &search.issues(resource_type),
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
fn read(request: &Request, resource_type: &str) -> Result<SearchRequest> {
    let is_lenient = request.preferences().is_lenient();
    let mut search = SearchRequest {
        criteria: Criteria::new(resource_type),
        count: None,
        after: 0,
        ignored: BTreeSet::new(),
    };
    if request.query.len() > MOST_PARAMETERS {
        let what = format!(
            "{} parameters are too many; a search has {MOST_PARAMETERS} at most, and a parameter many values: _id=a,b",
            request.query.len()
        );
        return Err(Error::new(Kind::Invalid, what));
    }
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
                // https://hl7.org/fhir/R4/search.html#modifiers: a server shall reject a modifier that it
                // does not support.
                None if is_lenient && !SearchParameter::is_modified(resource_type, name) => {
                    search.ignored.insert(name.to_owned());
                }
                None => {
                    return Err(Error::new(Kind::Invalid, unknown_parameter(resource_type, name)));
                }
            },
        }
    }
    Ok(search)
}

/// Says that a parameter is not known, and which are.
fn unknown_parameter(resource_type: &str, name: &str) -> String {
    let known = SearchParameter::names(resource_type).join(", ");
    format!("parameter {:?} cannot be searched for here; {known} and _count can", short(name))
}

/// Calls `each` with the resources that meet the criteria, in order, until it returns false.
fn find(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    search: &SearchRequest,
    mut each: impl FnMut(StoredVersion) -> bool,
) -> Result<()> {
    let meets = |version: &StoredVersion| search.criteria.hold(version.last_updated, &version.body);
    let mut ids = search.criteria.ids.clone();
    for condition in &search.criteria.conditions {
        if ids.as_ref().is_some_and(BTreeSet::is_empty) {
            break;
        }
        request.check_is_there()?;
        let found = request.seen.find(condition)?.into_iter();
        ids = Some(match ids {
            Some(ids) => found.filter(|id| ids.contains(id)).collect(),
            None => found.collect(),
        });
    }
    if let Some(ids) = ids {
        for (_, id) in in_order(request, resource_type, &ids, search.after)? {
            if let ReadOutcome::Here(version) = request.seen.read(resource_type, id)?
                && version.seq > search.after
                && meets(&version)
                && !each(version)
            {
                break;
            }
        }
        return Ok(());
    }
    let mut after = search.after;
    loop {
        request.check_is_there()?;
        let versions = request.seen.resources_after(resource_type, after, AT_ONCE)?;
        let Some(last) = versions.last() else { return Ok(()) };
        after = last.seq;
        if !versions.into_iter().filter(meets).all(&mut each) {
            return Ok(());
        }
    }
}

/// The resources of a type with these ids whose versions have numbers above `after`, in the order of the numbers.
fn in_order<'i>(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    ids: &'i BTreeSet<String>,
    after: i64,
) -> Result<Vec<(i64, &'i String)>> {
    let snapshot = request.seen.latest()?;
    let view = snapshot.lookup()?;
    let mut found = Vec::new();
    for (number, id) in ids.iter().enumerate() {
        if number % IDS_AT_ONCE == 0 {
            request.check_is_there()?;
        }
        let seq = view.find(resource_type, id)?.filter(|seq| *seq > after);
        found.extend(seq.map(|seq| (seq, id)));
    }
    found.sort_unstable();
    Ok(found)
}
