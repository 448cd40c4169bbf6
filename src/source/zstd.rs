//! Zstandard: the text of every frame of a file, with its checksum compared. The crate decodes one
//! frame.
//!
//! <https://www.rfc-editor.org/rfc/rfc8878>

use std::io::{Error, ErrorKind, Read, Result, copy, sink};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// A stream that remembers whether it has ended: the crate reports a text that is cut off like a wrong
/// one.
struct WatchedInput<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for WatchedInput<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(buffer)?;
        self.ended |= read == 0 && !buffer.is_empty();
        Ok(read)
    }
}

/// The text of a file of one or several frames. A window of more than 128 MiB is an error, as in the
/// program `zstd`.
pub(super) struct ZstdReader<R> {
    input: WatchedInput<R>,
    frame: FrameDecoder,
    /// True while a frame is being read.
    inside: bool,
}

impl<R: Read> ZstdReader<R> {
    pub(super) fn new(inner: R) -> ZstdReader<R> {
        let input = WatchedInput { inner, ended: false };
        ZstdReader { input, frame: FrameDecoder::new(), inside: false }
    }

    fn fault(&self, what: impl ToString) -> Error {
        let kind = if self.input.ended { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData };
        Error::new(kind, format!("not valid zstd: {}", what.to_string()))
    }

    /// Reads the header of the next frame with a text; false at the end of the file.
    fn next_frame(&mut self) -> Result<bool> {
        loop {
            let mut first = [0; 1];
            match self.input.read(&mut first) {
                Ok(0) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read?,
            };
            match self.frame.init((&first[..]).chain(&mut self.input)) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    if copy(&mut (&mut self.input).take(length), &mut sink())? < length {
                        return Err(self.fault("a frame is cut off"));
                    }
                }
                Err(error) => return Err(self.fault(error)),
            }
        }
    }
}

impl<R: Read> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while !buffer.is_empty() {
            if !self.inside && !self.next_frame()? {
                return Ok(0);
            }
            self.inside = true;
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                if let Err(error) = self.frame.decode_blocks(&mut self.input, one) {
                    return Err(self.fault(error));
                }
            }
            let read = self.frame.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            // The frame has ended, and all of it was read.
            self.inside = false;
            let written = self.frame.get_checksum_from_data();
            if written.is_some() && written != self.frame.get_calculated_checksum() {
                return Err(self.fault("a checksum is wrong"));
            }
        }
        Ok(0)
    }
}
