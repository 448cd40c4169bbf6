//! What a search over HTTP finds for a page: the answers in FHIR and the screens for people show the same.

use super::links::{AFTER, PageLinks, SNAPSHOT, gone, name_of};
use super::search_request::SearchRequest;
use super::searched::Searched;
use crate::access::Interaction;
use crate::error::Result;
use crate::fhir::outcome::Issue;
use crate::fhir::search::TotalMode;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Request;
use crate::search::{Finder, IncludeRequest, IncludedResources, PageRequest, ResultPage};

/// A page ends with the resource that makes it as long as this, in bytes.
const MOST_BYTES: usize = 8 << 20;
/// The most resources that come along with those of a page.
const MOST_INCLUDED: usize = 5000;
/// What comes along ends with the resource that makes it as long as this, in bytes.
const MOST_INCLUDED_BYTES: usize = 16 << 20;

/// How many resources a page has.
#[derive(Clone, Copy, Debug)]
pub struct PageSize {
    /// Without `_count`.
    pub usual: usize,
    /// At most.
    pub most: usize,
}

/// A page of what a search finds.
pub struct FoundPage {
    /// What was asked.
    pub(super) asked: SearchRequest,
    /// The resources, in their order.
    pub page: ResultPage,
    /// Those that come along.
    pub(super) included: IncludedResources,
    /// What was not done as asked.
    pub issues: Vec<Issue>,
}

impl FoundPage {
    /// Searches. `request` has all parameters.
    ///
    /// # Errors
    /// Those of the parameters, as [`SearchRequest::read`] has them; where the store cannot be read; `Gone` where it has
    /// not all any more that the first page saw; `Interrupted` where the client has left.
    pub fn find(
        authenticated: &AuthenticatedRequest<'_>,
        request: &Request,
        searched: &Searched<'_>,
        size: PageSize,
    ) -> Result<FoundPage> {
        let asked = SearchRequest::read(authenticated, request, searched)?;
        let (results, snapshot) = (&asked.results, &asked.snapshot);
        let is_there = |_| authenticated.check_is_there();
        let finder = Finder::new(snapshot, authenticated.fhir_version()?, &is_there);
        let page = finder.page(&PageRequest {
            searches: &asked.searches,
            order: &results.order,
            // https://hl7.org/fhir/R4/search.html#count: 0 asks for the total only.
            count: if results.wants_total_alone() {
                0
            } else {
                results.count.unwrap_or(size.usual).min(size.most)
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
        let faults = finder.faults().into_iter();
        issues.extend(faults.map(|fault| Issue::warning("processing", fault)));
        if included.is_cut {
            let what = format!(
                "{} resources come along with this page, and not all that were asked for: they are more than {MOST_INCLUDED}, longer \
                 than {MOST_INCLUDED_BYTES} bytes, or too many steps away; ask for shorter pages with _count, or search for the others",
                included.found.len()
            );
            issues.push(Issue::warning("incomplete", what));
        }
        Ok(FoundPage { asked, page, included, issues })
    }

    /// The URL of the next page; `None` behind the last one. `links` are those of this page.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn next(&self, links: &PageLinks<'_>) -> Result<Option<String>> {
        let Some(last) = self.page.found.last().filter(|_| self.page.has_more) else {
            return Ok(None);
        };
        let at = name_of(&self.asked.snapshot)?;
        Ok(Some(links.page(&[(SNAPSHOT, &at), (AFTER, &last.seq.to_string())])))
    }

    /// The URL of the next page, where `url` is that of the search without its parameters, which are `query`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    #[cfg(feature = "page")]
    pub fn next_url(&self, url: &str, query: &[(String, String)]) -> Result<Option<String>> {
        let ignored = self.asked.ignored();
        self.next(&PageLinks { url, query, ignored: &ignored })
    }
}
