//! Who may see an export: owners and types.
//!
//! A job keeps the reach of the client that started it. Only a client with the same reach, and with
//! all types that the job may hold, sees the job.

use std::collections::BTreeSet;

use super::request::{ExportRequest, Level};
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::name::short;
use crate::store::Reach;

/// The data that a client may export.
#[derive(Clone, Debug, Default)]
pub struct Permission {
    /// The owners whose data it is.
    pub reach: Reach,
    /// Only these types; `None` for all.
    pub types: Option<BTreeSet<String>>,
}

impl Permission {
    /// True if an export cannot hold types other than these.
    fn covers(&self, request: &ExportRequest) -> bool {
        let Some(permitted) = &self.types else { return true };
        // Associated Provenance is exported whatever types are asked for.
        if request.associated.is_some() && !permitted.contains("Provenance") {
            return false;
        }
        let read = request.types_read();
        if !read.is_subset(permitted) {
            return false;
        }
        if request.shows_links_of_patients() && !permitted.contains(PATIENT) {
            return false;
        }
        let are_permitted = |types: &Option<BTreeSet<String>>| {
            types.as_ref().is_some_and(|types| types.is_subset(permitted))
        };
        are_permitted(&request.filter.types) || are_permitted(&request.filter.allowed)
    }

    /// Checks that these types cover an export; the caller compares the reach.
    ///
    /// # Errors
    /// `Forbidden` if the export was started with a wider scope.
    pub(super) fn check(&self, request: &ExportRequest) -> Result<()> {
        if self.covers(request) {
            return Ok(());
        }
        let what = "this export was begun with a wider scope than that of the access token";
        Err(Error::new(Kind::Forbidden, what))
    }
}

impl ExportRequest {
    /// True if rows of types outside of the Patient compartment tell what resources of patients refer to.
    fn shows_links_of_patients(&self) -> bool {
        let is_outside = |name: &String| !compartment::has(name);
        self.views.is_some()
            && self.level != Level::System
            && self.filter.types.iter().flatten().any(is_outside)
    }

    /// Limits the request to the types of the client.
    ///
    /// # Errors
    /// `Forbidden` if the client may export no type, or if the request names another one.
    pub(crate) fn limit(&mut self, permission: &Permission) -> Result<()> {
        let Some(permitted) = &permission.types else { return Ok(()) };
        if permitted.is_empty() {
            let what =
                "the scope of the access token covers no type for export: that takes r and s";
            return Err(Error::new(Kind::Forbidden, what));
        }
        let beyond = |name: &str| {
            let what = format!("the scope of the access token does not cover {}", short(name));
            Err(Error::new(Kind::Forbidden, what))
        };
        let mut asked = self.filter.types.iter().flatten();
        if let Some(name) = asked.find(|name| !permitted.contains(*name)) {
            return beyond(name);
        }
        if self.associated.is_some() && !permitted.contains("Provenance") {
            return beyond("Provenance");
        }
        // Chains and `_has` of a filter tell something about the resources that they lead to.
        if let Some(name) = self.types_read().difference(permitted).next() {
            return beyond(name);
        }
        self.filter.allowed = Some(permitted.clone());
        Ok(())
    }
}
