//! The members of a Group.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#endpoint---group-of-patients>

use std::collections::{BTreeSet, HashSet};

use super::request::ExportRequest;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::PATIENT;
use crate::fhir::group::Group;
use crate::fhir::name::{local_reference, short};
use crate::fhir::outcome::Issue;
use crate::store::{Lookup, Snapshot};

/// The number of members that notices name one by one.
const MOST_NOTICES: usize = 1000;

/// The members of a Group and of the Groups in it.
#[derive(Default)]
pub struct GroupMembers {
    /// The ids of patients, also of those that are not in the store.
    pub patients: BTreeSet<String>,
    /// The versions of members of other types: Practitioner, Device …
    pub others: Vec<i64>,
    /// The versions of the Group and of the Groups in it.
    pub groups: Vec<i64>,
    /// Notices about members that cannot be exported.
    pub notices: Vec<Issue>,
    /// The number of members beyond the last notice.
    beyond: usize,
    /// Whether notices leave names out.
    hides_names: bool,
}

impl GroupMembers {
    /// Reads the Group with this id.
    ///
    /// # Errors
    /// `NotFound` if there is no such Group, `Invalid` if it or a Group in it defines its members by
    /// more than a list; where the store cannot be read.
    pub fn read(
        snapshot: &Snapshot,
        view: &Lookup<'_>,
        id: &str,
        request: &ExportRequest,
    ) -> Result<GroupMembers> {
        let Some(seq) = view.find("Group", id)? else {
            return Err(Error::new(Kind::NotFound, format!("Group/{} is not here", short(id))));
        };
        let time = (!request.whole_roster).then(|| snapshot.time());
        let mut members =
            GroupMembers { hides_names: request.hides_members, ..GroupMembers::default() };
        let mut seen = HashSet::from([seq]);
        let mut open = vec![seq];
        while let Some(seq) = open.pop() {
            members.groups.push(seq);
            let read = view.read(seq, |version, body| (version.id, Group::read(body, time)))?;
            let Some((name, group)) = read else { continue };
            let group = group
                .map_err(|reason| Error::new(Kind::Invalid, format!("Group/{name}: {reason}")))?;
            if let Some(description) = group.description {
                // Without the filter, more or other patients than meant would be exported.
                let what = format!(
                    "Group/{name} {}, which is not worked out here; export a Group that lists its members",
                    description.text(!request.hides_members)
                );
                return Err(Error::new(Kind::Invalid, what));
            }
            for member in group.members {
                let inner = members.add(view, &name, member.reference.as_deref())?;
                open.extend(inner.filter(|seq| seen.insert(*seq)));
            }
        }
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
