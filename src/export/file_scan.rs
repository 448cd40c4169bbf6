//! [`FileScan`]: reads the versions of a file of a plan on all cores, and gives away in order what is made of them.
//!
//! A version is given as its export gives it. A thread makes a portion of some versions in one short read transaction.
//! Whoever takes the portions may be slow: then the threads wait, and no transaction is open. How ranges are shared among
//! threads is in `store/scan.rs`.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use super::file::{Content, File};
use super::lines::missing;
use super::plan::Plan;
use super::rows;
use super::shape::ResourceShape;
use crate::error::{Error, Result};
use crate::store::{Lookup, PartWork, SeenVersion, Selection, Snapshot};

/// The most versions that are read in one read transaction.
const AT_ONCE: usize = 1024;
/// The most numbers of a list that are unpacked at once.
const UNPACKED: usize = 256 << 10;

/// What is made of some versions, one after the other.
pub(super) trait FilePortion: Send {
    /// Takes the next version.
    ///
    /// # Errors
    /// Where nothing can be made of it. What was made of the versions before it counts.
    fn take(&mut self, version: &SeenVersion<'_>) -> Result<()>;

    /// True once the portion should be given away.
    fn is_full(&self) -> bool;
}

/// A portion, and why it ends early.
struct ScannedPortion<P> {
    portion: P,
    versions: usize,
    fault: Option<Error>,
}

/// Reads files of a plan into portions.
pub(super) struct FileScan<'a, P> {
    pub plan: &'a Plan,
    /// Makes an empty portion.
    pub begin: &'a (dyn Fn() -> P + Sync),
}

impl<P: FilePortion> FileScan<'_, P> {
    /// Gives `take` each portion of a file, in the order of its versions, until `take` breaks off.
    ///
    /// # Errors
    /// Those of [`FilePortion::take`] and of `take`, in the order of the versions; where the store cannot be read.
    pub fn run(
        &self,
        file: &File,
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        match &file.content {
            Content::Range(selection) => {
                let work = |range: &Selection, is_over: &AtomicBool| self.of_range(range, is_over);
                self.scan(selection, &work, take)
            }
            Content::Rows(rows) => {
                let mut seqs = Vec::new();
                for block in rows::decode(rows) {
                    seqs.extend(block?.seqs);
                    if seqs.len() >= UNPACKED {
                        if self.of_list(&seqs, take)?.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                        seqs.clear();
                    }
                }
                self.of_list(&seqs, take)
            }
            Content::Text(_) => Ok(ControlFlow::Continue(())),
        }
    }

    fn of_list(
        &self,
        seqs: &[i64],
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        if seqs.is_empty() {
            return Ok(ControlFlow::Continue(()));
        }
        // The numbers of this selection are places in the list.
        let last = seqs.len() as i64 - 1;
        let places = Selection { last, ..Selection::all("", &self.plan.snapshot) };
        let work = |range: &Selection, is_over: &AtomicBool| {
            let (first, end) = (range.first as usize, range.last as usize + 1);
            let (scanned, next) = self.of_rows(&seqs[first..end], is_over)?;
            Ok((scanned, next.map(|next| range.first + next as i64)))
        };
        self.scan(&places, &work, take)
    }

    fn scan(
        &self,
        within: &Selection,
        work: &PartWork<'_, ScannedPortion<P>>,
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut flow = ControlFlow::Continue(());
        self.plan.snapshot.scan(within, work, &mut |scanned| {
            flow = take(scanned.portion)?;
            match scanned.fault {
                Some(fault) if flow.is_continue() => Err(fault),
                _ => Ok(flow),
            }
        })?;
        Ok(flow)
    }

    /// The beginning of a range, and the number to go on from.
    fn of_range(
        &self,
        range: &Selection,
        is_over: &AtomicBool,
    ) -> Result<(ScannedPortion<P>, Option<i64>)> {
        let Plan { snapshot, shape, .. } = self.plan;
        let mut scanned = ScannedPortion::new((self.begin)());
        let shaping = Shaping::new(snapshot, shape)?;
        let next = snapshot.for_each_version(range, |version| {
            scanned.take(shaping.apply(&range.resource_type, &version), &version, is_over)
        })?;
        Ok((scanned, next))
    }

    /// The beginning of a list, and the place to go on from.
    fn of_rows(
        &self,
        seqs: &[i64],
        is_over: &AtomicBool,
    ) -> Result<(ScannedPortion<P>, Option<usize>)> {
        let Plan { snapshot, shape, .. } = self.plan;
        let mut scanned = ScannedPortion::new((self.begin)());
        let (lookup, shaping) = (snapshot.lookup()?, Shaping::new(snapshot, shape)?);
        for (place, seq) in seqs.iter().enumerate() {
            let flow = lookup.read(*seq, |version, body| {
                let (id, last_updated) = (version.id.as_str(), version.last_updated);
                let seen = SeenVersion { seq: *seq, size: version.size, id, last_updated, body };
                scanned.take(shaping.apply(&version.resource_type, &seen), &seen, is_over)
            })?;
            if flow.ok_or_else(|| missing(*seq))?.is_break() {
                return Ok((scanned, Some(place + 1).filter(|next| *next < seqs.len())));
            }
        }
        Ok((scanned, None))
    }
}

/// What makes the bodies of versions those of the export.
struct Shaping<'a> {
    shape: &'a ResourceShape,
    /// For what attachments name, where that matters.
    named: Option<Lookup<'a>>,
}

impl<'a> Shaping<'a> {
    fn new(snapshot: &'a Snapshot, shape: &'a ResourceShape) -> Result<Shaping<'a>> {
        let needs_names = shape.attachments_base.is_some();
        let named = needs_names.then(|| snapshot.lookup()).transpose()?;
        Ok(Shaping { shape, named })
    }

    fn apply<'b>(&self, resource_type: &str, version: &SeenVersion<'b>) -> Result<Cow<'b, str>> {
        match &self.named {
            Some(named) => self.shape.apply(resource_type, version.body, named),
            None => Ok(self.shape.subset(resource_type, version.body)),
        }
    }
}

impl<P: FilePortion> ScannedPortion<P> {
    fn new(portion: P) -> ScannedPortion<P> {
        ScannedPortion { portion, versions: 0, fault: None }
    }

    /// Takes a version; breaks off where the portion is full, or nobody wants it any more.
    fn take(
        &mut self,
        body: Result<Cow<'_, str>>,
        version: &SeenVersion<'_>,
        is_over: &AtomicBool,
    ) -> ControlFlow<()> {
        self.versions += 1;
        let taken =
            body.and_then(|body| self.portion.take(&SeenVersion { body: &body, ..*version }));
        self.fault = taken.err();
        let is_full = self.portion.is_full() || self.versions >= AT_ONCE;
        match is_full || self.fault.is_some() || is_over.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}
