//! Who is in a Group, and whether those that were asked for are there.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#endpoint---group-of-patients>

use std::collections::{BTreeSet, HashSet};

use super::request::{ExportRequest, Level};
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment;
use crate::fhir::group::Group;
use crate::fhir::name::{local_reference, short};
use crate::fhir::outcome::Issue;
use crate::store::{Snapshot, View};

/// So many of what was left out are told one by one.
const MOST_NOTICES: usize = 1000;

/// The members of a Group, those of Groups in it included.
#[derive(Default)]
pub struct Members {
    /// The ids of patients, whether they are in the store or not.
    pub patients: BTreeSet<String>,
    /// The versions of members of other types: Practitioner, Device …
    pub others: Vec<i64>,
    /// The versions of the Group and of those in it.
    pub groups: Vec<i64>,
    /// What is to be said of members that cannot be exported.
    pub notices: Vec<Issue>,
    /// How many more of these there are.
    beyond: usize,
    /// Whether these leave names out.
    hides: bool,
}

impl Members {
    /// Reads the Group with this id.
    ///
    /// # Errors
    /// `NotFound` where there is none, `Invalid` where it lists nobody because it describes whom it
    /// means.
    pub fn of(
        snapshot: &Snapshot,
        view: &View<'_>,
        id: &str,
        request: &ExportRequest,
    ) -> Result<Members> {
        let Some(seq) = view.find("Group", id)? else {
            return Err(Error::new(Kind::NotFound, format!("Group/{} is not here", short(id))));
        };
        let mut members = Members { hides: request.hides_members, ..Members::default() };
        let mut seen = HashSet::from([seq]);
        let mut open = vec![seq];
        while let Some(seq) = open.pop() {
            members.groups.push(seq);
            let time = (!request.whole_roster).then(|| snapshot.time());
            let Some((name, group)) =
                view.read(seq, |version, body| (version.id, Group::read(body, time)))?
            else {
                continue;
            };
            let group = group
                .map_err(|reason| Error::new(Kind::Invalid, format!("Group/{name}: {reason}")))?;
            if group.is_descriptive {
                let what = format!(
                    "Group/{name} describes its members instead of listing them, which is not worked out here; \
                     give it members"
                );
                return Err(Error::new(Kind::Invalid, what));
            }
            for member in group.members {
                let link = member.reference.as_deref();
                match link.and_then(local_reference) {
                    Some((compartment::PATIENT, id)) => {
                        if members.patients.insert(id.to_owned())
                            && view.find(compartment::PATIENT, id)?.is_none()
                        {
                            members.miss(&name, &format!("Patient/{id} is not in the store"));
                        }
                    }
                    Some((resource_type, id)) => match view.find(resource_type, id)? {
                        Some(seq) if resource_type == "Group" => {
                            if seen.insert(seq) {
                                open.push(seq);
                            }
                        }
                        Some(seq) => members.others.push(seq),
                        None => members
                            .miss(&name, &format!("{resource_type}/{id} is not in the store")),
                    },
                    None => match link {
                        Some(link) => {
                            members.miss(&name, &format!("{} cannot be followed", short(link)))
                        }
                        None => members.miss(&name, "has no reference"),
                    },
                }
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

    fn miss(&mut self, group: &str, what: &str) {
        if self.notices.len() >= MOST_NOTICES {
            self.beyond += 1;
            return;
        }
        let what = if self.hides { "it cannot be found" } else { what };
        let text = format!("a member of Group/{group} cannot be exported: {what}");
        self.notices.push(Issue::warning("not-found", text));
    }
}

impl ExportRequest {
    /// Holds what was asked for against what there is: the Group, the patients.
    ///
    /// # Errors
    /// `NotFound` for a Group or patient that is not there, `Invalid` for a patient who is not in the
    /// Group and for types that no patient has; what `is_lenient` lets pass is a notice.
    pub fn check(&mut self, snapshot: &Snapshot, is_lenient: bool) -> Result<()> {
        let view = snapshot.view()?;
        let members = match &self.level {
            Level::System => return Ok(()),
            Level::Patient => None,
            Level::OnePatient(id) => {
                if view.find(compartment::PATIENT, id)?.is_none() {
                    let what = format!("Patient/{} is not here", short(id));
                    return Err(Error::new(Kind::NotFound, what));
                }
                None
            }
            Level::Group(id) => Some(Members::of(snapshot, &view, id, self)?),
        };
        let mut faults = Vec::new();
        let mut left = BTreeSet::new();
        for id in self.patients.iter().flatten() {
            let name = short(id);
            if view.find(compartment::PATIENT, id)?.is_none() {
                faults.push((
                    Kind::NotFound,
                    format!("patient \"Patient/{name}\" is not here; leave it out"),
                ));
            } else if members.as_ref().is_some_and(|members| !members.patients.contains(id)) {
                let what = format!(
                    "patient \"Patient/{name}\" is not a member of the Group; leave it out"
                );
                faults.push((Kind::Invalid, what));
            } else {
                left.insert(id.clone());
            }
        }
        // Nobody is no longer everybody.
        self.patients = self.patients.take().map(|_| left);
        if self.is_outside_compartment() && members.is_none_or(|members| members.others.is_empty())
        {
            let what = "_type names only types outside of the Patient compartment; name one inside, \
                        or export at the system level";
            faults.push((Kind::Invalid, what.to_owned()));
        }
        match faults.first() {
            Some((kind, text)) if !is_lenient => Err(Error::new(*kind, text.clone())),
            _ => {
                let notices = faults.into_iter().map(|(_, text)| Issue::warning("invalid", text));
                let beyond = notices.len().saturating_sub(MOST_NOTICES);
                self.notices.extend(notices.take(MOST_NOTICES));
                if beyond > 0 {
                    self.notices
                        .push(Issue::warning("invalid", format!("and {beyond} more are wrong")));
                }
                Ok(())
            }
        }
    }
}
