//! What belongs to an export of patients: their compartments, and what it takes to read these.
//!
//! Around some versions (those of the patients) come the Provenance resources about them, and the
//! resources that any of all these reference and that are about no patient themselves:
//! practitioners, organizations, medications … Filters are applied at the end, to each resource for
//! itself, so what is in scope does not depend on them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::members::Members;
use super::provenance::Provenances;
use super::request::{ExportRequest, Level};
use super::work::Work;
use crate::error::Result;
use crate::fhir::compartment::PATIENT;
use crate::fhir::outcome::Issue;
use crate::fhir::reference;
use crate::store::{Row, Selection, Snapshot, Tombstone, Version, View};
use crate::time::Instant;

/// Types that are never brought along by a reference: patients and what is about them must not be,
/// a Provenance comes by what it is about, a Binary is fetched by its URL.
const NEVER_BROUGHT: [&str; 3] = [PATIENT, "Provenance", "Binary"];

/// Versions that are exported by their types, each in order.
pub type Picks = BTreeMap<String, Vec<Row>>;

/// Finds what is in scope.
pub struct Scope<'a> {
    snapshot: &'a Snapshot,
    pub(super) view: View<'a>,
    request: &'a ExportRequest,
    work: &'a Work,
    /// The patients meant; `None` for all.
    patients: Option<BTreeSet<String>>,
    members: Members,
    pub(super) provenances: Provenances,
    /// What is known of resources that were referenced, by a hash of their names: the version that
    /// may be brought along, or that there is none.
    known: HashMap<u128, Option<i64>>,
    hashers: (RandomState, RandomState),
    /// Deleted resources that references lead to.
    missed: Vec<Tombstone>,
    /// Groups that are about some of the patients meant but are not to be seen.
    hidden: HashSet<i64>,
    /// Groups that are about several patients: in nobody's block, where there are blocks.
    rosters: HashSet<i64>,
}

impl<'a> Scope<'a> {
    /// Of `request` on `snapshot`.
    ///
    /// # Errors
    /// Those of [`Members::of`], and where the store cannot be read.
    pub fn new(
        snapshot: &'a Snapshot,
        request: &'a ExportRequest,
        work: &'a Work,
    ) -> Result<Scope<'a>> {
        let view = snapshot.view()?;
        let mut members = Members::default();
        let mut patients = match &request.level {
            Level::System | Level::Patient => None,
            Level::OnePatient(id) => Some(BTreeSet::from([id.clone()])),
            Level::Group(id) => {
                members = Members::of(snapshot, &view, id, request)?;
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
        let is_needed = request.level != Level::System
            || request.associated.is_some()
            || request.organize_by_patient;
        let mut scope = Scope {
            provenances: match is_needed {
                true => Provenances::read(snapshot, &view)?,
                false => Provenances::default(),
            },
            snapshot,
            view,
            request,
            work,
            patients,
            members,
            known: HashMap::new(),
            hashers: Default::default(),
            missed: Vec::new(),
            hidden: HashSet::new(),
            rosters: HashSet::new(),
        };
        scope.look_at_groups()?;
        Ok(scope)
    }

    /// Holds nothing up until something is looked for again.
    pub fn pause(&self) -> Result<()> {
        self.view.pause()
    }

    /// What is to be said of members that cannot be exported.
    pub fn notices(&mut self) -> Vec<Issue> {
        std::mem::take(&mut self.members.notices)
    }

    /// Everything that is exported, by type.
    ///
    /// # Errors
    /// `Gone` where the work is called off; where the store cannot be read.
    pub fn picks(&mut self) -> Result<Picks> {
        let roots = self.roots()?;
        self.work.begin(roots.len() as u64);
        self.picks_around(&roots)
    }

    /// What is exported around `roots` (in order, without repetitions), by type.
    pub(super) fn picks_around(&mut self, roots: &[i64]) -> Result<Picks> {
        let mut picks = Picks::new();
        self.around(roots, &mut |version| add(&mut picks, version))?;
        for picks in picks.values_mut() {
            picks.sort_unstable();
        }
        self.associate(&mut picks)?;
        Ok(picks)
    }

    /// The same around what is in scope and in nobody's block: members that are no patients, rosters.
    pub(super) fn picks_beside_patients(&mut self) -> Result<Picks> {
        let others = |seq: &i64| {
            self.rosters.contains(seq)
                || self.members.groups.contains(seq)
                || self.members.others.contains(seq)
        };
        let roots: Vec<i64> = self.roots()?.into_iter().filter(others).collect();
        self.picks_around(&roots)
    }

    /// The versions of one patient's block, in order: not those that are about others as a whole.
    pub(super) fn of_block(&self, patient: &str) -> Result<Vec<i64>> {
        let mut versions = self.of_patient(patient)?;
        versions.retain(|seq| !self.rosters.contains(seq));
        Ok(versions)
    }

    /// Begins work on all patients.
    pub(super) fn begin(&self) -> Result<()> {
        self.work.begin(self.roots()?.len() as u64);
        Ok(())
    }

    /// The versions of the patients meant: their own, and what is about them.
    fn roots(&self) -> Result<Vec<i64>> {
        let mut roots = self.members.groups.clone();
        roots.extend(&self.members.others);
        match &self.patients {
            None => {
                roots.extend(all_of(self.snapshot, PATIENT)?);
                roots.extend(self.view.about_anybody()?);
            }
            Some(patients) => {
                for patient in patients {
                    roots.extend(self.of_patient(patient)?);
                }
            }
        }
        self.in_order(&mut roots);
        Ok(roots)
    }

    fn in_order(&self, roots: &mut Vec<i64>) {
        roots.retain(|seq| !self.hidden.contains(seq));
        roots.sort_unstable();
        roots.dedup();
    }

    /// The versions of one patient, in order.
    pub(super) fn of_patient(&self, patient: &str) -> Result<Vec<i64>> {
        let mut versions: Vec<i64> = self.view.find(PATIENT, patient)?.into_iter().collect();
        versions.extend(self.view.about(patient)?);
        self.in_order(&mut versions);
        Ok(versions)
    }

    /// The patients meant, in the order of their resources; those without one at the end.
    pub(super) fn patients(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut place = |view: &View<'_>, patient: String| -> Result<()> {
            found.push((view.find(PATIENT, &patient)?.unwrap_or(i64::MAX), patient));
            Ok(())
        };
        match &self.patients {
            Some(patients) => patients.iter().try_for_each(|one| place(&self.view, one.clone()))?,
            None => {
                let mut patients: BTreeSet<String> = self.view.patients()?.into_iter().collect();
                for seq in all_of(self.snapshot, PATIENT)? {
                    patients.extend(self.view.version(seq)?.map(|version| version.id));
                }
                patients.into_iter().try_for_each(|one| place(&self.view, one))?;
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, patient)| patient).collect())
    }

    /// Calls `take` with each version around `roots` that the filters leave.
    fn around(&mut self, roots: &[i64], take: &mut dyn FnMut(Version)) -> Result<()> {
        let mut open = self.provenances.about(roots);
        let mut beside = HashSet::new();
        let follow = self.follows_references();
        for seq in roots {
            self.work.step()?;
            self.visit(*seq, follow, &mut open, take)?;
        }
        while let Some(seq) = open.pop() {
            if roots.binary_search(&seq).is_err() && beside.insert(seq) {
                self.visit(seq, follow, &mut open, take)?;
            }
        }
        Ok(())
    }

    fn visit(
        &mut self,
        seq: i64,
        follow: bool,
        open: &mut Vec<i64>,
        take: &mut dyn FnMut(Version),
    ) -> Result<()> {
        let mut strangers: Vec<(u128, String, String)> = Vec::new();
        let version = match follow {
            true => self.view.read(seq, |version, body| {
                reference::each_local(body, |resource_type, id| {
                    if NEVER_BROUGHT.contains(&resource_type) {
                        return;
                    }
                    let key = key(&self.hashers, resource_type, id);
                    match self.known.get(&key) {
                        Some(found) => open.extend(found),
                        None => strangers.push((key, resource_type.to_owned(), id.to_owned())),
                    }
                });
                version
            })?,
            false => self.view.version(seq)?,
        };
        let Some(version) = version else { return Ok(()) };
        for (key, resource_type, id) in strangers {
            open.extend(self.brought(key, &resource_type, &id)?);
        }
        let is_replaced =
            self.request.associated.is_some() && version.resource_type == "Provenance";
        if !is_replaced
            && self.request.wants(&version.resource_type)
            && self.request.covers(version.last_updated)
        {
            take(version);
        }
        Ok(())
    }

    /// A roster shows who else is on it: it comes along only where all of these are exported, or where
    /// it is the one asked for, all of it.
    fn look_at_groups(&mut self) -> Result<()> {
        if self.patients.is_none() && !self.request.organize_by_patient {
            return Ok(());
        }
        for seq in all_of(self.snapshot, "Group")? {
            let about = self.view.patients_of(seq)?;
            let is_meant = |patient: &String| {
                self.patients.as_ref().is_none_or(|patients| patients.contains(patient))
            };
            if !about.iter().all(is_meant) && !self.members.groups.contains(&seq) {
                self.hidden.insert(seq);
            }
            if about.len() > 1 {
                self.rosters.insert(seq);
            }
        }
        Ok(())
    }

    /// False where nothing of what references lead to is asked for.
    fn follows_references(&self) -> bool {
        self.request.wants_beside(&NEVER_BROUGHT)
    }

    /// The version that a reference brings along, if it leads to something that is about no patient.
    fn brought(&mut self, key: u128, resource_type: &str, id: &str) -> Result<Option<i64>> {
        // One text may name a stranger twice.
        if let Some(known) = self.known.get(&key) {
            return Ok(*known);
        }
        let found = match self.view.find(resource_type, id)? {
            Some(seq) if self.view.is_about_anybody(seq)? => None,
            Some(seq) => Some(seq),
            None => {
                if let Some(since) = self.request.since {
                    let until = self.request.until;
                    if let Some(deleted) = self.view.tombstone(resource_type, id, since, until)?
                        && !self.view.is_about_anybody(deleted.seq)?
                    {
                        self.missed.push(deleted);
                    }
                }
                None
            }
        };
        self.known.insert(key, found);
        Ok(found)
    }

    /// Puts the Provenance resources that `includeAssociatedData` asks for where those of the scope
    /// would be.
    pub(super) fn associate(&self, picks: &mut Picks) -> Result<()> {
        let Some(associated) = self.request.associated else { return Ok(()) };
        let mut returned: Vec<i64> = picks.values().flatten().map(|pick| pick.seq).collect();
        returned.sort_unstable();
        let mut provenances = Vec::new();
        for seq in self.provenances.associated(&returned, associated) {
            if let Some(version) = self.view.version(seq)? {
                provenances.push(Row { seq, size: version.size });
            }
        }
        if !provenances.is_empty() {
            picks.insert("Provenance".to_owned(), provenances);
        }
        Ok(())
    }

    /// What was deleted since `_since` and would be in scope, in order of deletion. To be called
    /// after [`Scope::picks`], which finds those that references lead to.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn deleted(&mut self) -> Result<Vec<Tombstone>> {
        let Some(since) = self.request.since else { return Ok(Vec::new()) };
        let mut deleted = std::mem::take(&mut self.missed);
        for tombstone in self.view.tombstones(since, self.request.until)? {
            if self.request.level == Level::System || self.was_about(&tombstone)? {
                deleted.push(tombstone);
            }
        }
        deleted.retain(|tombstone| self.request.wants(&tombstone.resource_type));
        deleted.sort_by_key(|tombstone| tombstone.ended);
        deleted.dedup();
        Ok(deleted)
    }

    /// True where a deleted resource was about one of the patients meant.
    fn was_about(&self, tombstone: &Tombstone) -> Result<bool> {
        let is_meant =
            |patient: &str| self.patients.as_ref().is_none_or(|all| all.contains(patient));
        match tombstone.resource_type.as_str() {
            PATIENT => Ok(is_meant(&tombstone.id)),
            "Group" => {
                let patients = self.view.patients_of(tombstone.seq)?;
                Ok(!patients.is_empty() && patients.iter().all(|patient| is_meant(patient)))
            }
            resource_type => {
                let patients = self.view.patients_of(tombstone.seq)?;
                if patients.iter().any(|patient| is_meant(patient)) {
                    return Ok(true);
                }
                match resource_type == "Provenance" {
                    true => self.provenance_was_about(tombstone, &is_meant),
                    false => Ok(false),
                }
            }
        }
    }

    /// The same for a Provenance, by what it was about: a resource that is here, or was.
    fn provenance_was_about(
        &self,
        tombstone: &Tombstone,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<bool> {
        let Some(body) = self.view.last_body(tombstone.seq)? else { return Ok(false) };
        for (resource_type, id) in super::provenance::targets(&body) {
            let ever = Instant::from_micros(i64::MIN);
            let seq = match self.view.find(&resource_type, &id)? {
                Some(seq) => Some(seq),
                None => {
                    let deleted = self.view.tombstone(&resource_type, &id, ever, None)?;
                    deleted.map(|deleted| deleted.seq)
                }
            };
            let Some(seq) = seq else { continue };
            if self.view.patients_of(seq)?.iter().any(|patient| is_meant(patient)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a resource is remembered by: two hashes, since one of 64 bits might be another's.
fn key((one, other): &(RandomState, RandomState), resource_type: &str, id: &str) -> u128 {
    let name = (resource_type, id);
    u128::from(one.hash_one(name)) << 64 | u128::from(other.hash_one(name))
}

fn add(picks: &mut Picks, version: Version) {
    let pick = Row { seq: version.seq, size: version.size };
    match picks.get_mut(&version.resource_type) {
        Some(picks) => picks.push(pick),
        None => drop(picks.insert(version.resource_type, vec![pick])),
    }
}

/// The numbers of all versions of a type.
pub(super) fn all_of(snapshot: &Snapshot, resource_type: &str) -> Result<Vec<i64>> {
    let all = snapshot.list(&Selection::all(resource_type, snapshot))?;
    Ok(all.into_iter().map(|row| row.seq).collect())
}
