//! [`Finder`]: goes through the resources of a snapshot that may meet a search, in the order of their numbers.
//!
//! Ids, identifiers, the patients of compartments, the targets of Provenances and the parameters that the store keeps
//! indexed are looked up; without them every resource of the type is read. A body is parsed only where id, time and
//! the texts that it must contain leave the question open. What a finder finds does not depend on when it looks: the
//! snapshot shows the same after later imports.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::answered::{AnsweredSearch, held};
use super::recipient::{Collected, FoundResource, Gathered, Recipient, Sizes};
use super::scan::scan;
use crate::error::Result;
use crate::fhir::compartment::is_link;
use crate::fhir::search::{Answer, Answers, InnerSearch, Search};
use crate::fhir::version::FhirVersion;
use crate::store::{
    IndexPage, Lookup, SeenVersion, Selection, SelectionScan, Snapshot, VersionHeader, VersionSize,
};

/// The most versions that are looked at in one read transaction, and so between two looks at whether the search may
/// go on.
const AT_ONCE: u64 = 1024;
/// An index is not followed where at least one of so many numbers is in it.
const DENSE: i64 = 4;
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
        self.go_through(&[answered], &within, &mut Gathered::new(search.resource_type(), &mut each))
    }

    /// Gives `recipient` everything that a search finds, until it wants no more.
    ///
    /// # Errors
    /// Where the store cannot be read; where the search may not go on.
    pub(super) fn go_through_all(
        &self,
        search: &Search,
        recipient: &mut dyn Recipient,
    ) -> Result<()> {
        let within = Selection::all(search.resource_type(), self.snapshot);
        self.go_through(&[self.answered(search)?], &within, recipient)
    }

    /// The snapshot.
    pub(super) fn snapshot(&self) -> &'f Snapshot {
        self.snapshot
    }

    /// Notes that `looked_at` versions were looked at.
    ///
    /// # Errors
    /// Where the search may not go on.
    pub(super) fn go_on(&self, looked_at: u64) -> Result<()> {
        (self.watch)(looked_at)
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
            return self.go_through_some(any, within, &seqs, recipient).map(drop);
        }
        let mut first = within.first;
        if let [answered] = any {
            match self.go_through_index(answered, within, recipient)? {
                Some(rest) => first = rest,
                None => return Ok(()),
            }
        }
        self.scan(any, &Selection { first, ..within.clone() }, recipient).map(drop)
    }

    /// Does the same by reading every version: some here, and where these are not enough the rest on all cores. False
    /// where `recipient` wants no more.
    fn scan(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
        recipient: &mut dyn Recipient,
    ) -> Result<bool> {
        let mut from = Some(within.first);
        let mut is_first = true;
        while let Some(first) = from {
            let rest = Selection { first, ..within.clone() };
            if !std::mem::take(&mut is_first)
                && let Some(on_threads) = SelectionScan::new(self.snapshot, &rest)?
            {
                let mut note = |fault| self.note(fault);
                let searches = (self.snapshot, any);
                return scan(&on_threads, searches, recipient, self.watch, &mut note);
            }
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
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does the same by the index that narrows a search most. Returns the number to scan from, where there is none,
    /// or where it ended; `None` at the end.
    fn go_through_index(
        &self,
        answered: &AnsweredSearch<'_>,
        within: &Selection,
        recipient: &mut dyn Recipient,
    ) -> Result<Option<i64>> {
        let view = self.snapshot.lookup()?;
        let questions = answered.search.index_questions();
        let best = view.best_index(&within.resource_type, questions)?;
        let Some(answer) = best else { return Ok(Some(within.first)) };
        let mut first = within.first;
        loop {
            let page = view.index_page(&answer, first, within.last)?;
            view.pause()?;
            let IndexPage::Versions { seqs, next } = page else { return Ok(Some(first)) };
            let last = next.map_or(within.last, |next| next - 1);
            let some = Selection { first, last, ..within.clone() };
            let any = std::slice::from_ref(answered);
            // Where most versions are in the index, one after the other is read sooner.
            let wants_more = if seqs.len() as i64 * DENSE > last - first {
                self.scan(any, &some, recipient)?
            } else {
                self.go_through_some(any, &some, &seqs, recipient)?
            };
            if !wants_more {
                return Ok(None);
            }
            match next {
                Some(next) => first = next,
                None => return Ok(None),
            }
        }
    }

    /// Does the same with the versions that have these numbers, where they are in the selection. False where
    /// `recipient` wants no more.
    fn go_through_some(
        &self,
        any: &[AnsweredSearch<'_>],
        within: &Selection,
        seqs: &BTreeSet<i64>,
        recipient: &mut dyn Recipient,
    ) -> Result<bool> {
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
                    return Ok(false);
                }
            }
        }
        view.pause()?;
        (self.watch)(looked_at)?;
        recipient.rest()
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
            match (seqs, any.len()) {
                (Some(seqs), _) => all.extend(seqs),
                // By an index one search is answered page by page.
                (None, 1) => return Ok(None),
                (None, _) => match self.narrowed_by_index(answered.search, within, &view)? {
                    Some(seqs) => all.extend(seqs),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(all))
    }

    /// The numbers that an index finds; `None` where there is none.
    fn narrowed_by_index(
        &self,
        search: &Search,
        within: &Selection,
        view: &Lookup<'_>,
    ) -> Result<Option<BTreeSet<i64>>> {
        let best = view.best_index(&within.resource_type, search.index_questions())?;
        let Some(answer) = best else { return Ok(None) };
        let (mut all, mut first) = (BTreeSet::new(), within.first);
        loop {
            (self.watch)(0)?;
            let page = view.index_page(&answer, first, within.last)?;
            let IndexPage::Versions { seqs, next } = page else { return Ok(None) };
            all.extend(seqs);
            match next {
                Some(next) => first = next,
                None => return Ok(Some(all)),
            }
        }
    }

    fn narrowed_by(
        &self,
        search: &Search,
        resource_type: &str,
        view: &Lookup<'_>,
    ) -> Result<Option<Vec<i64>>> {
        if let Some(patient) = search.compartment() {
            return view.in_compartment_of(patient).map(Some);
        }
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
        if let Some(targets) = search.provenance_targets() {
            for (resource_type, id) in targets.iter().filter_map(|name| name.split_once('/')) {
                seqs.extend(view.provenances_perhaps_about(resource_type, id)?);
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
        let wants_tree = recipient.wants_tree();
        let taken = held(any, version, wants_tree, &mut |fault| self.note(fault), |tree| {
            recipient.take(version, tree)
        });
        taken.unwrap_or(true)
    }

    /// Notes why a body could not be held against a search.
    pub(super) fn note(&self, fault: String) {
        let mut faults = self.faults.borrow_mut();
        if faults.len() < MOST_FAULTS {
            faults.insert(fault);
        }
    }
}
