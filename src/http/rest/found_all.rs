//! Everything that a search finds, page after page: for downloads, which have no end of a page.

use super::search_request::SearchRequest;
use super::searched::Searched;
use crate::error::{Error, Kind, Result};
use crate::fhir::version::FhirVersion;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::{ClientWatch, Request};
use crate::search::{Finder, FoundResource, PageRequest};
use crate::store::Snapshot;

/// The most resources that wait in memory.
const AT_ONCE: usize = 1000;
/// What waits ends with the resource that makes it as long as this, in bytes.
const MOST_BYTES: usize = 4 << 20;

/// A search whose whole result is wanted.
pub struct FoundAll {
    asked: SearchRequest,
    /// The same state as that of the search, without a right to large bodies: a slow client must not keep it.
    snapshot: Snapshot,
    version: FhirVersion,
    watch: ClientWatch,
}

impl FoundAll {
    /// Reads the parameters. Those that say which page is wanted have no effect.
    ///
    /// # Errors
    /// Those of [`SearchRequest::read`].
    pub fn read(
        authenticated: &AuthenticatedRequest<'_>,
        request: &Request,
        searched: &Searched<'_>,
    ) -> Result<FoundAll> {
        let asked = SearchRequest::read(authenticated, request, searched)?;
        let snapshot = authenticated.seen.snapshot_at(asked.snapshot.seq(), asked.snapshot.time());
        let (version, watch) = (authenticated.fhir_version()?, request.watch.clone());
        Ok(FoundAll { asked, snapshot, version, watch })
    }

    /// Gives each resource to `each`, with its text as the search wants it.
    ///
    /// # Errors
    /// Those of `each`; where the store cannot be read; `Gone` where some of it was pruned in the meantime, `Interrupted`
    /// where the client has left.
    pub fn for_each(&self, each: &mut dyn FnMut(&FoundResource, &str) -> Result<()>) -> Result<()> {
        let is_there = |_| match self.watch.has_left() {
            true => Err(Error::new(Kind::Interrupted, "the client left before the end")),
            false => Ok(()),
        };
        let finder = Finder::new(&self.snapshot, self.version, &is_there);
        let results = &self.asked.results;
        let mut after = 0;
        loop {
            let page = finder.page(&PageRequest {
                searches: &self.asked.searches,
                order: &results.order,
                count: AT_ONCE,
                most_bytes: MOST_BYTES,
                after,
                counts_all: false,
            })?;
            if !self.snapshot.is_whole()? {
                return Err(super::links::gone());
            }
            for found in &page.found {
                each(found, &results.cut(self.version, &found.resource_type, &found.body))?;
            }
            match page.found.last().filter(|_| page.has_more) {
                Some(last) => after = last.seq,
                None => return Ok(()),
            }
        }
    }
}
