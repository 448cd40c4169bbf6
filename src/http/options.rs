//! How to serve.

use std::path::PathBuf;
use std::time::Duration;

use super::access_log::AccessLog;
use super::answered::AnsweredRequest;
use super::engine::{Limits, ListenOn, Tls};
use super::metrics_access::MetricsAccess;
use super::simulate::FaultRules;
use super::web_pages::WebPageOptions;
use crate::error::{Error, Log};
use crate::export::UpdateCadence;
use crate::store::QueryLimits;

/// The time that a finished export can be fetched, unless the options say another.
const JOB_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// How many exports of one client may be unfinished, unless the options say another.
const MAX_JOBS: usize = 16;

/// How long SQL of a client may run, unless the options say another time.
const SQL_TIME: Duration = Duration::from_secs(10);

/// How many rows the result of SQL may have, unless the options say another number.
const SQL_ROWS: u64 = 100_000;

/// How to serve: by default on a free port of 127.0.0.1, open to every client.
///
/// ```
/// use fhirlite::Options;
///
/// let options = Options::new().listen("127.0.0.1:0").log(|error| eprintln!("{error}"));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    pub(super) listen: Vec<ListenOn>,
    pub(super) tls: Option<Tls>,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) base_url: Option<String>,
    pub(super) auth_required: bool,
    pub(super) insecure: bool,
    pub(super) job_ttl: Duration,
    pub(super) max_jobs: usize,
    pub(super) query_limits: QueryLimits,
    pub(super) update_cadence: UpdateCadence,
    pub(super) pages: WebPageOptions,
    pub(super) has_page: bool,
    pub(super) limits: Limits,
    pub(super) log: Log,
    pub(super) access_log: AccessLog,
    pub(super) metrics_access: MetricsAccess,
    pub(super) simulation: Option<FaultRules>,
    pub(super) folder_of_copies: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Options {
        Options {
            listen: vec!["127.0.0.1:0".into()],
            tls: None,
            trusted_proxies: Vec::new(),
            base_url: None,
            auth_required: false,
            insecure: false,
            job_ttl: JOB_TTL,
            max_jobs: MAX_JOBS,
            query_limits: QueryLimits { time: SQL_TIME, rows: SQL_ROWS },
            update_cadence: UpdateCadence::default(),
            pages: WebPageOptions::default(),
            has_page: true,
            limits: Limits::default(),
            log: Log::default(),
            access_log: AccessLog::default(),
            metrics_access: MetricsAccess::default(),
            simulation: None,
            folder_of_copies: None,
        }
    }

    /// Sets what to listen on: an address such as `127.0.0.1:8080`, where port 0 takes a free one, the path of
    /// a Unix socket such as `unix:/run/fhirlite.sock`, or a socket that was opened elsewhere.
    pub fn listen(self, on: impl Into<ListenOn>) -> Options {
        Options { listen: vec![on.into()], ..self }
    }

    /// Adds something to listen on.
    pub fn listen_also(mut self, on: impl Into<ListenOn>) -> Options {
        self.listen.push(on.into());
        self
    }

    /// Has the server speak TLS to clients that come over TCP. Unix sockets stay without: the system keeps
    /// others away from them.
    #[cfg(feature = "tls")]
    pub fn tls(self, tls: Tls) -> Options {
        Options { tls: Some(tls), ..self }
    }

    /// Sets the beginning of URLs in answers, for clients that reach the server by another name. Without
    /// it, URLs begin with the client's `Host`.
    pub fn base_url(self, url: impl Into<String>) -> Options {
        Options { base_url: Some(url.into()), ..self }
    }

    /// Adds a proxy that is believed what it says of its clients in `Forwarded` or `X-Forwarded-For`, `-Proto` and
    /// `-Host`: an address, a network such as `10.0.0.0/8`, or `unix` for the processes at Unix sockets. By default
    /// nobody is.
    pub fn trust_proxy(mut self, network: impl Into<String>) -> Options {
        self.trusted_proxies.push(network.into());
        self
    }

    /// Requires authentication of every client. By default every client may read everything.
    pub fn auth_required(self, required: bool) -> Options {
        Options { auth_required: required, ..self }
    }

    /// Allows an address that other machines reach also for an open server, and without TLS.
    pub fn insecure(self, insecure: bool) -> Options {
        Options { insecure, ..self }
    }

    /// Sets the time that a finished export can be fetched, by default a day. Replaced versions are kept
    /// at least as long.
    pub fn job_ttl(self, time: Duration) -> Options {
        Options { job_ttl: time, ..self }
    }

    /// Sets how many exports of one client may be unfinished at once, by default 16; a further kick-off is a 429.
    pub fn max_jobs(self, number: usize) -> Options {
        Options { max_jobs: number, ..self }
    }

    /// Sets how long SQL of a client may run, by default ten seconds, with the tables that are filled for it.
    pub fn sql_time(self, time: Duration) -> Options {
        let query_limits = QueryLimits { time, ..self.query_limits };
        Options { query_limits, ..self }
    }

    /// Sets how many rows the result of a client's SQL may have, by default 100,000.
    pub fn sql_rows(self, rows: u64) -> Options {
        let query_limits = QueryLimits { rows, ..self.query_limits };
        Options { query_limits, ..self }
    }

    /// Sets how often the dataset of `$bulk-publish` is expected to change, by default once a day.
    /// Clients choose by it when to ask again.
    pub fn update_cadence(self, cadence: UpdateCadence) -> Options {
        Options { update_cadence: cadence, ..self }
    }

    /// Adds a name by which an open server on the loopback may be asked, beside those of the loopback, of the base URL and
    /// of the address. With such a name, every server answers only to its names; others are a 421.
    pub fn allow_host(mut self, name: impl Into<String>) -> Options {
        self.pages.allowed_hosts.push(name.into());
        self
    }

    /// Adds an origin whose web pages may read, `any` for all, `none` for no page. By default an open server allows
    /// pages of this machine, and a server that requires authentication allows every page, which needs a token.
    pub fn cors(mut self, origin: impl Into<String>) -> Options {
        self.pages.cors.push(origin.into());
        self
    }

    /// Sets whether the server shows its page at `/`, by default it does. Without the cargo feature `page` there is none.
    pub fn page(self, shown: bool) -> Options {
        Options { has_page: shown, ..self }
    }

    /// Sets what the server grants its clients: sizes, times and numbers.
    pub fn limits(self, limits: Limits) -> Options {
        Options { limits, ..self }
    }

    /// Lets the server misbehave on purpose, for tests of clients: by these rules, and by those that come to `/faults` or
    /// stand in the paths of requests. It listens on this machine only, and serves a copy of the store in memory.
    pub fn simulate(self, faults: FaultRules) -> Options {
        Options { simulation: Some(faults), ..self }
    }

    /// Sets the folder in which a simulation puts the copies that it serves, instead of memory. They stay there.
    pub fn copies_in(self, folder: impl Into<PathBuf>) -> Options {
        Options { folder_of_copies: Some(folder.into()), ..self }
    }

    /// Sets the receiver of the server's own faults, which clients do not see. By default these are
    /// ignored. [`Error::request_id`] says which request met a fault. What happens again and again comes
    /// once a minute.
    pub fn log(self, receive: impl Fn(&Error) + Send + Sync + 'static) -> Options {
        Options { log: Log::new(receive), ..self }
    }

    /// Sets who may read `/metrics`.
    pub fn metrics(self, access: MetricsAccess) -> Options {
        Options { metrics_access: access, ..self }
    }

    /// Sets the receiver of each request that was answered or cut. It is called on the thread of the
    /// request's connection, and the next request of that connection waits for it.
    pub fn access_log(self, receive: impl Fn(&AnsweredRequest) + Send + Sync + 'static) -> Options {
        Options { access_log: AccessLog::new(receive), ..self }
    }
}
