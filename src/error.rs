//! The one error type, and the one table of what each kind of error means outside.
//!
//! A kind is small and machine-readable; the message is for a person and says what to do next.
//! Nothing here knows where an error comes from: each level maps its own library's errors to a kind.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, as far as a program has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The command line or a call is wrong in itself.
    Usage,
    /// A value given by a client is not what it should be.
    Invalid,
    /// A file, a resource or a path that is not there.
    NotFound,
    /// The file is no fhirlite store, or one of another format.
    NotAStore,
    /// Somebody keeps the store to himself for longer than we wait, or there are too many requests at
    /// once: to be tried again.
    Busy,
    /// The store, or the place it lies in, cannot be written.
    ReadOnly,
    /// The operating system refused: disk full, permission, a broken pipe.
    Io,
    /// The store contradicts itself; `fhirlite check` says where.
    Damaged,
    /// The address cannot be listened on.
    Listen,
    /// It is not known who asks, or what was shown for it is wrong.
    Unauthorized,
    /// What was asked for is not for who asks: a file name that is not ours, was edited or is for somebody
    /// else, a type beyond the scope of a token.
    Forbidden,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// It was there and was deleted.
    Gone,
    /// The client takes none of the formats that there are.
    NotAcceptable,
    /// What came with the request is of a format that is not read.
    UnsupportedFormat,
    /// What the client had to send did not come in time.
    TooSlow,
    /// Wrong credentials were shown too often: to be tried again later.
    Throttled,
    /// More than the server takes: a request body.
    TooMuch,
    /// A fault of our own.
    Internal,
}

/// The exit code when everything went well.
pub const EXIT_OK: u8 = 0;
/// The exit code when the work was done but something in the input was rejected.
pub const EXIT_REJECTED: u8 = 1;

impl Kind {
    /// What this kind means outside: the process's exit code, the HTTP status and the
    /// `OperationOutcome.issue.code` (value set `issue-type`).
    pub fn outward(self) -> (u8, u16, &'static str) {
        match self {
            Kind::Usage => (2, 400, "invalid"),
            Kind::Invalid => (2, 400, "invalid"),
            Kind::NotFound => (3, 404, "not-found"),
            Kind::NotAStore => (4, 500, "exception"),
            Kind::Busy => (5, 503, "transient"),
            Kind::ReadOnly => (6, 403, "forbidden"),
            Kind::Io => (7, 500, "exception"),
            Kind::Damaged => (8, 500, "exception"),
            Kind::Listen => (9, 500, "exception"),
            Kind::Unauthorized => (10, 401, "login"),
            Kind::Forbidden => (10, 403, "forbidden"),
            Kind::MethodNotAllowed => (10, 405, "not-supported"),
            Kind::Gone => (3, 410, "deleted"),
            Kind::NotAcceptable => (10, 406, "not-supported"),
            Kind::UnsupportedFormat => (10, 415, "not-supported"),
            Kind::TooSlow => (10, 408, "timeout"),
            Kind::Throttled => (10, 429, "throttled"),
            Kind::TooMuch => (10, 413, "too-costly"),
            Kind::Internal => (10, 500, "exception"),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        self.outward().1
    }

    /// The process's exit code; see the README's table.
    pub fn exit_code(self) -> u8 {
        self.outward().0
    }
}

/// An error with its kind and a message that names the place, what is wrong and the remedy.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    retry_after: Option<u64>,
}

/// What every fallible call of this crate returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), source: None, retry_after: None }
    }

    /// An error of `kind` whose cause is kept; the message should already tell it.
    pub fn caused(
        kind: Kind,
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Error {
        Error { kind, message: message.into(), source: Some(Box::new(source)), retry_after: None }
    }

    /// An operating-system error met at `place` (a path, an address).
    pub fn io(place: impl fmt::Display, source: std::io::Error) -> Error {
        use std::io::ErrorKind as E;
        let kind = match source.kind() {
            E::NotFound => Kind::NotFound,
            E::ReadOnlyFilesystem => Kind::ReadOnly,
            _ => Kind::Io,
        };
        Error::caused(kind, format!("{place}: {}", plain(&source)), source)
    }

    /// The same error, to be tried again after so many seconds.
    pub(crate) fn after(mut self, seconds: u64) -> Error {
        self.retry_after = Some(seconds);
        self
    }

    /// After how many seconds to try again, where that is known: a second where something is only busy.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after.or((self.kind == Kind::Busy).then_some(1))
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What a client may be told: faults of our own say no more than that they are, and where files are
    /// is nobody's business.
    pub(crate) fn for_clients(&self) -> &str {
        match self.kind {
            Kind::Internal | Kind::Io | Kind::Damaged | Kind::NotAStore => {
                "a fault of the server; its log says more"
            }
            Kind::ReadOnly => "nothing can be written here",
            _ => &self.message,
        }
    }

    /// The same error with `place` in front of its message.
    pub fn at(mut self, place: impl fmt::Display) -> Error {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// True where the reader of our output has gone: for a command-line tool a normal end.
    pub fn is_broken_pipe(&self) -> bool {
        self.source
            .as_ref()
            .and_then(|s| s.downcast_ref::<std::io::Error>())
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    }
}

/// Receives errors that no caller waits for, such as those of background threads.
///
/// Clones share one receiver. The default receiver ignores everything.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<LogReceiver>>);

type LogReceiver = dyn Fn(&Error) + Send + Sync;

impl Log {
    /// Passes each error to `receive`, on the thread that met the error.
    pub fn new(receive: impl Fn(&Error) + Send + Sync + 'static) -> Log {
        Log(Some(Arc::new(receive)))
    }

    /// Reports `error`.
    pub fn tell(&self, error: &Error) {
        if let Some(receive) = &self.0 {
            receive(error);
        }
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Log(given)" } else { "Log(none)" })
    }
}

/// The operating system's words without Rust's "(os error 2)".
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|s| s as _)
    }
}
