//! [`Finder`]: goes through the resources that may meet a search, in the order of their numbers.
//!
//! Ids, identifiers and the patients of compartments are looked up; without them every resource of the type is
//! read. A body is parsed only where id, time and the texts that it must contain leave the question open.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::error::Result;
use crate::fhir::compartment::is_link;
use crate::fhir::json::Tree;
use crate::fhir::search::{Answer, Answers, Candidate, InnerSearch, Needles, Search};
use crate::fhir::version::FhirVersion;
use crate::store::{ReadOutcome, StoredVersion, VisibleStore};
use crate::time::Instant;

/// The number of resources that are read at once.
const AT_ONCE: usize = 500;
/// The number of ids that are looked up between two looks at whether the search may go on.
const IDS_AT_ONCE: usize = 1000;
/// The most faults that are kept.
const MOST_FAULTS: usize = 20;

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

impl From<StoredVersion> for FoundResource {
    fn from(version: StoredVersion) -> FoundResource {
        let StoredVersion { seq, id, last_updated, body, .. } = version;
        FoundResource { seq, id, last_updated, body }
    }
}

/// Runs searches over the part of a store that somebody sees.
pub struct Finder<'f> {
    seen: &'f VisibleStore,
    fhir_version: FhirVersion,
    /// Asked now and then; an error ends the search.
    may_go_on: &'f dyn Fn() -> Result<()>,
    /// Why some bodies could not be held against the search. Their resources are not found.
    faults: RefCell<BTreeSet<String>>,
}

/// A search with what its inner searches have found.
struct AnsweredSearch<'s> {
    search: &'s Search,
    answers: Answers,
    needles: Needles,
    /// True where the caller looks at each body as a tree.
    wants_tree: bool,
}

impl<'f> Finder<'f> {
    /// Of a store with this version of FHIR.
    pub fn new(
        seen: &'f VisibleStore,
        fhir_version: FhirVersion,
        may_go_on: &'f dyn Fn() -> Result<()>,
    ) -> Finder<'f> {
        Finder { seen, fhir_version, may_go_on, faults: RefCell::default() }
    }

    /// Why some bodies could not be held against a search, each reason once.
    pub fn faults(self) -> BTreeSet<String> {
        self.faults.into_inner()
    }

    /// Calls `each` with the resources that a search finds whose numbers are above `after`, in order, until it
    /// returns false.
    ///
    /// # Errors
    /// Where the store cannot be read; where the search may not go on.
    pub fn find(
        &self,
        search: &Search,
        after: i64,
        mut each: impl FnMut(&FoundResource) -> bool,
    ) -> Result<()> {
        let answers = search.inner().iter().map(|inner| self.answer(inner));
        let answered = AnsweredSearch {
            search,
            answers: answers.collect::<Result<_>>()?,
            needles: search.needles(),
            wants_tree: false,
        };
        self.go_through(&answered, after, &mut |resource, _| Ok(each(resource)))
    }

    /// Runs a search within a search.
    fn answer(&self, inner: &InnerSearch) -> Result<Answer> {
        let answered = AnsweredSearch {
            search: &inner.search,
            answers: Answers::default(),
            needles: inner.search.needles(),
            wants_tree: inner.collects_from_body(),
        };
        let mut answer = Answer::default();
        self.go_through(&answered, 0, &mut |resource, body| {
            let FoundResource { id, last_updated, .. } = resource;
            let candidate = Candidate { id, last_updated: *last_updated, body };
            if let Err(fault) = inner.collect(&candidate, &mut answer) {
                self.note(fault);
            }
            Ok(true)
        })?;
        Ok(answer)
    }

    /// Calls `each` with what a search finds and its body, until it returns false.
    fn go_through(
        &self,
        answered: &AnsweredSearch<'_>,
        after: i64,
        each: &mut dyn FnMut(&FoundResource, &Tree<'_>) -> Result<bool>,
    ) -> Result<()> {
        let mut take = |found: FoundResource| self.take(answered, &found, each);
        if let Some(ids) = self.ids(answered.search)? {
            return self.go_through_ids(answered.search.resource_type(), &ids, after, &mut take);
        }
        let is_link =
            |element: &str| is_link(self.fhir_version, answered.search.resource_type(), element);
        if let Some(patients) = answered.search.patients(is_link) {
            return self.go_through_compartments(answered.search, &patients, after, &mut take);
        }
        let mut after = after;
        loop {
            (self.may_go_on)()?;
            let versions =
                self.seen.resources_after(answered.search.resource_type(), after, AT_ONCE)?;
            let Some(last) = versions.last() else { return Ok(()) };
            after = last.seq;
            for version in versions {
                if !take(version.into())? {
                    return Ok(());
                }
            }
        }
    }

    /// The ids that a resource must have; `None` where it may have any.
    fn ids(&self, search: &Search) -> Result<Option<BTreeSet<String>>> {
        let mut ids = search.ids();
        for condition in search.conditions() {
            if ids.as_ref().is_some_and(BTreeSet::is_empty) {
                break;
            }
            (self.may_go_on)()?;
            let found = self.seen.find(&condition)?.into_iter();
            ids = Some(match ids {
                Some(ids) => found.filter(|id| ids.contains(id)).collect(),
                None => found.collect(),
            });
        }
        Ok(ids)
    }

    fn go_through_ids(
        &self,
        resource_type: &str,
        ids: &BTreeSet<String>,
        after: i64,
        take: &mut dyn FnMut(FoundResource) -> Result<bool>,
    ) -> Result<()> {
        let snapshot = self.seen.latest()?;
        let view = snapshot.lookup()?;
        let mut found = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            if number % IDS_AT_ONCE == 0 {
                (self.may_go_on)()?;
            }
            let seq = view.find(resource_type, id)?.filter(|seq| *seq > after);
            found.extend(seq.map(|seq| (seq, id)));
        }
        drop(view);
        found.sort_unstable();
        for (_, id) in found {
            if let ReadOutcome::Here(version) = self.seen.read(resource_type, id)?
                && version.seq > after
                && !take(version.into())?
            {
                break;
            }
        }
        Ok(())
    }

    fn go_through_compartments(
        &self,
        search: &Search,
        patients: &BTreeSet<&str>,
        after: i64,
        take: &mut dyn FnMut(FoundResource) -> Result<bool>,
    ) -> Result<()> {
        let snapshot = self.seen.latest()?;
        let view = snapshot.lookup()?;
        let mut seqs = BTreeSet::new();
        for patient in patients {
            (self.may_go_on)()?;
            seqs.extend(view.in_compartment_of(patient)?);
        }
        for seq in seqs.range(after + 1..) {
            let found = view.read(*seq, |header, body| {
                (header.resource_type == search.resource_type()).then(|| FoundResource {
                    seq: *seq,
                    id: header.id,
                    last_updated: header.last_updated,
                    body: body.to_owned(),
                })
            })?;
            if let Some(Some(found)) = found
                && !take(found)?
            {
                break;
            }
        }
        Ok(())
    }

    /// Holds a resource against a search. False where `each` wants no more.
    fn take(
        &self,
        answered: &AnsweredSearch<'_>,
        found: &FoundResource,
        each: &mut dyn FnMut(&FoundResource, &Tree<'_>) -> Result<bool>,
    ) -> Result<bool> {
        let AnsweredSearch { search, answers, needles, wants_tree } = answered;
        if !search.may_match(&found.id, found.last_updated) || !needles.may_occur_in(&found.body) {
            return Ok(true);
        }
        let tree = if search.needs_body() || *wants_tree {
            match Tree::parse(&found.body) {
                Ok(tree) => tree,
                Err(fault) => {
                    self.note(fault);
                    return Ok(true);
                }
            }
        } else {
            Tree::Null
        };
        match search.matches(
            &Candidate { id: &found.id, last_updated: found.last_updated, body: &tree },
            answers,
        ) {
            Ok(true) => each(found, &tree),
            Ok(false) => Ok(true),
            Err(fault) => {
                self.note(fault);
                Ok(true)
            }
        }
    }

    fn note(&self, fault: String) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.insert(fault);
        }
    }
}
