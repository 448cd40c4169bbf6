//! Resources that an export includes because others reference them: practitioners, organizations,
//! medications and other resources that are about no patient.
//!
//! A resource that names a patient outside of the export does not come along, in whichever element it
//! does so. A Device comes along with its own patient only.
//!
//! The bodies of a few patients' resources tell their references. With all patients the store's notes
//! tell them ([`References::of_all`]), except to resources that could be about a patient and are not:
//! of the types that refer to such types the bodies are read.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::cohort::Cohort;
use super::filter::ExportFilter;
use super::seq_set::SeqSet;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::mentions::{NEVER_INCLUDED, may_be_included};
use crate::fhir::reference;
use crate::store::{Tombstone, VersionHeader};

/// Types and ids that references name, by their keys in [`References::known`].
type ReferencedNames = HashMap<u128, (String, String)>;

/// Follows references, and remembers where each of them led.
pub struct References<'a> {
    filter: &'a ExportFilter,
    /// True if a type that references may include is exported.
    are_followed: bool,
    /// The types whose bodies are read; `None` for all.
    read: Option<HashSet<String>>,
    /// By a hash of type and id: the version to include, or `None` for no version.
    known: HashMap<u128, Option<i64>>,
    /// By the key of a note, likewise.
    known_keys: HashMap<i64, Option<i64>>,
    /// The keys that were followed, where none is followed twice: then nothing else is remembered of them.
    followed: Option<SeqSet>,
    hashers: (RandomState, RandomState),
    /// Deletions of resources that references led to.
    deletions: Vec<Tombstone>,
}

impl<'a> References<'a> {
    /// No reference followed yet. Bodies tell references.
    pub fn new(filter: &'a ExportFilter) -> References<'a> {
        References {
            filter,
            are_followed: filter.accepts_types_beside(&NEVER_INCLUDED),
            read: None,
            known: HashMap::new(),
            known_keys: HashMap::new(),
            followed: None,
            hashers: Default::default(),
            deletions: Vec::new(),
        }
    }

    /// True if a type that references may include is exported.
    pub fn are_followed(&self) -> bool {
        self.are_followed
    }

    /// Lets the store's notes tell references from now on. `strays` are the types with resources that are
    /// about no patient although they could be.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn use_notes(&mut self, cohort: &Cohort<'_>, strays: &HashSet<String>) -> Result<()> {
        let mut strays = strays.clone();
        // References to deleted resources are told.
        for tombstone in self.filter.deletions(&cohort.view)? {
            if !cohort.view.is_in_any_compartment(tombstone.seq)? {
                strays.insert(tombstone.resource_type);
            }
        }
        let mut read = HashSet::new();
        for name in strays.iter().filter(|name| may_be_included(name)) {
            read.extend(cohort.view.types_that_refer_to(name)?);
        }
        self.read = Some(read);
        Ok(())
    }

    /// Lets each note lead to its version once from now on, for all who have it: that takes a bit for each.
    pub fn follow_each_once(&mut self) {
        self.followed = Some(SeqSet::default());
    }

    /// True if the bodies of a type must be read for its references.
    pub fn must_read(&self, resource_type: &str) -> bool {
        self.read.as_ref().is_none_or(|read| read.contains(resource_type))
    }

    /// Looks a version up, and adds to `open` the versions that its references include. `None` if the
    /// snapshot has no such version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn follow(
        &mut self,
        cohort: &Cohort<'_>,
        seq: i64,
        open: &mut Vec<i64>,
    ) -> Result<Option<VersionHeader>> {
        let view = &cohort.view;
        if self.are_followed && self.read.is_none() {
            return self.read(cohort, seq, open);
        }
        let version = view.version(seq)?;
        if let Some(version) = version.as_ref().filter(|_| self.are_followed) {
            if self.must_read(&version.resource_type) {
                return self.read(cohort, seq, open);
            }
            for key in view.references_of(seq)? {
                open.extend(self.include_noted(cohort, key)?);
            }
        }
        Ok(version)
    }

    /// Looks up roots, of which there should not be too many at once, calls `each` with them, and adds to `open` the
    /// versions that their references include. What is about a patient is never included, so no reference from one of
    /// these roots to another is looked up.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn follow_roots(
        &mut self,
        cohort: &Cohort<'_>,
        roots: &[i64],
        open: &mut Vec<i64>,
        each: &mut dyn FnMut(VersionHeader),
    ) -> Result<()> {
        let reads_all = self.are_followed && self.read.is_none();
        let (mut names, mut about_patients) = (ReferencedNames::new(), HashSet::new());
        for seq in roots {
            let version = match reads_all {
                true => self.read_names(cohort, *seq, &mut names, open)?,
                false => self.follow(cohort, *seq, open)?,
            };
            let Some(version) = version else { continue };
            if reads_all && cohort.is_about_patients(*seq) {
                about_patients.insert(self.key(&version.resource_type, &version.id));
            }
            each(version);
        }
        names.retain(|key, _| !about_patients.contains(key));
        self.include_all(cohort, names, open)
    }

    /// Reads a version, and adds to `open` the versions that its references include. `None` if the
    /// snapshot has no such version.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read(
        &mut self,
        cohort: &Cohort<'_>,
        seq: i64,
        open: &mut Vec<i64>,
    ) -> Result<Option<VersionHeader>> {
        let mut names = ReferencedNames::new();
        let version = self.read_names(cohort, seq, &mut names, open)?;
        self.include_all(cohort, names, open)?;
        Ok(version)
    }

    /// Reads a version. Adds to `open` the versions that its references are known to include, and to `names` what they
    /// name else.
    fn read_names(
        &self,
        cohort: &Cohort<'_>,
        seq: i64,
        names: &mut ReferencedNames,
        open: &mut Vec<i64>,
    ) -> Result<Option<VersionHeader>> {
        cohort.view.read(seq, |version, body| {
            reference::each_local(body, |resource_type, id| {
                if NEVER_INCLUDED.contains(&resource_type) {
                    return;
                }
                let key = self.key(resource_type, id);
                match self.known.get(&key) {
                    Some(found) => open.extend(found),
                    None => {
                        let name = || (resource_type.to_owned(), id.to_owned());
                        names.entry(key).or_insert_with(name);
                    }
                }
            });
            version
        })
    }

    /// Adds to `open` the versions that references to `names` include.
    fn include_all(
        &mut self,
        cohort: &Cohort<'_>,
        names: ReferencedNames,
        open: &mut Vec<i64>,
    ) -> Result<()> {
        for (key, (resource_type, id)) in names {
            open.extend(self.include(cohort, key, &resource_type, &id)?);
        }
        Ok(())
    }

    /// The version that a noted reference includes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn include_noted(&mut self, cohort: &Cohort<'_>, key: i64) -> Result<Option<i64>> {
        if let Some(followed) = &mut self.followed {
            if followed.contains(key) {
                return Ok(None);
            }
            followed.insert(key);
            let target = cohort.view.reference_target(key)?;
            return target.map_or(Ok(None), |(name, id)| self.find(cohort, &name, &id));
        }
        if let Some(known) = self.known_keys.get(&key) {
            return Ok(*known);
        }
        let found = match cohort.view.reference_target(key)? {
            Some((name, id)) => self.include(cohort, self.key(&name, &id), &name, &id)?,
            None => None,
        };
        self.known_keys.insert(key, found);
        Ok(found)
    }

    /// The version that a reference includes: of a resource that is about no patient, and names none
    /// outside of the export.
    fn include(
        &mut self,
        cohort: &Cohort<'_>,
        key: u128,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<i64>> {
        // A note may tell the same.
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let found = self.find(cohort, resource_type, id)?;
        self.known.insert(key, found);
        Ok(found)
    }

    /// Finds the version that a reference includes, and notes its deletion where it is deleted.
    fn find(&mut self, cohort: &Cohort<'_>, resource_type: &str, id: &str) -> Result<Option<i64>> {
        if !may_be_included(resource_type) {
            return Ok(None);
        }
        let view = &cohort.view;
        let mut found = view.find(resource_type, id)?;
        if let Some(seq) = found {
            let is_about_others = view.is_in_any_compartment(seq)?
                || cohort.is_limited()
                    && view.read(seq, |_, body| names_outsider(cohort, body))?.unwrap_or(false);
            if is_about_others {
                found = None;
            }
        } else if let Some(deletion) = self.filter.deletion(view, resource_type, id)?
            && !view.is_in_any_compartment(deletion.seq)?
            && !view.last_body(deletion.seq)?.is_some_and(|body| names_outsider(cohort, &body))
        {
            self.deletions.push(deletion);
        }
        Ok(found)
    }

    /// The key that a resource is remembered by. It has two hashes, since one hash of 64 bits may
    /// collide.
    fn key(&self, resource_type: &str, id: &str) -> u128 {
        let (one, other) = &self.hashers;
        let name = (resource_type, id);
        u128::from(one.hash_one(name)) << 64 | u128::from(other.hash_one(name))
    }

    /// Takes the deletions of resources that references led to.
    pub fn deletions(&mut self) -> Vec<Tombstone> {
        std::mem::take(&mut self.deletions)
    }
}

/// True for a text that refers to a patient who is not exported.
fn names_outsider(cohort: &Cohort<'_>, body: &str) -> bool {
    let mut found = false;
    if cohort.is_limited() {
        reference::each_local(body, |resource_type, id| {
            found |= resource_type == PATIENT && !cohort.includes(id);
        });
    }
    found
}
