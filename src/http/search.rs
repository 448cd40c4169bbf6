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
use crate::fhir::reference::Condition;
use crate::store::{ReadOutcome, StoredVersion};
use crate::time::Instant;
use crate::time::span;

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

/// One value of `_lastUpdated`: what it is compared with, and how.
struct Bound {
    prefix: String,
    first: Instant,
    next: Instant,
}

/// What is searched for.
#[derive(Default)]
struct Criteria {
    /// Each set of ids must hold the resource's.
    ids: Vec<Vec<String>>,
    /// One of each must hold.
    bounds: Vec<Vec<Bound>>,
    /// One of each must be in the name; how by the modifier.
    names: Vec<(Modifier, Vec<String>)>,
    count: Option<usize>,
    after: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    None,
    Exact,
    Contains,
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
    let criteria = criteria(visit, request, resource_type)?;
    let count = criteria.count.unwrap_or(COUNT);
    // https://hl7.org/fhir/R4/search.html#count: with 0 only the total is wanted.
    let mut total = 0;
    let mut found = Vec::new();
    matches(visit, resource_type, &criteria, |kept| {
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
    let is_whole = !has_more && criteria.after == 0;
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

fn criteria(visit: &Visit<'_>, request: &Request, resource_type: &str) -> Result<Criteria> {
    let is_lenient = Preferences::of(request).is_lenient();
    let mut criteria = Criteria::default();
    for (name, value) in &request.query {
        let wrong =
            |what: &str| Error::new(Kind::Invalid, format!("{name} {:?} {what}", short(value)));
        let values = || value.split(',').map(str::to_owned).collect::<Vec<_>>();
        match (name.as_str(), resource_type) {
            ("_id", _) => criteria.ids.push(values()),
            ("identifier", _) => {
                // As a link has it, so that its commas and bars keep their meaning.
                let query = format!("identifier={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
                let condition = Condition::of(resource_type, &query)
                    .map_err(|reason| wrong(&format!("is wrong: {reason}")))?;
                criteria.ids.push(visit.seen.find(&condition)?);
            }
            ("_lastUpdated", _) => {
                let bounds = values().iter().map(|text| bound(text)).collect::<Option<Vec<_>>>();
                let shape = "should be a time, perhaps after eq, ne, gt, lt, ge, le, sa or eb";
                criteria.bounds.push(bounds.ok_or_else(|| wrong(shape))?);
            }
            ("name", "Group") => criteria.names.push((Modifier::None, values())),
            ("name:exact", "Group") => criteria.names.push((Modifier::Exact, values())),
            ("name:contains", "Group") => criteria.names.push((Modifier::Contains, values())),
            ("_count", _) => {
                let count = value.parse::<usize>().map_err(|_| wrong("should be a number"))?;
                criteria.count = Some(count.min(MOST));
            }
            ("_after", _) => {
                criteria.after = value.parse().map_err(|_| wrong("should be as a link has it"))?;
            }
            ("_format" | "_pretty", _) => {}
            _ if is_lenient => {}
            _ => {
                let also = if resource_type == "Group" { ", name" } else { "" };
                let known = format!("_id, identifier, _lastUpdated{also} and _count");
                let what =
                    format!("parameter {:?} cannot be searched for here; {known} can", short(name));
                return Err(Error::new(Kind::Invalid, what));
            }
        }
    }
    Ok(criteria)
}

/// <https://hl7.org/fhir/R4/search.html#prefix>
fn bound(text: &str) -> Option<Bound> {
    let letters = text.bytes().take_while(u8::is_ascii_lowercase).count();
    let (prefix, time) = text.split_at(letters);
    let known = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"];
    // A `+` in the zone arrives as a blank where a client did not encode it.
    let time = time.replace(' ', "+");
    let (first, next) = match time.split_at_checked(16) {
        // Seconds need not be there.
        Some((minute, zone)) if !zone.starts_with(':') => {
            let (first, _) = span(&format!("{minute}:00{zone}"))?;
            (first, Instant::from_micros(first.micros() + 60_000_000))
        }
        _ => span(&time)?,
    };
    known.contains(&prefix).then(|| Bound { prefix: prefix.to_owned(), first, next })
}

impl Bound {
    fn holds(&self, time: Instant) -> bool {
        let is_in = self.first <= time && time < self.next;
        match self.prefix.as_str() {
            "ne" => !is_in,
            "gt" | "sa" => time >= self.next,
            "lt" | "eb" => time < self.first,
            "ge" => time >= self.first,
            "le" => time < self.next,
            _ => is_in,
        }
    }
}

/// Calls `each` with resources that meet the criteria, in order, for as long as it wants more.
fn matches(
    visit: &Visit<'_>,
    resource_type: &str,
    criteria: &Criteria,
    mut each: impl FnMut(StoredVersion) -> bool,
) -> Result<()> {
    if let Some((one, others)) = criteria.ids.split_first() {
        let mut ids: Vec<&String> =
            one.iter().filter(|id| others.iter().all(|ids| ids.contains(id))).collect();
        ids.sort();
        ids.dedup();
        let mut found = Vec::new();
        for id in ids {
            if let ReadOutcome::Here(kept) = visit.seen.read(resource_type, id)?
                && kept.seq > criteria.after
                && criteria.hold(&kept)
            {
                found.push(kept);
            }
        }
        found.sort_by_key(|kept| kept.seq);
        found.into_iter().all(each);
        return Ok(());
    }
    let mut after = criteria.after;
    loop {
        let some = visit.seen.after(resource_type, after, AT_ONCE)?;
        let Some(last) = some.last() else { return Ok(()) };
        after = last.seq;
        if !some.into_iter().filter(|kept| criteria.hold(kept)).all(&mut each) {
            return Ok(());
        }
    }
}

impl Criteria {
    fn hold(&self, kept: &StoredVersion) -> bool {
        self.bounds.iter().all(|any| any.iter().any(|bound| bound.holds(kept.last_updated)))
            && (self.names.is_empty() || self.name_holds(&kept.body))
    }

    fn name_holds(&self, body: &str) -> bool {
        #[derive(serde::Deserialize)]
        struct Named {
            #[serde(default)]
            name: Option<String>,
        }
        let named = serde_json::from_str::<Named>(body).ok().and_then(|named| named.name);
        let Some(name) = named else { return false };
        self.names.iter().all(|(modifier, values)| {
            values.iter().any(|value| {
                let (lower, wanted) = (name.to_lowercase(), value.to_lowercase());
                match modifier {
                    Modifier::None => lower.starts_with(&wanted),
                    Modifier::Contains => lower.contains(&wanted),
                    Modifier::Exact => name == *value,
                }
            })
        })
    }
}
