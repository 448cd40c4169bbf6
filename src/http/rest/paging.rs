//! The parameters that a paged answer beside searches takes, and the links between its pages.
//!
//! <https://hl7.org/fhir/R4/http.html#paging>. A parameter that is not known is an error; with `Prefer: handling=lenient`
//! it is ignored, and the links leave it out.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::links::{AFTER, BEFORE, PageLinks, SNAPSHOT};
use super::search::{COUNT, MOST};
use super::search_request::MOST_PARAMETERS;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::secrets::is_secret;

/// The parameters of a paged request.
#[derive(Default)]
pub struct PagedRequest {
    /// All parameters, as they came.
    pairs: Vec<(String, String)>,
    /// The values of the known ones, in order.
    known: Vec<(&'static str, String)>,
    /// The names of those that are ignored.
    pub ignored: BTreeSet<String>,
}

impl PagedRequest {
    /// Reads `pairs`. Beside `known` there are `_count` and parameters that have no effect.
    ///
    /// # Errors
    /// `Invalid` for a parameter that is not known, and for a list that is too long.
    pub fn read(
        request: &AuthenticatedRequest<'_>,
        pairs: Vec<(String, String)>,
        known: &[&'static str],
    ) -> Result<PagedRequest> {
        if pairs.len() > MOST_PARAMETERS {
            let what =
                format!("{} parameters are too many; {MOST_PARAMETERS} are the most", pairs.len());
            return Err(Error::new(Kind::Invalid, what));
        }
        let mut read = PagedRequest::default();
        for (name, value) in &pairs {
            match known.iter().chain(&["_count"]).find(|known| *known == name) {
                Some(name) => read.known.push((name, value.clone())),
                None if ["_format", "_pretty"].contains(&name.as_str()) => {}
                None if is_secret(name, value) => {}
                None if request.preferences().is_lenient() => {
                    read.ignored.insert(name.clone());
                }
                None => {
                    // The names of pages are those of links.
                    let told = known.iter().filter(|name| !OF_LINKS.contains(name));
                    let told: Vec<&str> = told.copied().collect();
                    let what = format!(
                        "parameter {:?} is not known here; {} and _count are",
                        short(name),
                        told.join(", ")
                    );
                    return Err(Error::new(Kind::Invalid, what));
                }
            }
        }
        read.pairs = pairs;
        Ok(read)
    }

    /// The values of a parameter.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.known.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// The last value of a parameter, as `read` reads it; `form` says what it should be.
    ///
    /// # Errors
    /// `Invalid` for a value that cannot be read.
    fn last<T>(
        &self,
        name: &str,
        form: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>> {
        let mut last = None;
        for value in self.values(name) {
            last = Some(read(value).ok_or_else(|| {
                Error::new(Kind::Invalid, format!("{name} {:?} {form}", short(value)))
            })?);
        }
        Ok(last)
    }

    /// How many entries a page has.
    ///
    /// # Errors
    /// `Invalid` for what is no number.
    pub fn count(&self) -> Result<usize> {
        let count = self.last("_count", "should be a number", |value| value.parse().ok())?;
        Ok(count.map_or(COUNT, |count: usize| count.min(MOST)))
    }

    /// The number of a write in a link.
    ///
    /// # Errors
    /// `Invalid` for what is none.
    pub fn number(&self, name: &str) -> Result<Option<i64>> {
        let is_number = |number: &i64| *number >= 0;
        self.last(name, "should be as a link has it", |value| value.parse().ok().filter(is_number))
    }

    /// The URL of this page; `url` is that of the answer without parameters.
    pub fn own_url(&self, request: &AuthenticatedRequest<'_>, url: &str) -> String {
        self.links(url).own(request, &request.base())
    }

    /// The URL of another page, which `place` names.
    pub fn page_url(&self, url: &str, place: &[(&str, &str)]) -> String {
        self.links(url).page(place)
    }

    fn links<'l>(&'l self, url: &'l str) -> PageLinks<'l> {
        PageLinks { url, query: &self.pairs, ignored: &self.ignored }
    }
}

/// The characters of ids stand for themselves.
const NOT_OF_IDS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.');

/// An id as a segment of a URL.
pub fn id_segment(id: &str) -> String {
    utf8_percent_encode(id, NOT_OF_IDS).to_string()
}

/// The parameters that only links have.
const OF_LINKS: [&str; 3] = [BEFORE, SNAPSHOT, AFTER];
