//! [`Finder`]: goes through the resources of a snapshot that may meet a search, in the order of their numbers.
//!
//! Ids, identifiers and the patients of compartments are looked up; without them every resource of the type is
//! read. A body is parsed only where id, time and the texts that it must contain leave the question open. What a
//! finder finds does not depend on when it looks: the snapshot shows the same after later imports.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::recipient::{Collected, FoundResource, Gathered, Recipient, Sizes};
use crate::error::Result;
use crate::fhir::compartment::is_link;
use crate::fhir::json::Tree;
use crate::fhir::search::{Answer, Answers, Candidate, InnerSearch, Needles, Search};
use crate::fhir::version::FhirVersion;
use crate::store::{Lookup, SeenVersion, Selection, Snapshot, VersionHeader, VersionSize};

/// The most versions that are looked at in one read transaction, and so between two looks at whether the search may
/// go on.
const AT_ONCE: u64 = 1024;
/// The most faults that are kept.
const MOST_FAULTS: usize = 20;

/// Runs searches over a snapshot, and so over what its reach lets somebody see.
pub struct Finder<'f> {
    snapshot: &'f Snapshot,
    fhir_version: FhirVersion,
    /// Called now and then with the number of versions looked at since the last call; an error ends the search.
    watch: &'f dyn Fn(u64) -> Result<()>,
    /// Why some bodies could not be held against the search. Their resources are not found.
    faults: RefCell<BTreeSet<String>>,
}

/// A search with what its inner searches have found: they run once, however often it is used.
pub struct AnsweredSearch<'s> {
    search: &'s Search,
    answers: Answers,
    needles: Needles,
}

impl<'s> AnsweredSearch<'s> {
    /// A search that has no inner search, or one with these answers.
    fn new(search: &'s Search, answers: Answers) -> AnsweredSearch<'s> {
        AnsweredSearch { search, answers, needles: search.needles() }
    }
}

impl<'f> Finder<'f> {
    /// Of a snapshot of a store with this version of FHIR. `watch` is called now and then with the number of versions
    /// looked at since the last call; an error of it ends the search.
    pub fn new(
        snapshot: &'f Snapshot,
        fhir_version: FhirVersion,
        watch: &'f dyn Fn(u64) -> Result<()>,
    ) -> Finder<'f> {
        Finder { snapshot, fhir_version, watch, faults: RefCell::default() }
    }

    /// Why some bodies could not be held against a search, each reason once.
    pub fn faults(&self) -> BTreeSet<String> {
        self.faults.borrow().clone()
    }

    /// Calls `each` with the resources that a search finds whose numbers are above `after`, in order, until it
    /// returns false. No read transaction is open then.
    ///
    /// # Errors
    /// Where the store cannot be read; where the search may not go on.
    pub fn find(
        &self,
        search: &Search,
        after: i64,
        mut each: impl FnMut(FoundResource) -> bool,
    ) -> Result<()> {
        let within = Selection {
            first: after.saturating_add(1),
            ..Selection::all(search.resource_type(), self.snapshot)
        };
        let answered = self.answered(search)?;
        self.go_through(&[answered], &within, &mut Gathered::new(&mut each))
    }

    /// Runs the inner searches of a search: its chains and `_has`.
    ///
    /// # Errors
    /// Where the store cannot be read; where the search may not go on.
    pub fn answered<'s>(&self, search: &'s Search) -> Result<AnsweredSearch<'s>> {
        let answers = search.inner().iter().map(|inner| self.answer(inner));
        Ok(AnsweredSearch::new(search, answers.collect::<Result<_>>()?))
    }

    /// Calls `each` with the number and size of the versions within a selection that any of these searches finds, in
    /// order. All of them search for the type of the selection. A read transaction may be open then.
    ///
    /// # Errors
    /// Those of `each`; where the store cannot be read; where the search may not go on.
    pub fn for_each_size(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
        each: &mut dyn FnMut(VersionSize) -> Result<()>,
    ) -> Result<()> {
        self.go_through(any, within, &mut Sizes::new(each))
    }

    /// True where any of these searches finds a version. All of them search for its type.
    pub fn finds(&self, any: &[AnsweredSearch<'_>], version: &VersionHeader, body: &str) -> bool {
        let VersionHeader { seq, size, id, last_updated, .. } = version;
        let seen = SeenVersion { seq: *seq, size: *size, id, last_updated: *last_updated, body };
        let mut is_found = false;
        let mut note = |_| {
            is_found = true;
            Ok(())
        };
        self.take(any, &seen, &mut Sizes::new(&mut note));
        is_found
    }

    /// Runs a search within a search.
    fn answer(&self, inner: &InnerSearch) -> Result<Answer> {
        let within = Selection::all(inner.search.resource_type(), self.snapshot);
        let answered = AnsweredSearch::new(&inner.search, Answers::default());
        let mut collected = Collected::new(inner);
        self.go_through(&[answered], &within, &mut collected)?;
        let Collected { answer, faults, .. } = collected;
        faults.into_iter().for_each(|fault| self.note(fault));
        Ok(answer)
    }

    /// Gives `recipient` what any of these searches finds within a selection, until it wants no more.
    fn go_through(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
        recipient: &mut dyn Recipient,
    ) -> Result<()> {
        if let Some(seqs) = self.narrowed(any, within)? {
            return self.go_through_some(any, within, &seqs, recipient);
        }
        let mut from = Some(within.first);
        while let Some(first) = from {
            let rest = Selection { first, ..within.clone() };
            let mut looked_at = 0;
            from = self.snapshot.for_each_version(&rest, |version| {
                looked_at += 1;
                match self.take(any, &version, recipient) && looked_at < AT_ONCE {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
            (self.watch)(looked_at)?;
            if !recipient.rest()? {
                break;
            }
        }
        Ok(())
    }

    /// Does the same with the versions that have these numbers, where they are in the selection.
    fn go_through_some(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
        seqs: &BTreeSet<i64>,
        recipient: &mut dyn Recipient,
    ) -> Result<()> {
        let view = self.snapshot.lookup()?;
        let mut looked_at = 0;
        for seq in seqs.range(within.first..).take_while(|seq| **seq <= within.last) {
            looked_at += 1;
            let wants_more = view.read(*seq, |header, body| {
                let VersionHeader { seq, resource_type, id, last_updated, size } = header;
                let is_within = resource_type == within.resource_type
                    && within.since.is_none_or(|since| last_updated > since)
                    && within.until.is_none_or(|until| last_updated < until);
                let version = SeenVersion { seq, size, id: &id, last_updated, body };
                !is_within || self.take(any, &version, recipient)
            })?;
            if wants_more == Some(false) || looked_at >= AT_ONCE {
                view.pause()?;
                (self.watch)(std::mem::take(&mut looked_at))?;
                if !recipient.rest()? {
                    return Ok(());
                }
            }
        }
        view.pause()?;
        (self.watch)(looked_at)?;
        recipient.rest().map(drop)
    }

    /// The numbers of versions, all that any of these searches finds within a selection among them; `None` where any
    /// number may be one.
    fn narrowed(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
    ) -> Result<Option<BTreeSet<i64>>> {
        let view = self.snapshot.lookup()?;
        let mut all = BTreeSet::new();
        for answered in any {
            let seqs = self.narrowed_by(answered.search, &within.resource_type, &view)?;
            let Some(seqs) = seqs else { return Ok(None) };
            all.extend(seqs);
        }
        Ok(Some(all))
    }

    fn narrowed_by(
        &self,
        search: &Search,
        resource_type: &str,
        view: &Lookup<'_>,
    ) -> Result<Option<Vec<i64>>> {
        let mut seqs = Vec::new();
        if let Some(ids) = self.ids(search)? {
            for (number, id) in (1..).zip(&ids) {
                seqs.extend(view.find(resource_type, id)?);
                if number % AT_ONCE == 0 {
                    (self.watch)(0)?;
                }
            }
            return Ok(Some(seqs));
        }
        let is_link = |element: &str| is_link(self.fhir_version, resource_type, element);
        let Some(patients) = search.patients(is_link) else { return Ok(None) };
        for patient in patients {
            (self.watch)(0)?;
            seqs.extend(view.in_compartment_of(patient)?);
        }
        Ok(Some(seqs))
    }

    /// The ids that a resource must have; `None` where it may have any.
    fn ids(&self, search: &Search) -> Result<Option<BTreeSet<String>>> {
        let mut ids = search.ids();
        for condition in search.conditions() {
            if ids.as_ref().is_some_and(BTreeSet::is_empty) {
                break;
            }
            (self.watch)(0)?;
            let found = self.snapshot.find(&condition)?.into_iter();
            ids = Some(match ids {
                Some(ids) => found.filter(|id| ids.contains(id)).collect(),
                None => found.collect(),
            });
        }
        Ok(ids)
    }

    /// Gives `recipient` a version if any of these searches finds it. False where it wants no more for now.
    fn take(
        &self,
        any: &[AnsweredSearch<'_>],
        version: &SeenVersion<'_>,
        recipient: &mut dyn Recipient,
    ) -> bool {
        let SeenVersion { id, last_updated, body, .. } = *version;
        let may_match = |one: &&AnsweredSearch<'_>| {
            one.search.may_match(id, last_updated) && one.needles.may_occur_in(body)
        };
        let mut candidates = any.iter().filter(may_match).peekable();
        if candidates.peek().is_none() {
            return true;
        }
        let needs_tree =
            recipient.wants_tree() || any.iter().any(|answered| answered.search.needs_body());
        let tree = if needs_tree { Tree::parse(body) } else { Ok(Tree::Null) };
        let tree = match tree {
            Ok(tree) => tree,
            Err(fault) => {
                self.note(fault);
                return true;
            }
        };
        let candidate = Candidate { id, last_updated, body: &tree };
        for answered in candidates {
            match answered.search.matches(&candidate, &answered.answers) {
                Ok(true) => return recipient.take(version, &tree),
                Ok(false) => {}
                Err(fault) => self.note(fault),
            }
        }
        true
    }

    fn note(&self, fault: String) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.insert(fault);
        }
    }
}
