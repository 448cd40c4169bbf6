//! The members of a Group.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#endpoint---group-of-patients>

use std::collections::{BTreeSet, HashMap, HashSet};

use super::filtered::FilteredTypes;
use super::member_filters::MemberFilters;
use super::request::ExportRequest;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::PATIENT;
use crate::fhir::group::Group;
use crate::fhir::name::{local_reference, short};
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Snapshot, VersionHeader};

/// The number of members that notices name one by one.
const MOST_NOTICES: usize = 1000;

/// The most Groups with filters within each other.
const DEEPEST: usize = 10;

/// The members of a Group and of the Groups in it.
#[derive(Clone, Default)]
pub struct GroupMembers {
    /// The ids of patients, also of those that are not in the store.
    pub patients: BTreeSet<String>,
    /// The versions of members of other types: Practitioner, Device …
    pub others: Vec<i64>,
    /// The versions of the Group and of the Groups whose members are its own.
    pub groups: Vec<i64>,
    /// Notices about members that cannot be exported.
    pub notices: Vec<Issue>,
    /// The number of members beyond the last notice.
    beyond: usize,
    /// Whether notices leave names out.
    hides_names: bool,
}

impl GroupMembers {
    /// Reads the Group with this id. Filters of its members are checked; `filters` applies them, and without it they
    /// leave no patient.
    ///
    /// # Errors
    /// `NotFound` if there is no such Group; `Invalid` if it or a Group in it defines its members by more than a list
    /// and searches; `Forbidden` if the caller may not read what a search reads; where the store cannot be read.
    pub fn read(
        snapshot: &Snapshot,
        view: &Lookup<'_>,
        id: &str,
        request: &ExportRequest,
        filters: Option<&FilteredTypes<'_>>,
    ) -> Result<GroupMembers> {
        let Some(seq) = view.find("Group", id)? else {
            return Err(Error::new(Kind::NotFound, format!("Group/{} is not here", short(id))));
        };
        let mut reader = GroupReader { snapshot, view, request, filters, known: HashMap::new() };
        let mut members = reader.members(seq, &mut Vec::new())?;
        // The Group is exported, whomever its filters leave out.
        members.groups.push(seq);
        members.groups.sort_unstable();
        members.groups.dedup();
        if members.beyond > 0 {
            let text = format!("and {} more members cannot be exported", members.beyond);
            members.notices.push(Issue::warning("not-found", text));
        }
        members.others.sort_unstable();
        members.others.dedup();
        Ok(members)
    }

    /// Adds one member of a Group. If the member is a Group itself, returns its version instead.
    fn add(&mut self, view: &Lookup<'_>, group: &str, link: Option<&str>) -> Result<Option<i64>> {
        let Some(link) = link else {
            self.miss(group, "has no reference");
            return Ok(None);
        };
        let Some((resource_type, id)) = local_reference(link) else {
            self.miss(group, &format!("{} cannot be followed", short(link)));
            return Ok(None);
        };
        if resource_type == PATIENT && !self.patients.insert(id.to_owned()) {
            return Ok(None);
        }
        match view.find(resource_type, id)? {
            Some(seq) if resource_type == "Group" => return Ok(Some(seq)),
            Some(_) if resource_type == PATIENT => {}
            Some(seq) => self.others.push(seq),
            None => self.miss(group, &format!("{resource_type}/{id} is not in the store")),
        }
        Ok(None)
    }

    /// Adds the members of a Group with filters: its patients alone.
    fn add_filtered(&mut self, group: &str, inner: GroupMembers) {
        self.patients.extend(inner.patients);
        for notice in inner.notices {
            if self.notices.len() < MOST_NOTICES {
                self.notices.push(notice);
            } else {
                self.beyond += 1;
            }
        }
        self.beyond += inner.beyond;
        for _ in inner.others {
            self.miss(group, "it is no patient, and filters are worked out for patients only");
        }
    }

    fn miss(&mut self, group: &str, what: &str) {
        if self.notices.len() >= MOST_NOTICES {
            self.beyond += 1;
            return;
        }
        let what = if self.hides_names { "it cannot be found" } else { what };
        let text = format!("a member of Group/{group} cannot be exported: {what}");
        self.notices.push(Issue::warning("not-found", text));
    }
}

/// Reads Groups within Groups.
struct GroupReader<'r> {
    snapshot: &'r Snapshot,
    view: &'r Lookup<'r>,
    request: &'r ExportRequest,
    filters: Option<&'r FilteredTypes<'r>>,
    /// What Groups with filters have led to.
    known: HashMap<i64, GroupMembers>,
}

impl GroupReader<'_> {
    /// The members of a Group and of the Groups in it; `within` are the Groups with filters around it.
    fn members(&mut self, root: i64, within: &mut Vec<i64>) -> Result<GroupMembers> {
        let time = (!self.request.whole_roster).then(|| self.snapshot.time());
        let hides_names = self.request.hides_members;
        let mut members = GroupMembers { hides_names, ..GroupMembers::default() };
        let mut seen = HashSet::from([root]);
        let mut open = vec![root];
        while let Some(seq) = open.pop() {
            let read = |version: VersionHeader, body: &str| (version.id, Group::read(body, time));
            let Some((name, group)) = self.view.read(seq, read)? else { continue };
            let invalid = |what: &str| Error::new(Kind::Invalid, format!("Group/{name}{what}"));
            let group = group.map_err(|reason| invalid(&format!(": {reason}")))?;
            if let Some(description) = &group.description {
                // Without it, more or other patients than meant would be exported.
                return Err(invalid(&format!(
                    " {}, which is not worked out here; export a Group that lists its members",
                    description.text(!hides_names)
                )));
            }
            if !group.filters.is_empty() {
                if within.contains(&seq) {
                    return Err(invalid(" has filters and is a member of itself"));
                }
                if within.len() == DEEPEST {
                    return Err(invalid(" has filters, in too many Groups with filters"));
                }
                let inner = self.filtered(seq, &name, &group, within)?;
                members.add_filtered(&name, inner);
                continue;
            }
            members.groups.push(seq);
            for member in group.members {
                let inner = members.add(self.view, &name, member.reference.as_deref())?;
                open.extend(inner.filter(|seq| seen.insert(*seq)));
            }
        }
        Ok(members)
    }

    /// The members of a Group with filters who meet them.
    fn filtered(
        &mut self,
        seq: i64,
        name: &str,
        group: &Group,
        within: &mut Vec<i64>,
    ) -> Result<GroupMembers> {
        if let Some(known) = self.known.get(&seq) {
            return Ok(known.clone());
        }
        let filters = MemberFilters::read(name, group, self.snapshot, self.request)?;
        let hides_names = self.request.hides_members;
        let mut listed = GroupMembers { hides_names, ..GroupMembers::default() };
        let mut groups = BTreeSet::new();
        for member in &group.members {
            groups.extend(listed.add(self.view, name, member.reference.as_deref())?);
        }
        within.push(seq);
        for inner in groups {
            let inner = self.members(inner, within)?;
            listed.others.extend(&inner.others);
            listed.add_filtered(name, GroupMembers { others: Vec::new(), ..inner });
        }
        within.pop();
        let patients = std::mem::take(&mut listed.patients);
        if let Some(types) = self.filters {
            let listed_ones = group.has_list.then_some(patients);
            listed.patients = filters.apply(listed_ones, self.snapshot, self.view, types)?;
        }
        self.known.insert(seq, listed.clone());
        Ok(listed)
    }
}
