//! The lengths of texts that are made for their lengths: every body is read, on all cores where there are many.
//!
//! Threads give numbers and lengths, not texts, so memory does not depend on how many there are. How a text is made is
//! in `shape.rs`.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use super::progress::JobProgress;
use super::shape::{ResourceShape, text};
use crate::error::Result;
use crate::store::{Selection, Snapshot, VersionSize};

/// After so many bodies the read transaction ends, so that it delays no checkpoint for long.
const BODIES_PER_TRANSACTION: usize = 1024;

/// Makes the texts of versions of a snapshot.
pub struct MadeTexts<'a> {
    pub snapshot: &'a Snapshot,
    pub shape: &'a ResourceShape,
    pub progress: &'a JobProgress,
}

/// Numbers, each with a length instead of the size in the store, and the number to go on from.
type MadeLengths = (Vec<VersionSize>, Option<i64>);

impl MadeTexts<'_> {
    /// Calls `take` with the number and the length of each version of a selection, in order.
    ///
    /// # Errors
    /// `Gone` if the job is cancelled; where the store cannot be read.
    pub fn of_selection(
        &self,
        selection: &Selection,
        take: &mut dyn FnMut(VersionSize),
    ) -> Result<()> {
        let work = |range: &Selection, _: &AtomicBool| self.of_range(range);
        self.snapshot.scan(selection, &work, &mut |lengths| self.give(lengths, take))
    }

    /// The same for some versions of a type, which are in order.
    ///
    /// # Errors
    /// As [`MadeTexts::of_selection`].
    pub fn of_rows(
        &self,
        resource_type: &str,
        rows: &[VersionSize],
        take: &mut dyn FnMut(VersionSize),
    ) -> Result<()> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(()) };
        let all = Selection::all(resource_type, self.snapshot);
        let within = Selection { first: first.seq, last: last.seq, ..all };
        let work = |range: &Selection, _: &AtomicBool| {
            let from = rows.partition_point(|row| row.seq < range.first);
            let to = rows.partition_point(|row| row.seq <= range.last);
            let end = to.min(from + BODIES_PER_TRANSACTION);
            let lengths = self.one_by_one(resource_type, &rows[from..end])?;
            Ok((lengths, (end < to).then(|| rows[end].seq)))
        };
        self.snapshot.scan(&within, &work, &mut |lengths| self.give(lengths, take))
    }

    fn give(
        &self,
        lengths: Vec<VersionSize>,
        take: &mut dyn FnMut(VersionSize),
    ) -> Result<ControlFlow<()>> {
        self.progress.advance(lengths.len() as u64)?;
        lengths.into_iter().for_each(take);
        Ok(ControlFlow::Continue(()))
    }

    /// The beginning of a range.
    fn of_range(&self, range: &Selection) -> Result<MadeLengths> {
        // What attachments name is looked up while the versions are read.
        let named = self.snapshot.lookup()?;
        let (mut lengths, mut failure) = (Vec::new(), None);
        let next = self.snapshot.for_each_body(range, |seq, body| {
            let made =
                text(body).and_then(|body| self.shape.apply(&range.resource_type, body, &named));
            match made {
                Ok(text) => lengths.push(VersionSize { seq, size: text.len() as u64 }),
                Err(error) => failure = Some(error),
            }
            if failure.is_some() || lengths.len() >= BODIES_PER_TRANSACTION {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        failure.map_or(Ok((lengths, next)), Err)
    }

    /// Some versions, each looked up for itself. A version that is gone has no length.
    fn one_by_one(&self, resource_type: &str, rows: &[VersionSize]) -> Result<Vec<VersionSize>> {
        let (view, named) = (self.snapshot.lookup()?, self.snapshot.lookup()?);
        let length = |row: &VersionSize| {
            let made = view.read(row.seq, |_, body| -> Result<u64> {
                Ok(self.shape.apply(resource_type, body, &named)?.len() as u64)
            })?;
            Ok(VersionSize { seq: row.seq, size: made.unwrap_or(Ok(0))? })
        };
        rows.iter().map(length).collect()
    }
}
