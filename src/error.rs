//! The error type of the crate, and the table of exit codes and HTTP statuses.
//!
//! A kind is for programs. The message is for a person and says what to do next. Each folder maps the
//! errors of its own libraries to a kind.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::shown::shown;

/// The kind of an error, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The command line or a call is wrong.
    Usage,
    /// A client sent a wrong value.
    Invalid,
    /// A request that is right in itself cannot be carried out: a view has a fault, or meets one in a resource.
    Unprocessable,
    /// A file, a resource or a path does not exist.
    NotFound,
    /// The file is not a fhirlite store, or has another format.
    NotAStore,
    /// Another process holds the store for too long, or there are too many requests at once. A later try
    /// may succeed.
    Busy,
    /// The store or its folder cannot be written.
    ReadOnly,
    /// The operating system refused: a permission, a broken pipe.
    Io,
    /// There is no room: the disk is full, or a file has reached the limit for its size. A later try may
    /// succeed.
    Full,
    /// The store contradicts itself; `fhirlite check` says where.
    Damaged,
    /// The store's file, or its log, was moved, replaced or removed while it was in use.
    Replaced,
    /// The server cannot listen on the address.
    Listen,
    /// Credentials are missing or wrong.
    Unauthorized,
    /// The caller may not have this: the scope is too narrow, or the file name was edited or is for
    /// another caller.
    Forbidden,
    /// The path exists, but not with this method.
    MethodNotAllowed,
    /// The resource was deleted.
    Gone,
    /// The client accepts none of the formats that the server has.
    NotAcceptable,
    /// The request has a body of an unsupported format.
    UnsupportedFormat,
    /// The request did not arrive in time.
    TooSlow,
    /// Too many wrong credentials; the caller must wait.
    Throttled,
    /// The request body is too large.
    TooMuch,
    /// The caller stopped the work before its end.
    Interrupted,
    /// A fault of fhirlite itself.
    Internal,
}

/// The exit code of a full success.
pub const EXIT_OK: u8 = 0;
/// The exit code when the work is done but an input item was rejected, or there was nothing to import.
pub const EXIT_REJECTED: u8 = 1;

impl Kind {
    /// The exit code, the HTTP status and the `OperationOutcome.issue.code` (value set `issue-type`) of
    /// this kind.
    pub fn outward(self) -> (u8, u16, &'static str) {
        match self {
            Kind::Usage => (2, 400, "invalid"),
            Kind::Invalid => (2, 400, "invalid"),
            Kind::Unprocessable => (2, 422, "invalid"),
            Kind::NotFound => (3, 404, "not-found"),
            Kind::NotAStore => (4, 500, "exception"),
            Kind::Busy => (5, 503, "transient"),
            Kind::ReadOnly => (6, 403, "forbidden"),
            Kind::Io => (7, 500, "exception"),
            Kind::Full => (7, 503, "no-store"),
            Kind::Damaged => (8, 500, "exception"),
            Kind::Replaced => (7, 503, "transient"),
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
            Kind::Interrupted => (130, 503, "transient"),
            Kind::Internal => (10, 500, "exception"),
        }
    }

    /// The HTTP status.
    pub(crate) fn status(self) -> u16 {
        self.outward().1
    }

    /// The exit code of the process: the table in `docs/cli.md`.
    pub fn exit_code(self) -> u8 {
        self.outward().0
    }
}

/// An error: its kind, and a message that names the place, the fault and the remedy.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    retry_after: Option<u64>,
    /// True as long as the message does not name the file that it is about.
    needs_place: bool,
    request_id: Option<String>,
}

/// How many seconds a caller should wait for room on a disk.
const WAIT_FOR_ROOM: u64 = 60;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error of `kind` with this message. Characters that rule a terminal are escaped in it.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        let message: String = message.into();
        let message = match shown(&message) {
            Cow::Borrowed(_) => message,
            Cow::Owned(shown) => shown,
        };
        Error {
            kind,
            message,
            source: None,
            retry_after: None,
            needs_place: false,
            request_id: None,
        }
    }

    /// Makes an error that keeps its cause. The message should already include it.
    pub fn caused(
        kind: Kind,
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Error {
        Error { source: Some(Box::new(source)), ..Error::new(kind, message) }
    }

    /// Makes an error from one of the operating system, met at `place` (a path, an address).
    pub fn io(place: impl fmt::Display, source: std::io::Error) -> Error {
        use std::io::ErrorKind as E;
        let kind = match source.kind() {
            E::NotFound => Kind::NotFound,
            E::ReadOnlyFilesystem => Kind::ReadOnly,
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => Kind::Full,
            _ => Kind::Io,
        };
        let remedy = match source.kind() {
            E::FileTooLarge => "; `ulimit -f` is the limit for the size of a file",
            E::StorageFull | E::QuotaExceeded => "; free some space and try again",
            _ => "",
        };
        Error::caused(kind, format!("{place}: {}{remedy}", plain(&source)), source)
    }

    /// The same error for a log, with the id of the request that met it. The cause is left out.
    pub(crate) fn of_request(&self, id: &str) -> Error {
        Error { request_id: Some(id.to_owned()), ..Error::new(self.kind, self.message.clone()) }
    }

    /// The id of the request that met the error, where an error in a log is about a request. The client was
    /// told the same id.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Adds how many seconds a caller should wait before the next try.
    pub(crate) fn after(mut self, seconds: u64) -> Error {
        self.retry_after = Some(seconds);
        self
    }

    /// How many seconds a caller should wait before the next try; one second for `Busy`.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after.or(match self.kind {
            Kind::Busy => Some(1),
            Kind::Full => Some(WAIT_FOR_ROOM),
            _ => None,
        })
    }

    /// Marks an error whose message does not name the file that it is about; [`Error::at_file`] adds it.
    pub(crate) fn without_place(mut self) -> Error {
        self.needs_place = true;
        self
    }

    /// Puts the file in front of a message that does not name it yet.
    pub fn at_file(self, file: &Path) -> Error {
        if self.needs_place { self.at(file.display()) } else { self }
    }

    /// The kind of the error.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The message for HTTP clients. It tells no details of internal faults and no file names.
    pub(crate) fn for_clients(&self) -> &str {
        match self.kind {
            Kind::Internal | Kind::Io | Kind::Damaged | Kind::NotAStore => {
                "a fault of the server; its log says more"
            }
            Kind::ReadOnly => "nothing can be written here",
            Kind::Full => "the server has no room to write; its disk is full",
            Kind::Replaced => {
                "the store's file was moved, replaced or removed while it was served; the operator must put it back or start the server again"
            }
            _ => &self.message,
        }
    }

    /// Puts `place` in front of the message.
    pub fn at(mut self, place: impl fmt::Display) -> Error {
        self.message = format!("{}: {}", shown(&place.to_string()), self.message);
        self.needs_place = false;
        self
    }

    /// True if the reader of standard output has gone, which is a normal end for a command-line tool.
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
pub struct Log(Option<Arc<Receiver>>);

type Receiver = dyn Fn(&Error) + Send + Sync;

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

/// The operating system's message without Rust's "(os error 2)".
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
