//! The rows that a view makes of the resources of an export.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. Which resources these are, the plan says: so a view
//! shows what its export has, and nothing else. What the rows are, `fhir/view` says, and `view` writes them. All cores make
//! rows, which come in the order of the plan (`file_scan.rs`).

use std::io::Write;
use std::ops::ControlFlow;

use super::file::File;
use super::file_scan::{FilePortion, FileScan};
use super::plan::Plan;
use super::request::ExportRequest;
use crate::error::Result;
use crate::fhir::view::ViewDefinition;
use crate::store::SeenVersion;
use crate::view::{RowBatch, ViewWriter};

/// The bytes of rows that are made before they go out. No read transaction is open while they do.
const BATCH_BYTES: usize = 256 << 10;

/// The amounts of a view that was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ViewSummary {
    /// The resources that were read.
    pub resources: u64,
    /// The rows that were written.
    pub rows: u64,
}

/// A view that runs over the resources of an export.
pub struct ViewRun<'a> {
    view: &'a ViewDefinition,
    /// The most rows; few more resources are read than these need.
    most_rows: Option<u64>,
}

impl ExportRequest {
    /// Narrows the request to the resources that `view` makes rows of.
    pub fn for_view(&mut self, view: &ViewDefinition) {
        self.filter.types = Some([view.resource().to_owned()].into());
    }
}

impl<'a> ViewRun<'a> {
    /// A run of `view`, with all of its rows.
    pub fn new(view: &'a ViewDefinition) -> ViewRun<'a> {
        ViewRun { view, most_rows: None }
    }

    /// Leaves out what comes after so many rows.
    #[must_use]
    pub fn with_most_rows(self, most_rows: Option<u64>) -> ViewRun<'a> {
        ViewRun { most_rows, ..self }
    }

    /// Writes the rows of the resources that `plan` exports, in its order. `watch` learns after some resources how many
    /// were read since it was called last.
    ///
    /// # Errors
    /// `Unprocessable` where the view refuses a resource: the message names the place in the view, and the resource. The rows of
    /// the resources before it are written. Those of `watch`. Where the output cannot be written, or the store cannot be
    /// read.
    pub fn write<W: Write + Send>(
        &self,
        plan: &Plan,
        writer: &mut ViewWriter<W>,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ViewSummary> {
        let mut summary = ViewSummary::default();
        let empty = writer.new_batch();
        let begin = || RowPortion { run: self, batch: empty(), resources: 0 };
        let scan = FileScan { plan, begin: &begin };
        let left = |rows| self.most_rows.map_or(u64::MAX, |most| most.saturating_sub(rows));
        for file in plan.files.iter().filter(|file| self.has_rows_of(file)) {
            if left(summary.rows) == 0 {
                break;
            }
            let _ = scan.run(file, &mut |mut portion: RowPortion<'_>| {
                watch(portion.resources)?;
                portion.batch.keep_first(left(summary.rows));
                summary.resources += portion.resources;
                summary.rows += portion.batch.rows() as u64;
                writer.append(&mut portion.batch)?;
                Ok(match left(summary.rows) {
                    0 => ControlFlow::Break(()),
                    _ => ControlFlow::Continue(()),
                })
            })?;
        }
        Ok(summary)
    }

    /// How many resources of `plan` the view reads.
    pub fn resources(&self, plan: &Plan) -> u64 {
        plan.files.iter().filter(|file| self.has_rows_of(file)).map(|file| file.count).sum()
    }

    fn has_rows_of(&self, file: &File) -> bool {
        file.has_output_of(self.view.resource())
    }
}

/// The rows that go out together.
struct RowPortion<'a> {
    run: &'a ViewRun<'a>,
    batch: RowBatch,
    resources: u64,
}

impl FilePortion for RowPortion<'_> {
    fn take(&mut self, version: &SeenVersion<'_>) -> Result<()> {
        self.resources += 1;
        self.run.view.rows_of_body(version.body, &mut |values| {
            if !self.is_enough() {
                self.batch.add(values);
            }
            Ok(())
        })
    }

    fn is_full(&self) -> bool {
        self.batch.bytes() >= BATCH_BYTES || self.is_enough()
    }
}

impl RowPortion<'_> {
    /// True once there are as many rows as are wanted.
    fn is_enough(&self) -> bool {
        self.run.most_rows.is_some_and(|most| self.batch.rows() as u64 >= most)
    }
}
