//! [`SelectionScan`]: works through a selection on all cores, and gives away in order what the work yields.
//!
//! The selection is cut into ranges of numbers, which the threads take in turns; who listens to them takes the same
//! turns. So what is found comes in order, however many threads there are, and a thread that is ahead waits. What the
//! work is, and how it reads, is the caller's: searches hold bodies against a search, exports make lines of them.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope};

use super::selection::Selection;
use super::snapshot::Snapshot;
use crate::error::{Error, Kind, Result};

/// The most threads that scan at once in this process. Each has a connection that reads.
const MOST_THREADS: usize = 8;
/// The numbers of a range, at least and at most. What a range yields should be no more than what may wait, or a thread
/// that is a range ahead stands still.
const LEAST_RANGE: i64 = 1024;
const MOST_RANGE: i64 = 2048;
/// How many parts of a thread may wait.
const WAITING: usize = 2;

/// The threads that scan now.
static SCANNING: AtomicUsize = AtomicUsize::new(0);

/// The right to some threads. It ends when this is dropped.
struct ThreadRight(usize);

impl ThreadRight {
    /// As many threads as there are cores for; `None` where there is but one.
    fn take() -> Option<ThreadRight> {
        let cores = thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let free = |taken: usize| cores.saturating_sub(taken);
        let update = |taken: usize| (free(taken) > 1).then_some(cores);
        let before = SCANNING.fetch_update(Ordering::SeqCst, Ordering::SeqCst, update).ok()?;
        Some(ThreadRight(free(before)))
    }
}

impl Drop for ThreadRight {
    fn drop(&mut self) {
        SCANNING.fetch_sub(self.0, Ordering::SeqCst);
    }
}

/// Works through the beginning of a range: in one short read transaction, and no further once the flag says that nobody
/// wants more. Returns what it yields, and the number to go on from.
pub(crate) type PartWork<'w, P> =
    dyn Fn(&Selection, &AtomicBool) -> Result<(P, Option<i64>)> + Sync + 'w;

/// What a part of a range has yielded.
struct WorkedPart<P> {
    yielded: P,
    /// True with the last part of a range.
    is_end: bool,
}

/// A scan that is about to begin.
pub(crate) struct SelectionScan<'s> {
    within: &'s Selection,
    right: ThreadRight,
    /// The numbers of a range.
    width: i64,
    /// Set where no more is wanted.
    is_over: AtomicBool,
}

impl Snapshot {
    /// Works through a selection, on all cores where that is faster and on this thread else. `take` gets what each part
    /// has yielded, in order, until it breaks off; no read transaction of this thread is open then.
    ///
    /// # Errors
    /// Those of `work` and of `take`; where the store cannot be read.
    pub(crate) fn scan<P: Send>(
        &self,
        within: &Selection,
        work: &PartWork<'_, P>,
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if let Some(scan) = SelectionScan::new(self, within)? {
            return scan.run(work, take).map(drop);
        }
        let is_over = AtomicBool::new(false);
        let mut rest = Some(within.first);
        while let Some(first) = rest {
            let (yielded, next) = work(&Selection { first, ..within.clone() }, &is_over)?;
            rest = next;
            if take(yielded)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl<'s> SelectionScan<'s> {
    /// A scan of a selection; `None` where one thread does it as well, or has to, because there are large bodies.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(crate) fn new(
        snapshot: &Snapshot,
        within: &'s Selection,
    ) -> Result<Option<SelectionScan<'s>>> {
        let numbers = within.last.saturating_sub(within.first);
        if numbers < LEAST_RANGE || snapshot.has_large_bodies()? {
            return Ok(None);
        }
        Ok(ThreadRight::take().map(|right| SelectionScan {
            within,
            width: (numbers / (right.0 as i64 * 4)).clamp(LEAST_RANGE, MOST_RANGE),
            right,
            is_over: AtomicBool::new(false),
        }))
    }

    /// Lets the threads `work`, and gives `take` what each part has yielded, in order, until it breaks off. No read
    /// transaction of this thread is open then.
    ///
    /// # Errors
    /// Those of `work` and of `take`; `Io` where the system has no threads left.
    pub(crate) fn run<P: Send>(
        &self,
        work: &PartWork<'_, P>,
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        thread::scope(|scope| {
            let listened = self.listen(scope, work, take);
            self.is_over.store(true, Ordering::Relaxed);
            listened
        })
    }

    /// Starts the threads, and listens to them in turns.
    fn listen<'a, P: Send + 'a>(
        &'a self,
        scope: &'a Scope<'a, '_>,
        work: &'a PartWork<'_, P>,
        take: &mut dyn FnMut(P) -> Result<ControlFlow<()>>,
    ) -> Result<ControlFlow<()>> {
        let mut threads: Vec<Receiver<Result<WorkedPart<P>>>> = Vec::new();
        for turn in 0..self.right.0 {
            let (sender, receiver) = sync_channel(WAITING);
            let working = move || self.work_through(turn, work, &sender);
            thread::Builder::new()
                .spawn_scoped(scope, working)
                .map_err(|error| Error::io("no thread to read the store", error))?;
            threads.push(receiver);
        }
        for (_, thread) in self.ranges().zip(threads.iter().cycle()) {
            loop {
                let failed =
                    |_| Error::new(Kind::Internal, "a thread that reads ended without saying why");
                let WorkedPart { yielded, is_end } = thread.recv().map_err(failed)??;
                if take(yielded)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                if is_end {
                    break;
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The ranges, by their first numbers.
    fn ranges(&self) -> impl Iterator<Item = i64> {
        let Selection { first, last, .. } = *self.within;
        let next = move |range: &i64| range.checked_add(self.width);
        std::iter::successors(Some(first), next).take_while(move |range| *range <= last)
    }

    /// Works through the ranges of one thread. Ends early where nobody listens any more.
    fn work_through<P>(
        &self,
        turn: usize,
        work: &PartWork<'_, P>,
        sender: &SyncSender<Result<WorkedPart<P>>>,
    ) {
        for first in self.ranges().skip(turn).step_by(self.right.0) {
            let last = self.within.last.min(first.saturating_add(self.width - 1));
            let mut rest = Some(Selection { first, last, ..self.within.clone() });
            while let Some(range) = rest.take() {
                let part = work(&range, &self.is_over);
                let is_over = self.is_over.load(Ordering::Relaxed) || part.is_err();
                let part = part.map(|(yielded, next)| {
                    rest = next.map(|first| Selection { first, ..range });
                    WorkedPart { yielded, is_end: rest.is_none() }
                });
                // No transaction is open while this waits.
                if sender.send(part).is_err() || is_over {
                    return;
                }
            }
        }
    }
}
