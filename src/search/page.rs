//! A page of what searches find, in the order of the versions or by keys.
//!
//! <https://hl7.org/fhir/R4/http.html#paging>, <https://hl7.org/fhir/R4/search.html#sort>. A page begins behind the last
//! version of the page before. All pages of a search show one snapshot, so together they have everything once. An order
//! by keys of bodies looks at all that is found for each page, and keeps the places of that page alone. An order by
//! `_lastUpdated` goes by its index where no body is asked.

use super::finder::Finder;
use super::ranked::Ranked;
use super::recipient::{Counted, FoundResource};
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::fhir::search::{Candidate, Search, SortOrder, SortPlace};
use crate::store::{Lookup, Reach, Selection, VersionHeader};

/// The most versions that are listed by their times at once.
const AT_ONCE: u64 = 1024;

/// Which page is wanted.
pub struct PageRequest<'r> {
    /// What is searched for: each type once.
    pub searches: &'r [Search],
    /// The order. Without keys the types stand one behind the other, each in the order of its versions.
    pub order: &'r SortOrder,
    /// How many resources at most; 0 for their number alone.
    pub count: usize,
    /// The page ends with the resource that makes it as long as this, in bytes.
    pub most_bytes: usize,
    /// The number of the last version on the page before; 0 for the first page.
    pub after: i64,
    /// True where the number of all is wanted even if it takes reading more.
    pub counts_all: bool,
}

/// A page.
#[derive(Debug, Default)]
pub struct ResultPage {
    /// The resources in their order.
    pub found: Vec<FoundResource>,
    /// True where another page follows.
    pub has_more: bool,
    /// The number of all that the searches find; `None` where it is not known.
    pub total: Option<u64>,
    /// The bytes of what is found.
    bytes: usize,
}

impl ResultPage {
    /// True where a resource does not fit on the page any more. Then another page follows.
    fn is_full(&mut self, request: &PageRequest<'_>) -> bool {
        self.has_more = self.found.len() == request.count || self.bytes >= request.most_bytes;
        self.has_more
    }

    fn add(&mut self, resource: FoundResource) {
        self.bytes += resource.body.len();
        self.found.push(resource);
    }
}

impl Finder<'_> {
    /// Makes a page.
    ///
    /// # Errors
    /// `Invalid` where `after` is no version that the searches can have found; where the store cannot be read; where
    /// the search may not go on.
    pub fn page(&self, request: &PageRequest<'_>) -> Result<ResultPage> {
        if request.count == 0 {
            let total = Some(self.count(request.searches)?);
            return Ok(ResultPage { total, ..ResultPage::default() });
        }
        let newest_first = request.order.by_time_alone();
        let mut page = match (newest_first, request.searches) {
            _ if request.order.is_empty() => self.page_by_number(request)?,
            (Some(newest_first), [search]) if is_seen_in_headers(search) => {
                self.page_by_time(request, search, newest_first)?
            }
            _ => self.page_by_keys(request)?,
        };
        if page.total.is_none() && request.after == 0 && !page.has_more {
            page.total = Some(page.found.len() as u64);
        }
        let is_counted = request.searches.iter().all(Search::finds_all)
            && self.snapshot().reach() == Reach::Everything;
        if page.total.is_none() && (request.counts_all || is_counted) {
            page.total = Some(self.count(request.searches)?);
        }
        Ok(page)
    }

    /// Counts what searches find.
    fn count(&self, searches: &[Search]) -> Result<u64> {
        let mut total = 0;
        for search in searches {
            total += if search.finds_all() {
                let all = Selection::all(search.resource_type(), self.snapshot());
                self.snapshot().total(&all)?.map_or(0, |total| total.count)
            } else {
                let mut counted = Counted::default();
                self.go_through_all(search, &mut counted)?;
                counted.0
            };
        }
        Ok(total)
    }

    fn page_by_number(&self, request: &PageRequest<'_>) -> Result<ResultPage> {
        let mut searches = request.searches;
        if let [_, _, ..] = searches
            && let Some(last) = self.last(request)?
        {
            let at = searches.iter().position(|one| one.resource_type() == last.resource_type);
            searches = &searches[at.ok_or_else(no_page)?..];
        }
        let mut page = ResultPage::default();
        let mut after = request.after;
        for search in searches {
            self.find(search, after, |resource| {
                let is_full = page.is_full(request);
                if !is_full {
                    page.add(resource);
                }
                !is_full
            })?;
            if page.has_more {
                break;
            }
            after = 0;
        }
        Ok(page)
    }

    fn page_by_time(
        &self,
        request: &PageRequest<'_>,
        search: &Search,
        newest_first: bool,
    ) -> Result<ResultPage> {
        let mut page = ResultPage::default();
        let mut after = self.last(request)?.map(|last| (last.last_updated, last.seq));
        let at_once = AT_ONCE.min(request.count as u64 + 1);
        loop {
            let resource_type = search.resource_type();
            let versions = self.snapshot().by_time(resource_type, after, newest_first, at_once)?;
            self.go_on(versions.len() as u64)?;
            let Some(last) = versions.last() else { return Ok(page) };
            after = Some((last.last_updated, last.seq));
            let view = self.snapshot().lookup()?;
            let is_found = |one: &&VersionHeader| search.may_match(&one.id, one.last_updated);
            for version in versions.iter().filter(is_found) {
                if page.is_full(request) {
                    return Ok(page);
                }
                if let Some(resource) = view.read(version.seq, FoundResource::with_header)? {
                    page.add(resource);
                }
            }
        }
    }

    fn page_by_keys(&self, request: &PageRequest<'_>) -> Result<ResultPage> {
        let after = self.place_of_last(request)?;
        let mut ranked = Ranked::new(request.order, after, request.count.saturating_add(1));
        for search in request.searches {
            ranked.resource_type = search.resource_type();
            self.go_through_all(search, &mut ranked)?;
        }
        std::mem::take(&mut ranked.faults).into_iter().for_each(|fault| self.note(fault));
        let mut page = ResultPage { total: Some(ranked.total), ..ResultPage::default() };
        let view = self.snapshot().lookup()?;
        for seq in ranked.into_seqs() {
            if page.is_full(request) {
                break;
            }
            if let Some(resource) = view.read(seq, FoundResource::with_header)? {
                page.add(resource);
            }
        }
        Ok(page)
    }

    /// The last version of the page before.
    fn last(&self, request: &PageRequest<'_>) -> Result<Option<VersionHeader>> {
        if request.after == 0 {
            return Ok(None);
        }
        self.snapshot().lookup()?.version(request.after)?.map(Some).ok_or_else(no_page)
    }

    fn place_of_last(&self, request: &PageRequest<'_>) -> Result<Option<SortPlace>> {
        if request.after == 0 {
            return Ok(None);
        }
        let view: Lookup<'_> = self.snapshot().lookup()?;
        let place = view.read(request.after, |header, body| {
            let tree = Tree::parse(body).unwrap_or(Tree::Null);
            let VersionHeader { seq, resource_type, id, last_updated, .. } = header;
            let candidate = Candidate { id: &id, last_updated, body: &tree };
            let place = request.order.place(&resource_type, &candidate, seq);
            place.unwrap_or_else(|_| request.order.last_place(seq))
        })?;
        place.map(Some).ok_or_else(no_page)
    }
}

/// True where id and time of a version alone say whether a search finds it, and no index finds it faster.
fn is_seen_in_headers(search: &Search) -> bool {
    !search.needs_body()
        && search.inner().is_empty()
        && search.ids().is_none()
        && search.compartment().is_none()
}

fn no_page() -> Error {
    let what = "_after names no resource of this search; begin again with its first page";
    Error::new(Kind::Invalid, what)
}
