//! [`FilteredTypes`]: which versions meet the `_typeFilter` of their type.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#_typefilter-query-parameter>. The searches run on the snapshot of the
//! export and within its reach, chains and `_has` included, and these once each. So a filter finds the same whenever
//! a server plans the export. Types without a filter are not looked at here.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::progress::JobProgress;
use super::seq_set::SeqSet;
use super::type_filter::TypeSearches;
use super::versions::VersionsByType;
use crate::error::Result;
use crate::fhir::outcome::Issue;
use crate::fhir::search::Search;
use crate::search::{AnsweredSearch, Finder};
use crate::store::{Selection, Snapshot, VersionSize};

/// Versions are read one by one where they are fewer than one of so many of their type.
const ONE_BY_ONE: u64 = 4;

/// Tells a job how many versions a filter has looked at, while that is the job's measure.
pub struct FilterWatch<'p> {
    progress: &'p JobProgress,
    counts: Cell<bool>,
}

impl<'p> FilterWatch<'p> {
    /// For a job.
    pub fn new(progress: &'p JobProgress) -> FilterWatch<'p> {
        FilterWatch { progress, counts: Cell::new(true) }
    }

    /// Takes a number of versions.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled.
    pub fn take(&self, looked_at: u64) -> Result<()> {
        self.progress.advance(if self.counts.get() { looked_at } else { 0 })
    }

    /// Begins anew, with `total` versions to look at.
    fn begin(&self, total: u64) {
        if self.counts.get() {
            self.progress.begin(total);
        }
    }

    /// Leaves the job's measure to others from now on.
    pub fn leave(&self) {
        self.counts.set(false);
    }
}

/// The filters of an export, ready to be held against versions.
pub struct FilteredTypes<'a> {
    snapshot: &'a Snapshot,
    watch: &'a FilterWatch<'a>,
    finder: Finder<'a>,
    types: BTreeMap<&'a str, FilteredType<'a>>,
}

/// The filters of a type.
struct FilteredType<'a> {
    any: Vec<AnsweredSearch<'a>>,
    /// How many versions the snapshot has of the type.
    total: u64,
}

impl<'a> FilteredTypes<'a> {
    /// Runs the inner searches of `searches`. `finder` searches the snapshot and tells `watch`.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn new(
        snapshot: &'a Snapshot,
        searches: &'a TypeSearches,
        finder: Finder<'a>,
        watch: &'a FilterWatch<'a>,
    ) -> Result<FilteredTypes<'a>> {
        let total = |resource_type: &str| -> Result<u64> {
            let total = snapshot.total(&Selection::all(resource_type, snapshot))?;
            Ok(total.map_or(0, |total| total.count))
        };
        let mut types = BTreeMap::new();
        for (resource_type, searches) in searches.iter() {
            let mut any = Vec::new();
            for search in searches {
                for inner in search.inner() {
                    watch.begin(total(inner.search.resource_type())?);
                }
                any.push(finder.answered(search)?);
            }
            types.insert(resource_type, FilteredType { any, total: total(resource_type)? });
        }
        Ok(FilteredTypes { snapshot, watch, finder, types })
    }

    /// True if a type has a filter.
    pub fn has(&self, resource_type: &str) -> bool {
        self.types.contains_key(resource_type)
    }

    /// All versions of a selection that a search finds.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn all(&self, search: &Search, selection: &Selection) -> Result<Vec<VersionSize>> {
        self.watch.begin(self.snapshot.total(selection)?.map_or(0, |total| total.count));
        let mut found = Vec::new();
        self.finder.for_each_size(&[self.finder.answered(search)?], selection, &mut |version| {
            found.push(version);
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with the versions of a selection that meet the filter of its type, in order.
    ///
    /// # Errors
    /// Those of `each`; `Gone` if the job is cancelled; where the store cannot be read.
    pub fn for_each(
        &self,
        selection: &Selection,
        each: &mut dyn FnMut(VersionSize) -> Result<()>,
    ) -> Result<()> {
        let Some(of_type) = self.types.get(selection.resource_type.as_str()) else { return Ok(()) };
        self.watch.begin(self.snapshot.total(selection)?.map_or(0, |total| total.count));
        self.finder.for_each_size(&of_type.any, selection, each)
    }

    /// Leaves of versions those that meet the filters of their types. They are in order.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn retain(&self, versions: &mut VersionsByType) -> Result<()> {
        for (resource_type, of_type) in &self.types {
            let Some(rows) = versions.get_mut(*resource_type) else { continue };
            let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
            if rows.len() as u64 * ONE_BY_ONE < of_type.total {
                self.watch.begin(rows.len() as u64);
                *rows = self.one_by_one(&of_type.any, rows)?;
            } else {
                let selection = Selection {
                    first: first.seq,
                    last: last.seq,
                    ..Selection::all(resource_type, self.snapshot)
                };
                let mut found = SeqSet::default();
                self.for_each(&selection, &mut |version| {
                    found.insert(version.seq);
                    Ok(())
                })?;
                rows.retain(|row| found.contains(row.seq));
            }
        }
        versions.retain(|_, rows| !rows.is_empty());
        Ok(())
    }

    /// Those of the versions that one of the searches finds.
    fn one_by_one(
        &self,
        any: &[AnsweredSearch<'_>],
        rows: &[VersionSize],
    ) -> Result<Vec<VersionSize>> {
        let view = self.snapshot.lookup()?;
        let mut found = Vec::new();
        for row in rows {
            self.watch.take(1)?;
            let finds = |header, body: &str| self.finder.finds(any, &header, body);
            if view.read(row.seq, finds)? == Some(true) {
                found.push(*row);
            }
        }
        Ok(found)
    }

    /// The notices about bodies that could not be held against a filter. Their resources are not exported.
    pub fn notices(&self) -> Vec<Issue> {
        let told = self.finder.faults().into_iter();
        told.map(|fault| {
            let text = format!("a resource that a filter asks about is left out: {fault}");
            Issue::warning("processing", text)
        })
        .collect()
    }
}
