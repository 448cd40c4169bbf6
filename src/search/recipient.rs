//! [`Recipient`]: what becomes of the versions that a search finds, while a read transaction is open.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::fhir::json::Tree;
use crate::fhir::search::{Answer, Candidate, InnerSearch};
use crate::store::{SeenVersion, VersionHeader, VersionSize};
use crate::time::Instant;

/// The most resources that are gathered at once.
const MOST_GATHERED: usize = 100;
/// What is gathered goes on once its bodies have so many bytes.
const MOST_BYTES: usize = 8 << 20;

/// A resource that a search has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundResource {
    /// Its type.
    pub resource_type: String,
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
    /// The version with this header and this body.
    pub fn with_header(header: VersionHeader, body: &str) -> FoundResource {
        let VersionHeader { seq, resource_type, id, last_updated, .. } = header;
        FoundResource { resource_type, seq, id, last_updated, body: body.to_owned() }
    }

    /// `Type/id`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.resource_type, self.id)
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
    resource_type: &'e str,
    each: &'e mut dyn FnMut(FoundResource) -> bool,
    found: Vec<FoundResource>,
    bytes: usize,
}

impl<'e> Gathered<'e> {
    /// Gives those of a type to `each` until that returns false.
    pub(super) fn new(
        resource_type: &'e str,
        each: &'e mut dyn FnMut(FoundResource) -> bool,
    ) -> Gathered<'e> {
        Gathered { resource_type, each, found: Vec::new(), bytes: 0 }
    }
}

impl Recipient for Gathered<'_> {
    fn take(&mut self, found: &SeenVersion<'_>, _: &Tree<'_>) -> bool {
        let SeenVersion { seq, id, last_updated, body, .. } = *found;
        self.bytes += body.len();
        self.found.push(FoundResource {
            resource_type: self.resource_type.to_owned(),
            seq,
            id: id.to_owned(),
            last_updated,
            body: body.to_owned(),
        });
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

/// Counts what a search finds.
#[derive(Default)]
pub(super) struct Counted(pub(super) u64);

impl Recipient for Counted {
    fn wants_text(&self) -> bool {
        false
    }

    fn take(&mut self, _: &SeenVersion<'_>, _: &Tree<'_>) -> bool {
        self.0 += 1;
        true
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
