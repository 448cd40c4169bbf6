//! [`Recipient`]: what becomes of the versions that a search finds, while a read transaction is open.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::fhir::json::Tree;
use crate::fhir::search::{Answer, Candidate, InnerSearch};
use crate::store::{SeenVersion, VersionSize};
use crate::time::Instant;

/// The most resources that are gathered at once.
const MOST_GATHERED: usize = 100;
/// What is gathered goes on once its bodies have so many bytes.
const MOST_BYTES: usize = 8 << 20;

/// A resource that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundResource {
    /// The number of its version.
    pub seq: i64,
    /// The logical id.
    pub id: String,
    /// `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Its JSON text.
    pub body: String,
}

impl FoundResource {
    /// A version with its body, or with another text in its place.
    pub(super) fn of(version: &SeenVersion<'_>, body: &str) -> FoundResource {
        let SeenVersion { seq, id, last_updated, .. } = *version;
        FoundResource { seq, id: id.to_owned(), last_updated, body: body.to_owned() }
    }
}

/// Takes what a search finds.
pub(super) trait Recipient {
    /// True where [`Recipient::take`] looks at the body, which must be parsed then.
    fn wants_tree(&self) -> bool {
        false
    }

    /// True where [`Recipient::take`] looks at the text of the body.
    fn wants_text(&self) -> bool {
        true
    }

    /// Takes a version. False where [`Recipient::rest`] should come before the next one.
    fn take(&mut self, found: &SeenVersion<'_>, body: &Tree<'_>) -> bool;

    /// Called while no read transaction is open, and at the end. False where no more is wanted.
    ///
    /// # Errors
    /// Why the search should end.
    fn rest(&mut self) -> Result<bool> {
        Ok(true)
    }
}

/// Copies resources, and gives them away while no read transaction is open.
pub(super) struct Gathered<'e> {
    each: &'e mut dyn FnMut(FoundResource) -> bool,
    found: Vec<FoundResource>,
    bytes: usize,
}

impl<'e> Gathered<'e> {
    /// Gives them to `each` until that returns false.
    pub(super) fn new(each: &'e mut dyn FnMut(FoundResource) -> bool) -> Gathered<'e> {
        Gathered { each, found: Vec::new(), bytes: 0 }
    }
}

impl Recipient for Gathered<'_> {
    fn take(&mut self, found: &SeenVersion<'_>, _: &Tree<'_>) -> bool {
        self.bytes += found.body.len();
        self.found.push(FoundResource::of(found, found.body));
        self.found.len() < MOST_GATHERED && self.bytes < MOST_BYTES
    }

    fn rest(&mut self) -> Result<bool> {
        self.bytes = 0;
        Ok(self.found.drain(..).all(&mut self.each))
    }
}

/// Gives away numbers and sizes.
pub(super) struct Sizes<'e> {
    each: &'e mut dyn FnMut(VersionSize) -> Result<()>,
    failure: Option<Error>,
}

impl<'e> Sizes<'e> {
    /// Gives them to `each` until that fails.
    pub(super) fn new(each: &'e mut dyn FnMut(VersionSize) -> Result<()>) -> Sizes<'e> {
        Sizes { each, failure: None }
    }
}

impl Recipient for Sizes<'_> {
    fn wants_text(&self) -> bool {
        false
    }

    fn take(&mut self, found: &SeenVersion<'_>, _: &Tree<'_>) -> bool {
        self.failure = (self.each)(VersionSize { seq: found.seq, size: found.size }).err();
        self.failure.is_none()
    }

    fn rest(&mut self) -> Result<bool> {
        self.failure.take().map_or(Ok(true), Err)
    }
}

/// Collects the answer of an inner search.
pub(super) struct Collected<'i> {
    inner: &'i InnerSearch,
    pub(super) answer: Answer,
    /// Why nothing follows from some resources.
    pub(super) faults: BTreeSet<String>,
}

impl<'i> Collected<'i> {
    /// Nothing yet.
    pub(super) fn new(inner: &'i InnerSearch) -> Collected<'i> {
        Collected { inner, answer: Answer::default(), faults: BTreeSet::new() }
    }
}

impl Recipient for Collected<'_> {
    fn wants_tree(&self) -> bool {
        self.inner.collects_from_body()
    }

    fn wants_text(&self) -> bool {
        self.inner.collects_from_body()
    }

    fn take(&mut self, found: &SeenVersion<'_>, body: &Tree<'_>) -> bool {
        let candidate = Candidate { id: found.id, last_updated: found.last_updated, body };
        if let Err(fault) = self.inner.collect(&candidate, &mut self.answer) {
            self.faults.insert(fault);
        }
        true
    }
}
