//! `_type`, `_since`, `_until` and `_typeFilter`: which versions and which deletions an export holds.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. A filter works in three forms:
//! in SQL ([`ExportFilter::selection`]), on single versions ([`ExportFilter::accepts`]) and on deletions
//! ([`ExportFilter::deletions`], [`ExportFilter::deletion`]). A `_typeFilter` looks into bodies, so `filtered.rs`
//! applies it to what the first two leave. Deletions are not filtered by it: what a client has of a type may have met
//! the filter once.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::fhir::compartment;
use crate::store::{Lookup, Selection, Snapshot, Tombstone, VersionHeader};
use crate::time::Instant;

/// The types and times that an export is limited to. The default accepts everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportFilter {
    /// Only these types; `None` for all. A type without resources yields no file.
    pub types: Option<BTreeSet<String>>,
    /// Only these of the types above: the types that the client may export; `None` for all.
    pub(crate) allowed: Option<BTreeSet<String>>,
    /// Only versions with `meta.lastUpdated` strictly after this time.
    pub since: Option<Instant>,
    /// Only versions with `meta.lastUpdated` strictly before this time.
    pub until: Option<Instant>,
    /// Of these types only resources that one of these searches finds, each as a query.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) type_filters: BTreeMap<String, Vec<String>>,
}

impl ExportFilter {
    /// Adds a comma-separated list of types.
    pub fn add_types(&mut self, list: &str) {
        let types = self.types.get_or_insert_default();
        types.extend(
            list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
        );
        // `_type=` names no type, and so restricts nothing.
        if types.is_empty() {
            self.types = None;
        }
    }

    /// True if resources of this type are exported.
    pub(super) fn accepts_type(&self, resource_type: &str) -> bool {
        let holds = |types: &Option<BTreeSet<String>>| {
            types.as_ref().is_none_or(|types| types.contains(resource_type))
        };
        holds(&self.types) && holds(&self.allowed)
    }

    /// True if resources of some type must meet a search.
    pub(super) fn has_type_filters(&self) -> bool {
        !self.type_filters.is_empty()
    }

    /// True if resources of some type other than `these` are exported.
    pub(super) fn accepts_types_beside(&self, these: &[&str]) -> bool {
        let holds = |types: &Option<BTreeSet<String>>| {
            types
                .as_ref()
                .is_none_or(|types| types.iter().any(|name| !these.contains(&name.as_str())))
        };
        holds(&self.types) && holds(&self.allowed)
    }

    /// True if `_type` names types, and all of them lie outside of the Patient compartment.
    pub(super) fn is_outside_compartment(&self) -> bool {
        let types = self.types.as_ref().filter(|types| !types.is_empty());
        types.is_some_and(|types| !types.iter().any(|name| compartment::has(name)))
    }

    /// True if this version is exported.
    pub(super) fn accepts(&self, version: &VersionHeader) -> bool {
        self.accepts_type(&version.resource_type)
            && self.since.is_none_or(|since| version.last_updated > since)
            && self.until.is_none_or(|until| version.last_updated < until)
    }

    /// The versions of one type from number `first` to `last`, for SQL. The caller has checked the
    /// type.
    pub(super) fn selection(&self, resource_type: &str, first: i64, last: i64) -> Selection {
        Selection {
            resource_type: resource_type.to_owned(),
            since: self.since,
            until: self.until,
            first,
            last,
        }
    }

    /// The versions of a snapshot, one selection for each type that is exported.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn selections(&self, snapshot: &Snapshot) -> Result<Vec<Selection>> {
        let types = snapshot.types()?.into_iter().filter(|name| self.accepts_type(name));
        Ok(types.map(|name| self.selection(&name, 0, snapshot.seq())).collect())
    }

    /// The deletions after `_since` and before `_until`, oldest first; none without `_since`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn deletions(&self, view: &Lookup<'_>) -> Result<Vec<Tombstone>> {
        let Some(since) = self.since else { return Ok(Vec::new()) };
        let mut deletions = view.tombstones(since, self.until)?;
        deletions.retain(|tombstone| self.accepts_type(&tombstone.resource_type));
        Ok(deletions)
    }

    /// The deletion of one resource, if it falls after `_since` and before `_until`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn deletion(
        &self,
        view: &Lookup<'_>,
        resource_type: &str,
        id: &str,
    ) -> Result<Option<Tombstone>> {
        match self.since {
            Some(since) if self.accepts_type(resource_type) => {
                view.tombstone(resource_type, id, since, self.until)
            }
            _ => Ok(None),
        }
    }
}
