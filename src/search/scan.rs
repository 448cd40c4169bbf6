//! [`SelectionScan`]: reads every version of a selection, on all cores, and gives away what is found in order.
//!
//! The selection is cut into ranges of numbers, which the threads take in turns; who listens to them takes the same
//! turns. So what is found comes in order, however many threads there are, and a thread that is ahead waits.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use super::answered::{AnsweredSearch, held};
use super::recipient::Recipient;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::Tree;
use crate::store::{SeenVersion, Selection, Snapshot};
use crate::time::Instant;

/// The most threads that search at once in this process. Each has a connection that reads.
const MOST_THREADS: usize = 8;
/// The numbers of a range, at least and at most.
const LEAST_RANGE: i64 = 1024;
const MOST_RANGE: i64 = 16 * 1024;
/// The most versions that are looked at in one read transaction.
const AT_ONCE: u64 = 1024;
/// The most versions that are found before they are handed over, and of how many bytes.
const MOST_FOUND: usize = 256;
const MOST_BYTES: usize = 1 << 20;
/// How many messages of a thread may wait.
const WAITING: usize = 2;

/// The threads that search now.
static SEARCHING: AtomicUsize = AtomicUsize::new(0);

/// The right to some threads. It ends when this is dropped.
struct ThreadRight(usize);

impl ThreadRight {
    /// As many threads as there are cores for; `None` where there is but one.
    fn take() -> Option<ThreadRight> {
        let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let free = |taken: usize| cores.saturating_sub(taken);
        let update = |taken: usize| (free(taken) > 1).then_some(cores);
        let before = SEARCHING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, update).ok()?;
        Some(ThreadRight(free(before)))
    }
}

impl Drop for ThreadRight {
    fn drop(&mut self) {
        SEARCHING.fetch_sub(self.0, Ordering::SeqCst);
    }
}

/// A version that a thread has found.
struct ScannedVersion {
    seq: i64,
    size: u64,
    id: String,
    last_updated: Instant,
    /// Its JSON text; empty where nobody wants it.
    body: String,
}

impl ScannedVersion {
    fn of(version: &SeenVersion<'_>, body: &str) -> ScannedVersion {
        let SeenVersion { seq, size, id, last_updated, .. } = *version;
        ScannedVersion { seq, size, id: id.to_owned(), last_updated, body: body.to_owned() }
    }
}

/// What a thread has found in a part of its range.
#[derive(Default)]
struct ScannedPart {
    found: Vec<ScannedVersion>,
    bytes: usize,
    looked_at: u64,
    faults: Vec<String>,
    /// True with the last part of a range.
    is_end: bool,
}

/// A scan that is about to begin.
pub(super) struct SelectionScan<'s> {
    snapshot: &'s Snapshot,
    any: &'s [AnsweredSearch<'s>],
    within: &'s Selection,
    wants_tree: bool,
    wants_text: bool,
    right: ThreadRight,
    /// The numbers of a range.
    width: i64,
    /// Set where no more is wanted.
    is_over: AtomicBool,
}

impl<'s> SelectionScan<'s> {
    /// A scan of a selection; `None` where one thread does it as well, or has to, because there are large bodies.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn new(
        snapshot: &'s Snapshot,
        any: &'s [AnsweredSearch<'s>],
        within: &'s Selection,
        recipient: &dyn Recipient,
    ) -> Result<Option<SelectionScan<'s>>> {
        let numbers = within.last.saturating_sub(within.first);
        if numbers < LEAST_RANGE || snapshot.has_large_bodies()? {
            return Ok(None);
        }
        let Some(right) = ThreadRight::take() else { return Ok(None) };
        Ok(Some(SelectionScan {
            snapshot,
            any,
            within,
            wants_tree: recipient.wants_tree(),
            wants_text: recipient.wants_text(),
            width: (numbers / (right.0 as i64 * 4)).clamp(LEAST_RANGE, MOST_RANGE),
            right,
            is_over: AtomicBool::new(false),
        }))
    }

    /// Gives `recipient` what is found. False where it wants no more. `watch` and `note` are those of the finder.
    ///
    /// # Errors
    /// Where the store cannot be read; those of `watch`.
    pub(super) fn run(
        &self,
        recipient: &mut dyn Recipient,
        watch: &dyn Fn(u64) -> Result<()>,
        note: &mut dyn FnMut(String),
    ) -> Result<bool> {
        thread::scope(|scope| {
            let listened = self.listen(scope, recipient, watch, note);
            self.is_over.store(true, Ordering::Relaxed);
            listened
        })
    }

    /// Starts the threads, and listens to them in turns.
    fn listen<'a>(
        &'a self,
        scope: &'a Scope<'a, '_>,
        recipient: &mut dyn Recipient,
        watch: &dyn Fn(u64) -> Result<()>,
        note: &mut dyn FnMut(String),
    ) -> Result<bool> {
        let mut threads: Vec<Receiver<Result<ScannedPart>>> = Vec::new();
        for turn in 0..self.right.0 {
            let (sender, receiver) = sync_channel(WAITING);
            let searching = move || self.search_ranges(turn, &sender);
            thread::Builder::new()
                .spawn_scoped(scope, searching)
                .map_err(|error| Error::io("no thread for a search", error))?;
            threads.push(receiver);
        }
        for (_, thread) in self.ranges().zip(threads.iter().cycle()) {
            loop {
                let failed = |_| Error::new(Kind::Internal, "a search failed without saying why");
                let part = thread.recv().map_err(failed)??;
                watch(part.looked_at)?;
                part.faults.into_iter().for_each(&mut *note);
                // No read transaction of this thread is open.
                for found in &part.found {
                    if !give(found, self.wants_tree, recipient) && !recipient.rest()? {
                        return Ok(false);
                    }
                }
                if !recipient.rest()? {
                    return Ok(false);
                }
                if part.is_end {
                    break;
                }
            }
        }
        Ok(true)
    }

    /// The ranges, by their first numbers.
    fn ranges(&self) -> impl Iterator<Item = i64> {
        let Selection { first, last, .. } = *self.within;
        let next = move |range: &i64| range.checked_add(self.width);
        std::iter::successors(Some(first), next).take_while(move |range| *range <= last)
    }

    /// Searches the ranges of one thread. Ends early where nobody listens any more.
    fn search_ranges(&self, turn: usize, sender: &SyncSender<Result<ScannedPart>>) {
        for first in self.ranges().skip(turn).step_by(self.right.0) {
            let last = self.within.last.min(first.saturating_add(self.width - 1));
            let mut rest = Some(Selection { first, last, ..self.within.clone() });
            while let Some(range) = rest.take() {
                let part = self.search_part(&range);
                let is_over = self.is_over.load(Ordering::Relaxed) || part.is_err();
                let part = part.map(|(part, next)| {
                    rest = next.map(|first| Selection { first, ..range });
                    ScannedPart { is_end: rest.is_none(), ..part }
                });
                // No transaction is open while this waits.
                if sender.send(part).is_err() || is_over {
                    return;
                }
            }
        }
    }

    /// Searches the beginning of a range. Returns what it has found, and the number to go on from.
    fn search_part(&self, range: &Selection) -> Result<(ScannedPart, Option<i64>)> {
        let mut part = ScannedPart::default();
        let next = self.snapshot.for_each_version(range, |version| {
            part.looked_at += 1;
            let ScannedPart { found, bytes, faults, .. } = &mut part;
            let mut note = |fault: String| faults.push(fault);
            held(self.any, &version, false, &mut note, |_| {
                let body = if self.wants_text { version.body } else { "" };
                *bytes += body.len();
                found.push(ScannedVersion::of(&version, body));
            });
            let is_full = part.found.len() >= MOST_FOUND || part.bytes >= MOST_BYTES;
            let is_over = self.is_over.load(Ordering::Relaxed);
            match is_full || is_over || part.looked_at >= AT_ONCE {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        Ok((part, next))
    }
}

/// Gives `recipient` a version. False where it wants to rest.
fn give(found: &ScannedVersion, wants_tree: bool, recipient: &mut dyn Recipient) -> bool {
    let ScannedVersion { seq, size, id, last_updated, body } = found;
    let version = SeenVersion { seq: *seq, size: *size, id, last_updated: *last_updated, body };
    let tree = if wants_tree { Tree::parse(body) } else { Ok(Tree::Null) };
    // It was parsed before.
    let Ok(tree) = tree else { return true };
    recipient.take(&version, &tree)
}
