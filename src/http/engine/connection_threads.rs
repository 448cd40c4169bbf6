//! The threads of connections. One that is done waits a moment for another connection, because starting a
//! thread takes longer than answering a small request.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::sync::lock;

/// How long a thread waits for another connection.
const SPARE_TIME: Duration = Duration::from_secs(1);
/// The most threads that wait.
const MOST_SPARE: usize = 16;

/// What a thread does for one connection.
type Work = Box<dyn FnOnce() + Send>;

/// The threads of an engine's connections.
#[derive(Default)]
pub struct ConnectionThreads {
    spare: Mutex<Spare>,
    changed: Condvar,
    /// How many threads there are.
    alive: AtomicUsize,
}

#[derive(Default)]
struct Spare {
    /// How many threads wait.
    threads: usize,
    /// Work that these are about to take.
    work: VecDeque<Work>,
}

impl ConnectionThreads {
    /// Does `work` on a thread of its own.
    ///
    /// # Errors
    /// Where the system has no thread. Then `work` is dropped.
    pub fn run(
        self: &Arc<ConnectionThreads>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let mut spare = lock(&self.spare);
        if spare.threads > spare.work.len() {
            spare.work.push_back(Box::new(work));
            self.changed.notify_one();
            return Ok(());
        }
        drop(spare);
        let threads = self.clone();
        let first: Work = Box::new(work);
        thread::Builder::new().name("connection".to_owned()).spawn(move || threads.serve(first))?;
        Ok(())
    }

    /// How many threads there are, those that wait for a connection too.
    pub fn count(&self) -> usize {
        self.alive.load(Ordering::Relaxed)
    }

    fn serve(&self, first: Work) {
        let _alive = Alive::new(&self.alive);
        let mut next = Some(first);
        while let Some(work) = next {
            work();
            next = self.next();
        }
    }

    /// Waits for more work.
    fn next(&self) -> Option<Work> {
        let mut spare = lock(&self.spare);
        if spare.threads >= MOST_SPARE {
            return None;
        }
        spare.threads += 1;
        let waited =
            self.changed.wait_timeout_while(spare, SPARE_TIME, |spare| spare.work.is_empty());
        let mut spare = waited.unwrap_or_else(PoisonError::into_inner).0;
        spare.threads -= 1;
        spare.work.pop_front()
    }
}

/// Counts a thread until it ends, also by a panic.
struct Alive<'c>(&'c AtomicUsize);

impl Alive<'_> {
    fn new(count: &AtomicUsize) -> Alive<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Alive(count)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn all_work_is_done_whoever_waits() {
        let threads = Arc::<ConnectionThreads>::default();
        let (sender, receiver) = channel();
        for round in 0..20 {
            for number in 0..40 {
                let sender = sender.clone();
                threads.run(move || sender.send((round, number)).unwrap()).unwrap();
            }
            let mut done: Vec<_> = receiver.iter().take(40).collect();
            done.sort_unstable();
            assert_eq!(done, (0..40).map(|number| (round, number)).collect::<Vec<_>>());
        }
        // A panic ends its thread alone.
        for _ in 0..MOST_SPARE + 2 {
            threads.run(|| panic!("on purpose")).unwrap();
        }
        threads.run(move || sender.send((0, 0)).unwrap()).unwrap();
        assert_eq!(receiver.recv().unwrap(), (0, 0));
        assert!(lock(&threads.spare).threads <= MOST_SPARE);
    }
}
