//! `_typeFilter`: the searches that resources of a type must meet to be exported.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#_typefilter-query-parameter>. Several filters of a type are
//! alternatives, and each type is filtered by itself. This file reads filters; `filtered.rs` applies them.
//!
//! Clients join filters with commas, and encode the commas within one once more. So a value is first split at its
//! commas, where a piece without `Type?` belongs to the one before, and each filter is then decoded again.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use super::edition::Edition;
use super::filter::ExportFilter;
use super::reader::ParameterReader;
use super::request::ExportRequest;
use super::type_names::is_type;
use crate::error::{Error, Kind, Result};
use crate::fhir::name;
use crate::fhir::search::{Search, SearchContext, SearchError, SearchParameter};
use crate::time::Instant;

/// The most filters of an export: each is held against all resources of its type.
const MOST_FILTERS: usize = 100;

/// The most parameters of a filter.
const MOST_PARAMETERS: usize = 100;
/// The most chains and `_has` of all filters: each may look at every resource of another type.
const MOST_INNER: usize = 100;

/// What a filter looks like, for messages.
const FORM: &str = "should be a search such as Observation?code=8867-4";

/// Reads `_typeFilter`.
pub fn type_filters(reader: &mut ParameterReader<'_>, value: &str) -> Result<()> {
    let pieces = pieces(value);
    let is_stu4 = reader.rules().is_some_and(|rules| rules.edition == Edition::Stu4);
    if is_stu4 && pieces.len() > 1 {
        reader.fault(value, "is several values in one; repeat the parameter for each");
    }
    for piece in pieces {
        read(reader, &piece)?;
    }
    Ok(())
}

fn read(reader: &mut ParameterReader<'_>, piece: &str) -> Result<()> {
    let Some((resource_type, query)) = split_type(piece) else {
        reader.fault(piece, &format!("{FORM}{}", ignored(reader, None)));
        return Ok(());
    };
    if !is_type(reader, resource_type)? {
        return Ok(());
    }
    let read = parsed(resource_type, query, &context("", Instant::default()));
    match read.and_then(|search| reader.request.add_search(&search)) {
        Ok(()) => {}
        Err(what) => {
            reader.request.filter.leave_unfiltered(resource_type);
            let so = ignored(reader, Some(resource_type));
            reader.fault(piece, &format!("cannot be applied: {what}{so}"));
        }
    }
    Ok(())
}

/// What a lenient kick-off does instead, to be said behind a fault.
fn ignored(reader: &ParameterReader<'_>, resource_type: Option<&str>) -> String {
    match resource_type {
        _ if !reader.is_lenient() => String::new(),
        Some(name) => format!("; it is ignored, and all {name} resources are exported"),
        None => "; it is ignored".to_owned(),
    }
}

/// Notes a fault for each filter whose type is not exported, and leaves it out.
pub fn check_types(reader: &mut ParameterReader<'_>) {
    let Some(types) = reader.request.filter.types.clone() else { return };
    let filters = &mut reader.request.filter.type_filters;
    let others: Vec<String> =
        filters.keys().filter(|name| !types.contains(*name)).cloned().collect();
    for resource_type in others {
        reader.request.filter.type_filters.remove(&resource_type);
        reader.begin("_typeFilter");
        let what = "filters a type that _type leaves out; add it there, or leave the filter out";
        reader.fault(&format!("{resource_type}?"), &format!("{what}{}", ignored(reader, None)));
    }
}

impl ExportFilter {
    /// Adds a filter such as `Observation?code=8867-4`. Resources of its type are exported where they meet one of the
    /// filters that the type has.
    ///
    /// # Errors
    /// `Invalid` for a text that is no search by parameters of the type.
    pub fn add_type_filter(&mut self, filter: &str) -> Result<()> {
        let wrong =
            |what: String| Error::new(Kind::Invalid, format!("{:?} {what}", name::short(filter)));
        let (resource_type, query) = split_type(filter).ok_or_else(|| wrong(FORM.to_owned()))?;
        let search = parsed(resource_type, query, &context("", Instant::default()))
            .map_err(|what| wrong(format!("cannot be applied: {what}")))?;
        self.add_search(&search);
        Ok(())
    }

    fn add_search(&mut self, search: &Search) {
        let query = search.to_string();
        let of_type = self.type_filters.entry(search.resource_type().to_owned()).or_default();
        if !of_type.contains(&query) {
            of_type.push(query);
        }
    }

    /// Lets all resources of a type be exported: a search without criteria is among its filters.
    fn leave_unfiltered(&mut self, resource_type: &str) {
        self.add_search(&Search::all(resource_type));
    }
}

/// The searches of an export's filters, by their types.
#[derive(Default)]
pub struct TypeSearches(BTreeMap<String, Vec<Search>>);

impl TypeSearches {
    /// Those of `request`. References are relative to its server, and times to the snapshot.
    ///
    /// # Errors
    /// `Invalid` where a filter can no longer be read.
    pub fn of(request: &ExportRequest, time: Instant) -> Result<TypeSearches> {
        let base = request.shape.attachments_base.as_deref().unwrap_or_default();
        let context = context(base.trim_end_matches('/'), time);
        let mut searches = BTreeMap::new();
        for (resource_type, queries) in &request.filter.type_filters {
            let read = |query: &String| {
                parsed(resource_type, query, &context).map_err(|what| {
                    Error::new(Kind::Invalid, format!("_typeFilter {resource_type}?: {what}"))
                })
            };
            let of_type: Vec<Search> = queries.iter().map(read).collect::<Result<_>>()?;
            // A filter that accepts everything leaves the others nothing to decide.
            if of_type.iter().all(|search| search.pairs().next().is_some()) {
                searches.insert(resource_type.clone(), of_type);
            }
        }
        Ok(TypeSearches(searches))
    }

    /// The types that are filtered, each with its searches.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Search])> {
        self.0.iter().map(|(name, searches)| (name.as_str(), searches.as_slice()))
    }
}

impl ExportRequest {
    /// Adds the search of a filter, if there is room for it.
    ///
    /// # Errors
    /// What is too much.
    fn add_search(&mut self, search: &Search) -> std::result::Result<(), String> {
        let searches = TypeSearches::of(self, Instant::default()).unwrap_or_default();
        let searches = || searches.0.values().flatten();
        let inner: usize = searches().map(|search| search.inner().len()).sum();
        if searches().count() >= MOST_FILTERS {
            return Err(format!("an export has {MOST_FILTERS} filters at most"));
        }
        if inner + search.inner().len() > MOST_INNER {
            return Err(format!("an export has {MOST_INNER} chains in its filters at most"));
        }
        self.filter.add_search(search);
        Ok(())
    }

    /// The types that the filters of types read: those that are filtered, and those of chains and `_has`.
    pub(super) fn types_read(&self) -> BTreeSet<String> {
        // What can no longer be read as a search reads nothing.
        let searches = TypeSearches::of(self, Instant::default()).unwrap_or_default();
        let types = searches.0.values().flatten().flat_map(types_of);
        types.map(str::to_owned).collect()
    }
}

/// The types that a search reads.
pub fn types_of(search: &Search) -> impl Iterator<Item = &str> {
    let inner = search.inner().iter().map(|inner| inner.search.resource_type());
    std::iter::once(search.resource_type()).chain(inner)
}

/// How filters are read: strictly, since one that is read in part would export too much.
pub fn context(base: &str, now: Instant) -> SearchContext<'_> {
    SearchContext { base, now, is_lenient: false }
}

/// The search of a query, each name and value of which is percent-encoded once.
///
/// # Errors
/// What is wrong with it, with what there is instead.
pub fn parsed(
    resource_type: &str,
    query: &str,
    context: &SearchContext<'_>,
) -> std::result::Result<Search, String> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    if pairs.len() > MOST_PARAMETERS {
        return Err(format!(
            "{} parameters are too many; {MOST_PARAMETERS} are the most",
            pairs.len()
        ));
    }
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    match Search::parse(resource_type, pairs, context) {
        Ok(read) => Ok(read.search),
        Err(error @ SearchError::OfResult { .. }) => {
            let all = SearchParameter::all(resource_type).into_iter();
            let known: Vec<&str> = all.map(|parameter| parameter.code).collect();
            Err(format!("{error}; {resource_type} has {}", known.join(", ")))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Splits `Type?query`.
pub fn split_type(text: &str) -> Option<(&str, &str)> {
    let (resource_type, query) = text.split_once('?')?;
    name::is_type(resource_type).then_some((resource_type, query))
}

/// The filters in a value: it is split at each comma behind which a filter begins.
fn pieces(value: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for part in value.split(',') {
        match pieces.last_mut() {
            // `\,` is a comma of a value: https://hl7.org/fhir/R4/search.html#escaping
            Some(last) if last.ends_with('\\') || split_type(part.trim_start()).is_none() => {
                last.push(',');
                last.push_str(part);
            }
            _ => pieces.push(part.trim().to_owned()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_split_where_a_filter_begins() {
        for (value, found) in [
            ("Patient?gender=male", &["Patient?gender=male"][..]),
            (
                "Observation?code=a,b,Patient?gender=male",
                &["Observation?code=a,b", "Patient?gender=male"],
            ),
            ("A?x=1, B?y=2", &["A?x=1", "B?y=2"]),
            (r"A?x=1\,B?y=2", &[r"A?x=1\,B?y=2"]),
            ("A?x=1,Patient/a/Observation?y=2", &["A?x=1,Patient/a/Observation?y=2"]),
            ("A?code=1%2C2,B?y", &["A?code=1%2C2", "B?y"]),
            (",A?x=1", &["", "A?x=1"]),
            ("", &[""]),
        ] {
            assert_eq!(pieces(value), found, "{value}");
        }
    }

    #[test]
    fn a_filter_is_decoded_once_and_kept_as_a_query() {
        let mut filter = ExportFilter::default();
        filter.add_type_filter("Observation?code=a%2Cb|c%26d&status=final").unwrap();
        filter.add_type_filter("Observation?code=x").unwrap();
        filter.add_type_filter("Observation?code=x").unwrap();
        let kept = &filter.type_filters["Observation"];
        assert_eq!(kept, &["code=a%2Cb%7Cc%26d&status=final", "code=x"]);
        for query in kept {
            let search = parsed("Observation", query, &context("", Instant::default())).unwrap();
            assert_eq!(search.to_string(), *query);
        }
        for wrong in ["Observation", "?code=x", "Observation?nonsense=1", "Observation?_count=1"] {
            assert!(filter.add_type_filter(wrong).is_err(), "{wrong}");
        }
    }
}
