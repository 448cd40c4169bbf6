//! A body with faults in front of the writer of an answer, with bounded memory.
//!
//! It ends with a [`BodyEnd`], which the engine obeys. It never sleeps: the engine makes the pauses of a slow body.

use std::io::{self, Write};

use super::wire::{BodyChanger, BodyFault, BodyPiece, Pace};
use crate::http::shaped::{BodyEnd, BodyOut};

/// A body with faults in front of a writer.
pub struct FaultyWriter<'w> {
    out: &'w mut dyn BodyOut,
    changer: BodyChanger,
    pace: Pace,
}

impl<'w> FaultyWriter<'w> {
    /// Writes to `out`.
    pub fn new(fault: &BodyFault, out: &'w mut dyn BodyOut) -> FaultyWriter<'w> {
        FaultyWriter { out, changer: fault.begin(), pace: fault.pace() }
    }

    /// Ends the body.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<BodyEnd> {
        let mut pieces = Vec::new();
        if self.changer.end().is_none() {
            self.changer.finish(&mut pieces)?;
        }
        self.send(pieces)?;
        Ok(self.changer.end().unwrap_or_default())
    }

    fn send(&mut self, pieces: Vec<BodyPiece>) -> io::Result<()> {
        for piece in pieces {
            let mut left = Some(piece);
            while let Some(piece) = left {
                let (bytes, rest) = first_bytes(piece, self.pace.most());
                let wait = self.pace.wait(bytes.len() as u64);
                if !wait.is_zero() {
                    self.out.pause(wait)?;
                }
                self.out.write_all(&bytes)?;
                left = rest;
            }
        }
        Ok(())
    }
}

impl Write for FaultyWriter<'_> {
    /// Takes all bytes. Once the body has broken off, they go nowhere.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.changer.end().is_none() {
            let mut pieces = Vec::new();
            self.changer.push(bytes, &mut pieces)?;
            self.send(pieces)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The first bytes of a piece, at most so many, and what is left of it.
fn first_bytes(piece: BodyPiece, most: u64) -> (Vec<u8>, Option<BodyPiece>) {
    match piece {
        BodyPiece::Bytes(bytes) if bytes.len() as u64 <= most => (bytes, None),
        BodyPiece::Bytes(mut bytes) => {
            let rest = bytes.split_off(most as usize);
            (bytes, Some(BodyPiece::Bytes(rest)))
        }
        BodyPiece::Spaces(count) => {
            let some = count.min(most);
            let rest = (count > some).then(|| BodyPiece::Spaces(count - some));
            (vec![b' '; some as usize], rest)
        }
    }
}
