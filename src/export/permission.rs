//! For whom an export is: whose data they reach, and which types of it.

use std::collections::BTreeSet;

use super::request::ExportRequest;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::store::Reach;

/// Who exports.
#[derive(Clone, Debug, Default)]
pub struct Permission {
    /// Whose data.
    pub reach: Reach,
    /// Only these types; `None` for all.
    pub types: Option<BTreeSet<String>>,
}

impl Permission {
    /// True where all that an export may hold is within these types.
    fn covers(&self, request: &ExportRequest) -> bool {
        let Some(mine) = &self.types else { return true };
        // These come along whatever types are asked for.
        if request.associated.is_some() && !mine.contains("Provenance") {
            return false;
        }
        let is_mine = |types: &Option<BTreeSet<String>>| {
            types.as_ref().is_some_and(|types| types.is_subset(mine))
        };
        is_mine(&request.types) || is_mine(&request.allowed)
    }

    /// Whether an export that was begun for the same reach may be looked at with these types.
    ///
    /// # Errors
    /// `Forbidden` where it was begun with a wider scope.
    pub(super) fn check(&self, request: &ExportRequest) -> Result<()> {
        match self.covers(request) {
            true => Ok(()),
            false => {
                let what = "this export was begun with a wider scope than that of the access token";
                Err(Error::new(Kind::Forbidden, what))
            }
        }
    }
}

impl ExportRequest {
    /// Limits an export to the types of who asks for it.
    ///
    /// # Errors
    /// `Forbidden` where others are asked for by name.
    pub fn limit(&mut self, permission: &Permission) -> Result<()> {
        let Some(types) = &permission.types else { return Ok(()) };
        if types.is_empty() {
            let what =
                "the scope of the access token covers no type for export: that takes r and s";
            return Err(Error::new(Kind::Forbidden, what));
        }
        let beyond = |name: &str| {
            let what = format!("the scope of the access token does not cover {}", short(name));
            Err(Error::new(Kind::Forbidden, what))
        };
        if let Some(name) = self.types.iter().flatten().find(|name| !types.contains(*name)) {
            return beyond(name);
        }
        if self.associated.is_some() && !types.contains("Provenance") {
            return beyond("Provenance");
        }
        self.allowed = Some(types.clone());
        Ok(())
    }
}
