//! Reads the versions of a [`Selection`] with their bodies.
//!
//! Each call reads in one short transaction and returns a key to go on from, as in `selection.rs`. Single versions are
//! read by `lookup.rs`.

use std::ops::ControlFlow;

use rusqlite::Row;

use super::checksum::{BodySum, damaged_version};
use super::large::large_body;
use super::selection::Selection;
use super::snapshot::Snapshot;
use crate::error::Result;
use crate::time::Instant;

/// What a statement that reads bodies joins. A body that is missing is noticed.
const WITH_BODY: &str = " LEFT JOIN version_body USING (seq)";

/// One version with its body, while it is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenVersion<'r> {
    /// Its number.
    pub seq: i64,
    /// Bytes of its body.
    pub size: u64,
    /// The logical id.
    pub id: &'r str,
    /// `meta.lastUpdated`.
    pub last_updated: Instant,
    /// Its JSON text.
    pub body: &'r str,
}

impl Snapshot {
    /// Calls `each` with the numbers and bodies of the selected versions until it breaks off. Returns the
    /// `first` to go on from, or `None` at the end.
    ///
    /// # Errors
    /// `Damaged` where a body is not as it was stored; where the store cannot be read.
    pub(crate) fn for_each_body(
        &self,
        selection: &Selection,
        mut each: impl FnMut(i64, &[u8]) -> ControlFlow<()>,
    ) -> Result<Option<i64>> {
        self.for_each_with_body("", selection, |seq, _, body| Ok(each(seq, body)))
    }

    /// Calls `each` with the selected versions until it breaks off. Returns the `first` to go on from, or `None` at
    /// the end.
    ///
    /// # Errors
    /// `Damaged` where a body is not as it was stored; where the store cannot be read.
    pub(crate) fn for_each_version(
        &self,
        selection: &Selection,
        mut each: impl FnMut(SeenVersion<'_>) -> ControlFlow<()>,
    ) -> Result<Option<i64>> {
        self.for_each_with_body(", id, last_updated, size", selection, |seq, row, body| {
            let id = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
            let last_updated = Instant::from_micros(row.get(4)?);
            let body = str::from_utf8(body).map_err(rusqlite::Error::from)?;
            Ok(each(SeenVersion { seq, size: row.get(5)?, id, last_updated, body }))
        })
    }

    /// Calls `each` with the number, the row and the body of the selected versions until it breaks off. The row has
    /// `columns` from the fourth on.
    fn for_each_with_body(
        &self,
        columns: &str,
        selection: &Selection,
        mut each: impl FnMut(i64, &Row<'_>, &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<Option<i64>> {
        let columns = format!("body_checksum, {}{columns}", self.body_column()?);
        let of_type = BodySum::of_type(selection.resource_type.as_bytes());
        let (mut last, mut damage) = (selection.first - 1, None);
        let stopped = self.for_each_row(&columns, WITH_BODY, selection, |conn, seq, row| {
            // An index that is damaged may lead to another version.
            let is_next = seq > last && seq <= selection.last;
            last = seq;
            if !is_next {
                damage = Some(seq);
                return Ok(ControlFlow::Break(()));
            }
            let body = row.get_ref(2)?.as_bytes_or_null().map_err(rusqlite::Error::from)?;
            let Some(body) = body else {
                let _right = self.large_body_right()?;
                return large_body(conn, (&selection.resource_type, seq), |body| {
                    each(seq, row, body.as_bytes())
                })?;
            };
            if row.get_ref(1)?.as_i64() != Ok(of_type.of(seq, body)) {
                damage = Some(seq);
                return Ok(ControlFlow::Break(()));
            }
            each(seq, row, body)
        })?;
        match damage {
            Some(seq) => Err(damaged_version(&*self.store().reader()?, seq)),
            None => Ok(stopped.map(|seq| seq + 1)),
        }
    }
}
