//! The range of a file that goes out, cut into portions. It does not read the store, and does not write to a client.

use std::ops::Range;

use super::portion::{Portion, PortionExit};
use crate::error::{Error, Kind, Result};
use crate::spilled::{LARGE, SpilledBytes};

/// So many portions are read in one transaction at most, so that it delays no checkpoint for long.
const PORTIONS_PER_TRANSACTION: u32 = 32;

/// The range of a file that goes out; bytes outside of it are dropped.
pub(super) struct Window<'a> {
    /// The bytes to drop before the range begins.
    pub(super) skip: u64,
    /// The bytes of the range that are still to come.
    left: u64,
    /// True where nothing of the file comes after the range.
    pub(super) is_to_end: bool,
    /// True where something came after it all the same.
    pub(super) is_cut: bool,
    portion: Portion,
    /// How many portions went out since the last wait for the client.
    passed: u32,
    /// Takes each portion that is full.
    exit: PortionExit<'a>,
}

impl<'a> Window<'a> {
    /// The window of the bytes `range` of a file that has `length` bytes.
    pub(super) fn new(range: Range<u64>, length: u64, exit: PortionExit<'a>) -> Window<'a> {
        let left = range.end - range.start;
        Window {
            skip: range.start,
            left,
            is_to_end: range.end == length,
            is_cut: false,
            portion: Portion::of_file(left),
            passed: 0,
            exit,
        }
    }

    /// Takes a line, without its line end.
    ///
    /// # Errors
    /// As [`Window::gather`].
    pub(super) fn gather_line(&mut self, text: &[u8]) -> Result<()> {
        self.gather(text)?;
        self.gather(b"\n")
    }

    /// True once [`Window::flush`] should let the portion go: it is full, and a client that takes its time must be waited
    /// for. Where the client takes bytes as they come, a full portion goes at once.
    ///
    /// # Errors
    /// As [`Window::flush`].
    pub(super) fn must_flush(&mut self) -> Result<bool> {
        if !self.portion.is_full() {
            return Ok(false);
        }
        self.passed += 1;
        // The end of a file stays here until it is known to be the end.
        let must_stay = self.passed >= PORTIONS_PER_TRANSACTION || self.is_cut || self.is_over();
        Ok(must_stay || !self.exit.pass_at_once(&mut self.portion)?)
    }

    /// Takes the part of `bytes` that lies in the range. Many bytes go to a file, since they may wait for a slow client.
    ///
    /// # Errors
    /// `Io` where that file cannot be written.
    pub(super) fn gather(&mut self, bytes: &[u8]) -> Result<()> {
        let skipped = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        let rest = &bytes[skipped..];
        let whole = rest.len();
        let rest = &rest[..whole.min(usize::try_from(self.left).unwrap_or(usize::MAX))];
        self.is_cut |= self.is_to_end && rest.len() < whole;
        self.left -= rest.len() as u64;
        let Portion { spilled, bytes } = &mut self.portion;
        if rest.len() > LARGE {
            *spilled = Some(SpilledBytes::of(&[bytes, rest])?);
            bytes.clear();
        } else {
            bytes.extend_from_slice(rest);
        }
        Ok(())
    }

    /// True once the range is whole.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Lets go what was gathered. To be called without a transaction: the client may have to be waited for.
    ///
    /// # Errors
    /// `Damaged` where there is more of the file than there should be; where nobody takes the portion any more.
    pub(super) fn flush(&mut self) -> Result<()> {
        // What is left in the portion does not go out: the file must not look whole.
        if self.is_cut {
            let what = "the store has more bytes of the file than its manifest said; `fhirlite check` says more";
            return Err(Error::new(Kind::Damaged, what));
        }
        self.passed = 0;
        self.exit.pass(&mut self.portion)
    }

    /// Lets go the rest.
    ///
    /// # Errors
    /// As [`Window::flush`]; `Damaged` where bytes of the file `name` are missing.
    pub(super) fn finish(mut self, name: &str) -> Result<()> {
        self.flush()?;
        match self.left {
            0 => Ok(()),
            left => Err(Error::new(
                Kind::Damaged,
                format!(
                    "{left} bytes of {name} are missing in the store; `fhirlite check` says more"
                ),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::portion::{PORTION, connected};
    use super::*;

    /// Sends the bytes `range` of a file of these lines.
    fn send(lines: &[String], range: Range<usize>, exit: PortionExit<'_>) -> Result<()> {
        let length: usize = lines.iter().map(|line| line.len() + 1).sum();
        let range = range.start as u64..range.end as u64;
        let mut window = Window::new(range, length as u64, exit);
        for line in lines {
            window.gather_line(line.as_bytes())?;
            if window.must_flush()? {
                window.flush()?;
            }
        }
        window.finish("file")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn portions_together_are_the_range_of_the_file(
            lines in prop::collection::vec(0..3 * PORTION, 1..12),
            ends in (0.0..=1.0_f64, 0.0..=1.0_f64),
            is_ahead in any::<bool>(),
        ) {
            let letter = |at: usize| char::from(b'a' + at as u8).to_string();
            let lines: Vec<String> =
                lines.iter().enumerate().map(|(at, length)| letter(at).repeat(*length)).collect();
            let file: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let at = |part: f64| (file.len() as f64 * part) as usize;
            let range = at(ends.0.min(ends.1))..at(ends.0.max(ends.1));
            let mut sent = Vec::new();
            if is_ahead {
                let (ahead, behind) = connected(range.len() as u64);
                std::thread::scope(|scope| {
                    let reading = scope.spawn(|| send(&lines, range.clone(), PortionExit::Ahead(ahead)));
                    behind.write_all(&mut sent).unwrap();
                    reading.join().unwrap().unwrap();
                });
            } else {
                send(&lines, range.clone(), PortionExit::Client(&mut sent)).unwrap();
            }
            prop_assert!(sent == file.as_bytes()[range]);
        }
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_it_should_be_is_an_error() {
        for (length, text) in [(3, "more bytes"), (9, "3 bytes of file are missing")] {
            let mut sent = Vec::new();
            let mut window = Window::new(0..length, length, PortionExit::Client(&mut sent));
            window.gather_line(b"01234").unwrap();
            let error = window.finish("file").unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn whoever_reads_ahead_ends_once_nobody_takes_the_bytes() {
        let (ahead, behind) = connected(1 << 30);
        drop(behind);
        let lines = ["x".repeat(PORTION), "y".to_owned()];
        let error = send(&lines, 0..PORTION, PortionExit::Ahead(ahead)).unwrap_err();
        assert!(error.to_string().contains("nobody takes"), "{error}");
    }
}
