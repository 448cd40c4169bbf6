//! The rows that a view makes of the resources of an export.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. Which resources these are, the plan says: so a view
//! shows what its export has, and nothing else. What the rows are, `fhir/view` says, and `view` writes them.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::ControlFlow;

use super::file::{Content, File, Purpose};
use super::lines::missing;
use super::plan::Plan;
use super::request::ExportRequest;
use super::rows;
use super::shape::text;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::fhir::view::ViewDefinition;
use crate::store::{Selection, Snapshot};
use crate::view::{RowBatch, ViewWriter};

/// The bytes of rows that are made before they go out. No read transaction is open while they do.
const BATCH_BYTES: usize = 256 << 10;
/// The most resources that are read in one read transaction.
const AT_ONCE: u64 = 1024;

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
    /// The most rows; no more resources are read than these need.
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
    /// `Unprocessable` where the view refuses a resource: the message names the place in the view, and the resource. Those of
    /// `watch`. Where the output cannot be written, or the store cannot be read.
    pub fn write<W: Write + Send>(
        &self,
        plan: &Plan,
        writer: &mut ViewWriter<W>,
        watch: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ViewSummary> {
        let mut portion = RowPortion::new(self, writer.batch());
        for file in plan.files.iter().filter(|file| self.has_rows_of(file)) {
            let mut rest = ViewedVersions::of(file)?;
            while !rest.is_over() && !portion.is_enough() {
                portion.fill(&plan.snapshot, &mut rest)?;
                watch(std::mem::take(&mut portion.looked_at))?;
                writer.append(&mut portion.batch)?;
            }
        }
        Ok(portion.summary)
    }

    fn has_rows_of(&self, file: &File) -> bool {
        let is_of_type = file.resource_type.as_deref() == Some(self.view.resource());
        file.purpose == Purpose::Output && is_of_type
    }
}

/// The versions of a file whose rows are still to be made.
enum ViewedVersions {
    Range(Option<Selection>),
    Listed(VecDeque<i64>),
}

impl ViewedVersions {
    fn of(file: &File) -> Result<ViewedVersions> {
        match &file.content {
            Content::Range(selection) => Ok(ViewedVersions::Range(Some(selection.clone()))),
            Content::Rows(rows) => {
                let mut seqs = VecDeque::new();
                for block in rows::decode(rows) {
                    seqs.extend(block?.seqs);
                }
                Ok(ViewedVersions::Listed(seqs))
            }
            Content::Text(_) => Ok(ViewedVersions::Range(None)),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            ViewedVersions::Range(rest) => rest.is_none(),
            ViewedVersions::Listed(rest) => rest.is_empty(),
        }
    }
}

/// The rows that go out together.
struct RowPortion<'a> {
    run: &'a ViewRun<'a>,
    batch: RowBatch,
    summary: ViewSummary,
    /// The resources since `watch` was called last.
    looked_at: u64,
}

impl<'a> RowPortion<'a> {
    fn new(run: &'a ViewRun<'a>, batch: RowBatch) -> RowPortion<'a> {
        RowPortion { run, batch, summary: ViewSummary::default(), looked_at: 0 }
    }

    /// True once there are as many rows as are wanted.
    fn is_enough(&self) -> bool {
        self.run.most_rows.is_some_and(|most| self.summary.rows >= most)
    }

    fn is_full(&self) -> bool {
        self.batch.bytes() >= BATCH_BYTES || self.looked_at >= AT_ONCE || self.is_enough()
    }

    /// Adds rows of the next versions, until the portion is full. No read transaction is open afterwards.
    fn fill(&mut self, snapshot: &Snapshot, rest: &mut ViewedVersions) -> Result<()> {
        match rest {
            ViewedVersions::Range(rest) => {
                let Some(selection) = rest.take() else { return Ok(()) };
                let mut added = Ok(());
                let next = snapshot.for_each_body(&selection, |_, body| {
                    added = text(body).and_then(|body| self.add(body));
                    match added.is_err() || self.is_full() {
                        true => ControlFlow::Break(()),
                        false => ControlFlow::Continue(()),
                    }
                })?;
                added?;
                *rest = next.map(|first| Selection { first, ..selection });
            }
            ViewedVersions::Listed(rest) => {
                let lookup = snapshot.lookup()?;
                while !self.is_full() {
                    let Some(seq) = rest.pop_front() else { break };
                    let added = lookup.read(seq, |_, body| self.add(body))?;
                    added.unwrap_or_else(|| Err(missing(seq)))?;
                }
            }
        }
        Ok(())
    }

    /// Adds the rows of a resource.
    fn add(&mut self, body: &str) -> Result<()> {
        self.looked_at += 1;
        self.summary.resources += 1;
        let tree = Tree::parse(body)
            .map_err(|error| Error::new(Kind::Damaged, format!("a body is no JSON: {error}")))?;
        self.run.view.rows(&tree, &mut |values| {
            if !self.run.most_rows.is_some_and(|most| self.summary.rows >= most) {
                self.batch.add(values);
                self.summary.rows += 1;
            }
            Ok(())
        })
    }
}
