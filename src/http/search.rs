//! `GET [base]/[Type]?…`: finding Groups by what does not change, and anything by what changed.
//!
//! <https://hl7.org/fhir/R4/http.html#search>. `_id`, `identifier` and `_lastUpdated` for every
//! type, `name` for Group, as <https://hl7.org/fhir/uv/bulkdata/group.html> wants it. Values of one
//! parameter are alternatives, parameters go together. Pages follow each other by `link[next]`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;

use super::message::{FHIR_JSON, Request, Response, is_secret, pairs};
use super::prefer::{Preferences, takes_json};
use super::route::FHIR;
use super::visit::Visit;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::search::{Criteria, SearchParameter};
use crate::store::{ReadOutcome, StoredVersion};

/// So many resources on a page where `_count` does not say.
const COUNT: usize = 100;
/// … and at most, whatever it says.
const MOST: usize = 1000;
/// So many resources are read at once.
const AT_ONCE: usize = 500;

/// A Bundle of type `searchset`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SearchSet<'a> {
    resource_type: &'static str,
    #[serde(rename = "type")]
    bundle_type: &'static str,
    /// Left out where there are more pages: counting would mean reading them all.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    link: Vec<Link>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Link {
    relation: &'static str,
    url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    full_url: String,
    resource: &'a RawValue,
    search: Mode,
}

#[derive(Serialize)]
struct Mode {
    mode: &'static str,
}

/// What a search asks for: the resources, and which of them are on this page.
struct SearchRequest {
    criteria: Criteria,
    count: Option<usize>,
    after: i64,
}

/// Answers a search that comes as a form.
pub fn posted(visit: &Visit<'_>, resource_type: &str) -> Result<Response> {
    let request = visit.request;
    let content_type = request.header("content-type").unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim();
    if !request.body.is_empty() && media != "application/x-www-form-urlencoded" {
        let what = format!("a search of {content_type:?} is not read; send a form");
        return Err(Error::new(Kind::UnsupportedFormat, what));
    }
    let form = String::from_utf8_lossy(&request.body).into_owned();
    let posted = pairs(&form);
    let query = [request.query.as_slice(), &posted].concat();
    let target = format!("{FHIR}/{resource_type}");
    let request = Request { query, target, body: Vec::new(), ..request.clone() };
    answer(visit, &request, &posted, resource_type)
}

/// Answers a search for resources of a type.
pub fn search(visit: &Visit<'_>, resource_type: &str) -> Result<Response> {
    answer(visit, visit.request, &[], resource_type)
}

fn answer(
    visit: &Visit<'_>,
    request: &Request,
    posted: &[(String, String)],
    resource_type: &str,
) -> Result<Response> {
    takes_json(request)?;
    visit.check(resource_type, Interaction::Search)?;
    let search = read(request, resource_type)?;
    let count = search.count.unwrap_or(COUNT);
    // https://hl7.org/fhir/R4/search.html#count: with 0 only the total is wanted.
    let mut total = 0;
    let mut found = Vec::new();
    matches(visit, resource_type, &search, |kept| {
        total += 1;
        if count > 0 {
            found.push(kept);
        }
        count == 0 || total <= count
    })?;
    let has_more = count > 0 && total > count;
    found.truncate(count);
    let base = visit.base();
    let mut link = vec![Link { relation: "self", url: format!("{base}{}", request.target) }];
    if let Some(last) = found.last().filter(|_| has_more) {
        let url = next(&format!("{base}{FHIR}/{resource_type}"), &request.query, last.seq);
        link.push(Link { relation: "next", url });
    }
    let entry = found.iter().map(|kept| {
        Ok(Entry {
            full_url: format!("{base}{FHIR}/{resource_type}/{}", kept.id),
            resource: serde_json::from_str(&kept.body)
                .map_err(|error| Error::caused(Kind::Damaged, "a body is not JSON", error))?,
            search: Mode { mode: "match" },
        })
    });
    let is_whole = !has_more && search.after == 0;
    let set = SearchSet {
        resource_type: "Bundle",
        bundle_type: "searchset",
        total: is_whole.then_some(total),
        link,
        entry: entry.collect::<Result<_>>()?,
    };
    let body = serde_json::to_vec(&set)
        .map_err(|error| Error::caused(Kind::Internal, "a searchset", error))?;
    visit.note_read("search", posted, body.len());
    Ok(Response::new(200, FHIR_JSON, body).with("Cache-Control", "no-store"))
}

/// The same search after the version numbered `after`.
fn next(url: &str, query: &[(String, String)], after: i64) -> String {
    let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let kept = query.iter().filter(|(name, _)| name != "_after" && !is_secret(name));
    let pairs: Vec<String> =
        kept.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    let pairs = if pairs.is_empty() { String::new() } else { format!("{}&", pairs.join("&")) };
    format!("{url}?{pairs}_after={after}")
}

fn read(request: &Request, resource_type: &str) -> Result<SearchRequest> {
    let is_lenient = Preferences::of(request).is_lenient();
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
                None => {
                    let known = SearchParameter::names(resource_type).join(", ");
                    let what = format!(
                        "parameter {:?} cannot be searched for here; {known} and _count can",
                        short(name)
                    );
                    return Err(Error::new(Kind::Invalid, what));
                }
            },
        }
    }
    Ok(search)
}

/// Calls `each` with resources that meet the criteria, in order, for as long as it wants more.
fn matches(
    visit: &Visit<'_>,
    resource_type: &str,
    search: &SearchRequest,
    mut each: impl FnMut(StoredVersion) -> bool,
) -> Result<()> {
    let criteria = &search.criteria;
    let mut lists = criteria.ids.clone();
    for condition in &criteria.conditions {
        lists.push(visit.seen.find(condition)?);
    }
    if let Some((one, others)) = lists.split_first() {
        let mut ids: Vec<&String> =
            one.iter().filter(|id| others.iter().all(|ids| ids.contains(id))).collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::new();
        for id in ids {
            if let ReadOutcome::Here(kept) = visit.seen.read(resource_type, id)?
                && kept.seq > search.after
                && criteria.hold(kept.last_updated, &kept.body)
            {
                found.push(kept);
            }
        }
        found.sort_by_key(|kept| kept.seq);
        found.into_iter().all(each);
        return Ok(());
    }
    let mut after = search.after;
    loop {
        let some = visit.seen.after(resource_type, after, AT_ONCE)?;
        let Some(last) = some.last() else { return Ok(()) };
        after = last.seq;
        if !some
            .into_iter()
            .filter(|kept| criteria.hold(kept.last_updated, &kept.body))
            .all(&mut each)
        {
            return Ok(());
        }
    }
}
