//! The patients of an export, and the versions that are about them.
//!
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>. These versions are the roots of the
//! export: `scope.rs` finds what else belongs to it.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use super::filtered::FilteredTypes;
use super::members::GroupMembers;
use super::request::{ExportRequest, Level};
use super::seq_set::SeqSet;
use super::versions::all_of;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Snapshot};

/// The patients of an export, and with a Group its other members.
pub struct Cohort<'a> {
    snapshot: &'a Snapshot,
    pub view: Lookup<'a>,
    /// The ids of the patients; `None` for all.
    patients: Option<BTreeSet<String>>,
    members: GroupMembers,
    /// Groups about some of the patients that list other patients too. They are not exported.
    withheld: HashSet<i64>,
    /// Groups about several patients. They stand in no patient's block.
    rosters: HashSet<i64>,
}

impl<'a> Cohort<'a> {
    /// Finds the patients of `request` in `snapshot`.
    ///
    /// # Errors
    /// As [`GroupMembers::read`]; where the store cannot be read.
    pub fn new(
        snapshot: &'a Snapshot,
        request: &ExportRequest,
        filters: &FilteredTypes<'_>,
    ) -> Result<Cohort<'a>> {
        let view = snapshot.lookup()?;
        let mut members = GroupMembers::default();
        let mut patients = match &request.level {
            Level::System | Level::Patient => None,
            Level::OnePatient(id) => Some(BTreeSet::from([id.clone()])),
            Level::Group(id) => {
                members = GroupMembers::read(snapshot, &view, id, request, Some(filters))?;
                Some(members.patients.clone())
            }
        };
        if let Some(asked) = &request.patients {
            patients = Some(match patients {
                None => asked.clone(),
                Some(members) => members.intersection(asked).cloned().collect(),
            });
            members.others.clear();
            members.groups.clear();
        }
        let (withheld, rosters) = Default::default();
        let mut cohort = Cohort { snapshot, view, patients, members, withheld, rosters };
        if cohort.patients.is_some() || request.organize_by_patient {
            cohort.sort_groups()?;
        }
        Ok(cohort)
    }

    /// Decides about each Group: it lists its patients, so it is exported only with all of them, or
    /// as the Group that the client asked for.
    fn sort_groups(&mut self) -> Result<()> {
        for seq in all_of(self.snapshot, "Group")? {
            // A Group may list very many, and the first of them often decides.
            let (mut listed, mut is_whole) = (0, true);
            self.view.for_each_patient_of(seq, |patient| {
                listed += 1;
                is_whole &= self.includes(patient);
                if is_whole || listed < 2 {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
            if !is_whole && !self.members.groups.contains(&seq) {
                self.withheld.insert(seq);
            }
            if listed > 1 {
                self.rosters.insert(seq);
            }
        }
        Ok(())
    }

    /// True if not all patients are exported.
    pub fn is_limited(&self) -> bool {
        self.patients.is_some()
    }

    /// True if this patient is exported.
    pub fn includes(&self, patient: &str) -> bool {
        self.patients.as_ref().is_none_or(|patients| patients.contains(patient))
    }

    /// The ids of the patients, in the order of their Patient resources; ids without a Patient come
    /// last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn patients(&self) -> Result<Vec<String>> {
        let ids = match &self.patients {
            Some(patients) => patients.clone(),
            None => {
                let mut ids: BTreeSet<String> = self.view.patients()?.into_iter().collect();
                for seq in all_of(self.snapshot, PATIENT)? {
                    ids.extend(self.view.version(seq)?.map(|version| version.id));
                }
                ids
            }
        };
        let mut placed = Vec::with_capacity(ids.len());
        for id in ids {
            placed.push((self.view.find(PATIENT, &id)?.unwrap_or(i64::MAX), id));
        }
        placed.sort();
        Ok(placed.into_iter().map(|(_, id)| id).collect())
    }

    /// The versions of all patients, of what is about them, and of the Group with its other members,
    /// in order.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roots(&self) -> Result<Vec<i64>> {
        let mut roots = self.members.groups.clone();
        roots.extend(&self.members.others);
        match &self.patients {
            None => {
                roots.extend(all_of(self.snapshot, PATIENT)?);
                roots.extend(self.view.in_any_compartment()?);
            }
            Some(patients) => {
                for patient in patients {
                    self.add_roots_of(patient, &mut roots)?;
                }
            }
        }
        Ok(self.in_order(roots))
    }

    /// The versions in the compartment of any patient. Some of them are not in the snapshot.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn in_any_compartment(&self) -> Result<SeqSet> {
        let mut set = SeqSet::default();
        self.view.for_each_in_any_compartment(|seq| set.insert(seq))?;
        Ok(set)
    }

    /// The versions of one patient's block, in order: without Groups of several patients.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roots_of_block(&self, patient: &str) -> Result<Vec<i64>> {
        let mut roots = Vec::new();
        self.add_roots_of(patient, &mut roots)?;
        roots.retain(|seq| !self.rosters.contains(seq));
        Ok(self.in_order(roots))
    }

    /// The roots that stand in no patient's block: Groups of several patients, and members of other
    /// types.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn roots_in_no_block(&self) -> Result<Vec<i64>> {
        if !self.is_limited() {
            // The Groups are about some of all patients, and there are no members.
            return Ok(self.in_order(self.rosters.iter().copied().collect()));
        }
        let mut roots = self.roots()?;
        roots.retain(|seq| {
            self.rosters.contains(seq)
                || self.members.groups.contains(seq)
                || self.members.others.contains(seq)
        });
        Ok(roots)
    }

    fn add_roots_of(&self, patient: &str, roots: &mut Vec<i64>) -> Result<()> {
        roots.extend(self.view.find(PATIENT, patient)?);
        roots.extend(self.view.in_compartment_of(patient)?);
        Ok(())
    }

    fn in_order(&self, mut roots: Vec<i64>) -> Vec<i64> {
        roots.retain(|seq| !self.withheld.contains(seq));
        roots.sort_unstable();
        roots.dedup();
        roots
    }

    /// Takes the notices about members that cannot be exported.
    pub fn notices(&mut self) -> Vec<Issue> {
        std::mem::take(&mut self.members.notices)
    }
}
