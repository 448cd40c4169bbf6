//! A body whose writer says how the connection ends behind it, and what the head says of its length.
//!
//! Most bodies are whole, and the engine counts their bytes. This one breaks the rules of
//! <https://www.rfc-editor.org/rfc/rfc9112#section-6> where its writer wants that, for tests of clients. What is
//! wrong, and why, is not known here.

use std::io::{self, Write};
use std::time::Duration;

use crate::error::Result;

/// How a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyEnd {
    /// As its framing says.
    #[default]
    Whole,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more comes, and the connection stays open until the client ends it.
    Stall,
}

/// Takes the bytes of a body, and time between them.
pub trait BodyOut: Write {
    /// Sends what was written so far, and then nothing for `time`. The end of the server ends the pause.
    ///
    /// # Errors
    /// Where the client is gone.
    fn pause(&mut self, time: Duration) -> io::Result<()>;
}

/// Writes a body, and says how it ends.
pub type ShapingWriter = Box<dyn FnOnce(&mut dyn BodyOut) -> Result<BodyEnd> + Send>;

/// A body that may end early, and be of another length than its head says.
pub struct ShapedBody {
    /// What `Content-Length` says; `None` for a body in chunks.
    pub length: Option<u64>,
    /// Writes the bytes.
    pub write: ShapingWriter,
}
