//! The filters of a Group's members: searches that each member must meet.
//!
//! <https://hl7.org/fhir/uv/bulkdata/group.html>, `member-filter`. A patient meets a search if it finds the Patient, or
//! a resource in the patient's compartment. The searches run when the export is begun: on its snapshot and within
//! its reach. Groups of practitioners and of devices are not worked out here.

use std::collections::BTreeSet;

use super::filtered::FilteredTypes;
use super::request::ExportRequest;
use super::type_filter::{context, parsed, split_type, types_of};
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::group::Group;
use crate::fhir::name::short;
use crate::fhir::search::Search;
use crate::store::{Lookup, Selection, Snapshot, VersionSize};

/// The most filters of a Group.
const MOST_FILTERS: usize = 20;

/// The searches that the members of a Group must meet.
pub struct MemberFilters(Vec<Search>);

impl MemberFilters {
    /// Reads those of the Group with this id.
    ///
    /// # Errors
    /// `Invalid` for a filter that is no search, and for a Group that names no members and is none of persons;
    /// `Forbidden` where the caller may not read the types that a search reads.
    pub fn read(
        id: &str,
        group: &Group,
        snapshot: &Snapshot,
        request: &ExportRequest,
    ) -> Result<MemberFilters> {
        // Whoever may not read the Group does not learn its filters.
        let wrong = |kind, what: String| {
            let what = if request.hides_members { "the caller may not read it" } else { &what };
            Error::new(
                kind,
                format!("Group/{id} has a member-filter that cannot be worked out: {what}"),
            )
        };
        let invalid = |what: String| wrong(Kind::Invalid, what);
        if group.filters.len() > MOST_FILTERS {
            return Err(invalid(format!("{MOST_FILTERS} filters are the most")));
        }
        if !group.has_list && !group.is_of_persons {
            return Err(invalid("without a list of members its type should be person".to_owned()));
        }
        let base = request.shape.attachments_base.as_deref().unwrap_or_default();
        let context = context(base.trim_end_matches('/'), snapshot.time());
        let mut searches = Vec::new();
        for text in &group.filters {
            let named = |what: &str| invalid(format!("{:?} {what}", short(text)));
            let Some((resource_type, query)) = split_type(text).filter(|_| !text.contains("{{"))
            else {
                return Err(named("should be a search such as Encounter?class=AMB"));
            };
            if resource_type != PATIENT && !compartment::has(resource_type) {
                return Err(named("searches for a type in no patient's compartment"));
            }
            let search = parsed(resource_type, query, &context)
                .map_err(|what| named(&format!(": {what}")))?;
            if let Some(allowed) = &request.filter.allowed
                && let Some(name) = types_of(&search).find(|name| !allowed.contains(*name))
            {
                let what = format!("the scope of the access token does not cover {name}");
                return Err(wrong(Kind::Forbidden, what));
            }
            searches.push(search);
        }
        Ok(MemberFilters(searches))
    }

    /// The ids of the patients who meet each filter: of those that are `listed`, or of all Patients where none is.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn apply(
        &self,
        listed: Option<BTreeSet<String>>,
        snapshot: &Snapshot,
        view: &Lookup<'_>,
        filters: &FilteredTypes<'_>,
    ) -> Result<BTreeSet<String>> {
        let mut left = listed;
        for search in &self.0 {
            let mut found = BTreeSet::new();
            view.pause()?;
            for VersionSize { seq, .. } in
                filters.all(search, &Selection::all(search.resource_type(), snapshot))?
            {
                if search.resource_type() == PATIENT {
                    found.extend(view.version(seq)?.map(|version| version.id));
                } else {
                    found.extend(view.patients_of(seq)?);
                }
            }
            if let Some(left) = &left {
                found.retain(|id| left.contains(id));
            }
            left = Some(found);
        }
        let mut met = BTreeSet::new();
        for id in left.unwrap_or_default() {
            if view.find(PATIENT, &id)?.is_some() {
                met.insert(id);
            }
        }
        Ok(met)
    }
}
