//! Finds the end of a request's head, byte by byte as it comes: <https://www.rfc-editor.org/rfc/rfc9112#section-2.2>.
//!
//! Lines end in CRLF. A CR or LF that stands alone is refused, because others may see a line end there.

use super::limits::Limits;
use super::refusal::Refusal;

/// The bytes of a request line beside its target, generously.
const AROUND_TARGET: usize = 100;

/// Looks for the end of one head. It sees each byte once, however the bytes come.
#[derive(Default)]
pub struct HeadEnd {
    /// How many bytes it has seen.
    seen: usize,
    /// How many of these belong to the current line.
    line: usize,
    /// How many lines have ended that are not empty.
    lines: usize,
    is_after_cr: bool,
}

impl HeadEnd {
    /// True if the head has begun: empty lines before it do not count.
    pub fn has_begun(&self) -> bool {
        self.lines > 0 || self.line > 0
    }

    /// Looks at the bytes of a message as far as they have come; the length of the head, once it is there.
    ///
    /// # Errors
    /// 400 for a line end that is none or for a first byte that begins no method, 414 and 431 for a head
    /// beyond its limits.
    pub fn find(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, Refusal> {
        while let Some(&byte) = bytes.get(self.seen) {
            self.seen += 1;
            match byte {
                b'\n' if self.is_after_cr => {
                    self.is_after_cr = false;
                    // An empty line ends the head, or stands before it.
                    if self.line == 0 && self.lines > 0 {
                        return Ok(Some(self.seen));
                    }
                    self.lines += usize::from(self.line > 0);
                    self.line = 0;
                }
                _ if self.is_after_cr || byte == b'\n' => {
                    return Err(Refusal::bad("a line of the request does not end in CRLF"));
                }
                b'\r' => self.is_after_cr = true,
                _ if !self.has_begun() && !byte.is_ascii_graphic() => {
                    return Err(Refusal::bad("this is no HTTP request"));
                }
                _ => self.line += 1,
            }
            self.check(limits)?;
        }
        Ok(None)
    }

    fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        if self.lines == 0 && self.line > limits.target_bytes + AROUND_TARGET {
            return Err(too_long_target(limits));
        }
        if self.seen > limits.head_bytes {
            let what = format!("the head of a request may have {} bytes", limits.head_bytes);
            return Err(Refusal::new(431, what));
        }
        // The first line is the request line.
        if self.lines > limits.header_fields + 1 {
            return Err(too_many_fields(limits));
        }
        Ok(())
    }
}

/// 414.
pub fn too_long_target(limits: &Limits) -> Refusal {
    let what = format!(
        "the target of a request may have {} bytes; longer parameters go into the body of a POST",
        limits.target_bytes
    );
    Refusal::new(414, what)
}

/// 431 for the number of fields.
pub fn too_many_fields(limits: &Limits) -> Refusal {
    Refusal::new(431, format!("a request may have {} header fields", limits.header_fields))
}
