//! gzip with something wrong in it.
//!
//! The format: <https://www.rfc-editor.org/rfc/rfc1952>. Its last eight bytes are the checksum and the
//! length of what was compressed. The framing of the body stays right, so only the end of the gzip stream
//! shows the fault.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

/// The length of the checksum and the length at the end.
const TRAILER: usize = 8;
/// The length of what a stream that breaks off lacks.
const LACKING: usize = TRAILER + 4;

/// The content coding of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyCoding {
    /// None.
    #[default]
    Plain,
    /// gzip, announced but not done.
    Announced,
    /// gzip as it should be.
    Gzip,
    /// gzip without its end.
    GzipCut,
    /// gzip with a wrong checksum.
    GzipChecksum,
}

impl BodyCoding {
    /// The coding that a rule names.
    pub fn of_word(word: &str) -> BodyCoding {
        match word {
            "announced" => BodyCoding::Announced,
            "cut" => BodyCoding::GzipCut,
            _ => BodyCoding::GzipChecksum,
        }
    }

    /// True if `Content-Encoding` says gzip.
    pub fn is_announced(self) -> bool {
        self != BodyCoding::Plain
    }

    /// True if the bytes stay as they are.
    pub fn is_plain(self) -> bool {
        matches!(self, BodyCoding::Plain | BodyCoding::Announced)
    }

    /// How many bytes of the end wait for what is done to them.
    fn held_back(self) -> usize {
        match self {
            BodyCoding::Plain | BodyCoding::Announced | BodyCoding::Gzip => 0,
            BodyCoding::GzipCut => LACKING,
            BodyCoding::GzipChecksum => TRAILER,
        }
    }
}

/// Codes a body as its bytes come.
#[derive(Debug)]
pub struct FaultyCoder {
    coding: BodyCoding,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

impl FaultyCoder {
    /// A coder at the beginning of a body.
    pub fn new(coding: BodyCoding) -> FaultyCoder {
        let gzip = (!coding.is_plain()).then(|| GzEncoder::new(Vec::new(), Compression::fast()));
        FaultyCoder { coding, gzip }
    }

    /// True if the bytes stay as they are.
    pub fn is_plain(&self) -> bool {
        self.coding.is_plain()
    }

    /// Takes bytes; gives those that can go out.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let Some(gzip) = &mut self.gzip else { return Ok(bytes.to_vec()) };
        gzip.write_all(bytes)?;
        let coded = gzip.get_mut();
        let kept = coded.len().min(self.coding.held_back());
        let waiting = coded.split_off(coded.len() - kept);
        Ok(std::mem::replace(coded, waiting))
    }

    /// Sends what the encoder has taken so far, for a body that breaks off here.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn flush(&mut self) -> io::Result<Vec<u8>> {
        let Some(gzip) = &mut self.gzip else { return Ok(Vec::new()) };
        gzip.flush()?;
        Ok(std::mem::take(gzip.get_mut()))
    }

    /// Ends the body.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn finish(&mut self) -> io::Result<Vec<u8>> {
        let Some(gzip) = self.gzip.take() else { return Ok(Vec::new()) };
        let mut coded = gzip.finish()?;
        let end = coded.len().saturating_sub(self.coding.held_back());
        match self.coding {
            BodyCoding::GzipCut => coded.truncate(end),
            BodyCoding::GzipChecksum => {
                coded[end..].iter_mut().take(4).for_each(|byte| *byte = !*byte);
            }
            BodyCoding::Plain | BodyCoding::Announced | BodyCoding::Gzip => {}
        }
        Ok(coded)
    }
}
