//! The range of a file that goes out, cut into portions. It does not read the store, and does not write to a client.

use std::io::Write;
use std::ops::Range;

use crate::error::{Error, Kind, Result};
use crate::spilled::{LARGE, SpilledBytes};

/// The bytes that are gathered before they go out. Read transactions are short, and few: with a quarter of this, a download
/// takes a sixth more of the processor.
pub(super) const PORTION: usize = 1 << 20;

/// Bytes that go out together.
#[derive(Default)]
pub(super) struct Portion {
    /// What comes before `bytes`, where it is large.
    spilled: Option<SpilledBytes>,
    bytes: Vec<u8>,
}

impl Portion {
    /// True for a portion of much more than [`PORTION`], since it ends with a long line.
    pub(super) fn is_long(&self) -> bool {
        self.spilled.is_some() || self.bytes.len() > 2 * PORTION
    }

    /// Writes all of the bytes.
    ///
    /// # Errors
    /// `Io` if `out` refuses.
    pub(super) fn write_to(self, out: &mut dyn Write) -> Result<()> {
        let refused = |error| Error::io("the output", error);
        if let Some(spilled) = self.spilled {
            spilled.write_to(out).map_err(refused)?;
        }
        out.write_all(&self.bytes).map_err(refused)
    }
}

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
    /// Takes each portion that is full.
    send: &'a mut dyn FnMut(Portion) -> Result<()>,
}

impl<'a> Window<'a> {
    /// The window of the bytes `range` of a file that has `length` bytes.
    pub(super) fn new(
        range: Range<u64>,
        length: u64,
        send: &'a mut dyn FnMut(Portion) -> Result<()>,
    ) -> Window<'a> {
        Window {
            skip: range.start,
            left: range.end - range.start,
            is_to_end: range.end == length,
            is_cut: false,
            portion: Portion::default(),
            send,
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

    /// True once the portion should go out.
    pub(super) fn is_full(&self) -> bool {
        self.portion.bytes.len() >= PORTION || self.portion.spilled.is_some()
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

    /// Lets go what was gathered.
    ///
    /// # Errors
    /// `Damaged` where there is more of the file than there should be; where nobody takes the portion any more.
    pub(super) fn flush(&mut self) -> Result<()> {
        // What is left in the portion does not go out: the file must not look whole.
        if self.is_cut {
            let what = "the store has more bytes of the file than its manifest said; `fhirlite check` says more";
            return Err(Error::new(Kind::Damaged, what));
        }
        let empty = Portion { spilled: None, bytes: Vec::with_capacity(PORTION + PORTION / 8) };
        (self.send)(std::mem::replace(&mut self.portion, empty))
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

    use super::*;

    proptest! {
        #[test]
        fn portions_together_are_the_range_of_the_file(
            lines in prop::collection::vec(0..PORTION, 1..8),
            ends in (0.0..=1.0_f64, 0.0..=1.0_f64),
        ) {
            let lines: Vec<String> = lines.iter().map(|length| "x".repeat(*length)).collect();
            let file: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let at = |part: f64| (file.len() as f64 * part) as usize;
            let range = at(ends.0.min(ends.1))..at(ends.0.max(ends.1));
            let mut sent = Vec::new();
            let mut send = |portion: Portion| portion.write_to(&mut sent);
            let (start, end) = (range.start as u64, range.end as u64);
            let mut window = Window::new(start..end, file.len() as u64, &mut send);
            for line in &lines {
                window.gather_line(line.as_bytes()).unwrap();
                if window.is_full() {
                    window.flush().unwrap();
                }
            }
            window.finish("file").unwrap();
            prop_assert!(sent == file.as_bytes()[range]);
        }
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_it_should_be_is_an_error() {
        for (length, text) in [(3, "more bytes"), (9, "3 bytes of file are missing")] {
            let mut send = |_| Ok(());
            let mut window = Window::new(0..length, length, &mut send);
            window.gather_line(b"01234").unwrap();
            let error = window.finish("file").unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
