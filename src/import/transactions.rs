//! Which inputs share a transaction. A commit waits for the disk, so small inputs are committed
//! together; each is still whole in the store, or not there at all.

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
/// The pause after that: this part of the transaction's time, within these bounds. Other writers try again every
/// 100 milliseconds at least, and would hardly ever meet the moment between two transactions.
const PAUSE_PART: u32 = 20;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(150);

/// The transactions of an import. Those of a strict import begin and end elsewhere: it is one as a whole.
#[derive(Default)]
pub(super) struct InputTransactions {
    is_strict: bool,
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

    /// An input of about `size` bytes begins. One that is not small begins with nothing before it in its
    /// transaction.
    pub(super) fn announce(&mut self, writer: &mut Writer<'_>, size: Option<u64>) -> Result<()> {
        if !is_small(size) {
            self.commit(writer)?;
        }
        self.announced = (!self.is_strict).then_some(size);
        Ok(())
    }

    /// Something of the input was read.
    pub(super) fn enter(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if let Some(size) = self.announced.take() {
            writer.begin_input(size)?;
            self.began.get_or_insert_with(Stopwatch::now);
            self.is_in_input = true;
            // What is not small ends its transaction.
            self.bytes += if is_small(size) { size.unwrap_or(0) } else { MOST };
        }
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
        let took = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        if took >= LONGEST || self.bytes >= MOST {
            self.commit(writer)?;
        }
        if took >= LONGEST {
            thread::sleep((took / PAUSE_PART).clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        }
        Ok(())
    }

    /// Commits the inputs that have ended. Does nothing while an input is being written.
    pub(super) fn commit(&mut self, writer: &mut Writer<'_>) -> Result<()> {
        if self.is_in_input {
            return Ok(());
        }
        if self.began.take().is_some() {
            writer.commit()?;
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
