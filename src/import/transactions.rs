//! Which inputs share a transaction. A commit waits for the disk, so small inputs are committed
//! together; each is still whole in the store, or not there at all.
//!
//! The first load of a store is one transaction, whatever the inputs' sizes: it needs no log, its indexes
//! are built once at the end, and nobody reads or writes beside it.

use std::thread;
use std::time::{Duration, Instant as Stopwatch};

use crate::error::Result;
use crate::store::Writer;

/// The largest input that shares a transaction, in bytes of text.
const SMALL: u64 = 1 << 20;
/// A shared transaction ends after so many bytes of text …
const MOST: u64 = 8 << 20;
/// … or after this time, because other writers wait for it.
const LONGEST: Duration = Duration::from_millis(250);
/// The first load of a store lasts so long before it commits: a crash loses no more work than that, beside the
/// input that is being written, and a server that opens the store meanwhile waits twice as long.
const LONGEST_LOAD: Duration = Duration::from_secs(30);
/// The pause after a transaction for which others waited: this part of the transaction's time, within these
/// bounds. Other writers try again every 100 milliseconds at least, and would hardly ever meet the moment
/// between two transactions.
const PAUSE_PART: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// The transactions of an import. Those of a strict import begin and end elsewhere: it is one as a whole.
#[derive(Default)]
pub(super) struct InputTransactions {
    is_strict: bool,
    /// In the first load of a store, the bytes of its inputs that have not begun.
    load: Option<u64>,
    /// The size of an input of which nothing was read yet. It takes no lock: nothing may ever come.
    announced: Option<Option<u64>>,
    /// True while an input is being written.
    is_in_input: bool,
    /// The ended inputs in the open transaction, and bytes of their text.
    ended: u64,
    bytes: u64,
    /// When the open transaction began.
    began: Option<Stopwatch>,
    /// The inputs that are in the store for good.
    pub(super) kept: u64,
}

impl InputTransactions {
    pub(super) fn new(is_strict: bool) -> InputTransactions {
        InputTransactions { is_strict, ..InputTransactions::default() }
    }

    /// The inputs are the first load of a store, of about `bytes`.
    pub(super) fn load(&mut self, bytes: u64) {
        self.load = Some(bytes);
    }

    /// True for an input that shares its transaction.
    fn shares(&self, size: Option<u64>) -> bool {
        if self.load.is_some() { size.is_some() } else { is_small(size) }
    }

    /// An input of about `size` bytes begins. One that does not share its transaction begins with nothing
    /// before it.
    pub(super) fn announce(&mut self, writer: &mut Writer<'_>, size: Option<u64>) -> Result<()> {
        if !self.shares(size) {
            self.commit(writer)?;
        }
        self.announced = (!self.is_strict).then_some(size);
        Ok(())
    }

    /// Something of the input was read.
    pub(super) fn enter(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        let Some(size) = self.announced.take() else { return Ok(()) };
        let bytes = size.unwrap_or(0);
        self.load = self.load.map(|left| left.saturating_sub(bytes));
        if self.began.is_some() {
            writer.begin_next(size)?;
        } else {
            writer.begin(size, self.load.unwrap_or(0))?;
            self.began = Some(Stopwatch::now());
        }
        self.is_in_input = true;
        // What does not share its transaction ends it.
        self.bytes += if self.shares(size) { bytes } else { MOST };
        Ok(())
    }

    /// The input has ended. Commits, unless the transaction is to be shared with the next ones.
    pub(super) fn end(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if !std::mem::take(&mut self.is_in_input) {
            // Nothing was in it, or the import is strict.
            self.announced = None;
            self.ended += 1;
            return Ok(());
        }
        writer.end_input()?;
        self.ended += 1;
        let took = self.took();
        if self.load.is_some() {
            // The next input is written where others may wait.
            return if took >= LONGEST_LOAD { self.commit(writer) } else { Ok(()) };
        }
        if took >= LONGEST || self.bytes >= MOST {
            self.commit(writer)?;
        }
        if took >= LONGEST {
            thread::sleep((took / PAUSE_PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
        Ok(())
    }

    /// How long the open transaction has lasted.
    fn took(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// No input comes at the moment. Lets others write, who may wait.
    pub(super) fn pause(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if self.load.is_none() || self.took() >= LONGEST_LOAD {
            self.commit(writer)
        } else {
            Ok(())
        }
    }

    /// Commits the inputs that have ended. Does nothing while an input is being written.
    pub(super) fn commit(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if self.is_in_input {
            return Ok(());
        }
        if self.began.take().is_some() {
            writer.commit()?;
            self.load = None;
        }
        self.kept += std::mem::take(&mut self.ended);
        self.bytes = 0;
        Ok(())
    }

    /// After an error: undoes the input that is being written, and commits those before it.
    pub(super) fn keep_ended(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if std::mem::take(&mut self.is_in_input) && !writer.undo_input()? {
            self.began = None;
        }
        self.commit(writer)
    }
}

/// True for an input of so few bytes of text that it shares a transaction with others.
pub(super) fn is_small(size: Option<u64>) -> bool {
    size.is_some_and(|size| size <= SMALL)
}
