//! The server: an engine with the handlers behind it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::access_log::AccessLog;
use super::answered::AnsweredRequest;
use super::context::Context;
use super::cross_origin;
use super::engine::{Engine, Limits, Listener, RequestHandler};
use super::log_limit::limited;
use super::message::{Request, Response};
use super::metrics::{MetricsAccess, TypeCounts};
use super::options::Options;
use super::request_counts::RequestCounts;
use super::route::{answer, body_limit, refusal};
use super::web_pages::{self, WebPages};
use crate::access::{Audit, Authority};
use crate::error::{Error, Kind, Log, Result};
use crate::export::{Jobs, UpdateCadence};
use crate::store::{Checkpoints, Store};

/// A running server. Dropped, it ends as by [`Server::end`], within the time of grace that its limits name.
pub struct Server {
    context: Arc<Context>,
    engine: Engine,
    address: SocketAddr,
    _checkpoints: Checkpoints,
}

/// A server that has its address and no clients yet. A fault of the address shows before a long import.
pub struct BoundServer {
    listener: Listener,
    base_url: Option<String>,
    auth_required: bool,
    job_ttl: Duration,
    max_jobs: usize,
    update_cadence: UpdateCadence,
    pages: WebPages,
    limits: Limits,
    log: Log,
    access_log: AccessLog,
    metrics_access: MetricsAccess,
}

impl Server {
    /// Takes the address of `options`.
    ///
    /// # Errors
    /// `Usage` for an address or a base URL that cannot be, `Listen` where the address is taken.
    pub fn bind(options: &Options) -> Result<BoundServer> {
        let base_url = options.base_url.as_deref().map(checked_base_url).transpose()?;
        let listener = Listener::bind(&options.listen)?;
        let is_private = listener.address().ip().is_loopback();
        if !is_private && !options.insecure && !options.auth_required {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "{} can be reached from other machines, and everyone there could read the store; \
                     say --auth required, or --insecure if everyone may",
                    options.listen
                ),
            ));
        }
        let pages = WebPages::new(
            &options.pages,
            &web_pages::Server {
                auth_required: options.auth_required,
                address: listener.address().ip(),
                listen: &options.listen,
                base_url: base_url.as_deref(),
            },
        )?;
        Ok(BoundServer {
            listener,
            pages,
            base_url,
            auth_required: options.auth_required,
            job_ttl: options.job_ttl,
            max_jobs: options.max_jobs,
            update_cadence: options.update_cadence.clone(),
            limits: options.limits.clone(),
            log: limited(options.log.clone()),
            access_log: options.access_log.clone(),
            metrics_access: options.metrics_access,
        })
    }

    /// Serves `store` in the background.
    ///
    /// # Errors
    /// Those of [`Server::bind`] and [`BoundServer::serve`].
    pub fn start(store: &Store, options: &Options) -> Result<Server> {
        Server::bind(options)?.serve(store)
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the server: it accepts nothing more at once, and waits for the requests under way, for the time
    /// of grace at most. As soon as `cut_now` is true it waits no longer. Requests that have not ended by
    /// then are cut; their number.
    pub fn end(self, cut_now: impl Fn() -> bool) -> usize {
        self.end_unless(cut_now)
    }

    fn end_unless(&self, cut_now: impl Fn() -> bool) -> usize {
        // No new requests, then no new work on jobs. Responses under way must not wait for a store that
        // refuses the audit.
        self.engine.stop();
        if let Some(audit) = &self.context.audit {
            audit.close();
        }
        self.context.jobs.stop();
        self.engine.end(cut_now)
    }
}

impl BoundServer {
    /// Checks that the store has clients, if authentication is required.
    ///
    /// # Errors
    /// `Usage` where it has none.
    pub fn check(&self, store: &Store) -> Result<()> {
        if self.auth_required && store.clients()?.is_empty() {
            let what = format!(
                "{0} has no clients, so nobody could read anything; `fhirlite client add {0}` makes one",
                store.path().display()
            );
            return Err(Error::new(Kind::Usage, what));
        }
        Ok(())
    }

    /// Serves `store` in the background.
    ///
    /// # Errors
    /// Those of [`BoundServer::check`]; `Listen` where another process listens on the address by now;
    /// where the store cannot be read, or where the system has no thread.
    pub fn serve(self, store: &Store) -> Result<Server> {
        self.check(store)?;
        store.enter_wal_mode()?;
        // Whoever copies the file from now on has all of what was imported before.
        match store.checkpoint() {
            // What is there can be read all the same.
            Err(error) if error.kind() == Kind::Full => {
                self.log.tell(&error.at_file(store.path()));
            }
            done => done?,
        }
        let address = self.listener.address();
        let audit = if self.auth_required {
            Some(Arc::new(Audit::start(store, self.log.clone())?))
        } else {
            None
        };
        let context = Arc::new(Context {
            access: Authority::new(store, audit.clone(), self.log.clone())?,
            audit,
            jobs: Jobs::start(store, self.job_ttl, self.max_jobs, self.log.clone())?,
            started: store.now(),
            store: store.clone(),
            base_url: self.base_url,
            update_cadence: self.update_cadence,
            pages: self.pages,
            address,
            log: self.log,
            access_log: self.access_log,
            metrics_access: self.metrics_access,
            counts: RequestCounts::default(),
            type_counts: TypeCounts::default(),
            engine: OnceLock::new(),
        });
        let checkpoints = store.keep_checkpointed(context.log.clone())?;
        let engine = Engine::start(self.listener, self.limits, context.clone())?;
        let _ = context.engine.set(engine.state());
        Ok(Server { context, engine, address, _checkpoints: checkpoints })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end_unless(|| false);
    }
}

impl RequestHandler for Context {
    fn body_limit(&self, request: &Request) -> Result<usize> {
        // The body of a request that is not answered is not read.
        if self.pages.misdirected(request).is_some() {
            return Ok(0);
        }
        body_limit(self, request)
    }

    fn page_headers(&self, request: Option<&Request>) -> Vec<(&'static str, String)> {
        cross_origin::headers(&self.pages, request)
    }

    fn answer(&self, request: &Request) -> Response {
        if let Some(refusal) = self.pages.misdirected(request) {
            return refusal;
        }
        match request.target.as_str() {
            "*" => {
                cross_origin::options(&self.pages, request, "GET, HEAD, POST, PUT, DELETE, OPTIONS")
            }
            _ => answer(self, request),
        }
    }

    fn refuse(&self, error: &Error, request: &Request) -> Response {
        refusal(self, error, request)
    }

    fn log(&self, error: &Error) {
        self.log.tell(error);
    }

    fn answered(&self, request: &AnsweredRequest) {
        self.counts.count(request);
        self.access_log.tell(request);
    }
}

/// Checks a base URL and removes the slash at its end.
fn checked_base_url(text: &str) -> Result<String> {
    let rest = text.strip_prefix("https://").or(text.strip_prefix("http://"));
    let is_plain = |b: u8| b.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&b);
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && rest.bytes().all(is_plain) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(Error::new(
            Kind::Usage,
            format!(
                "base URL {text:?} should look like https://example.org or https://example.org/demo"
            ),
        )),
    }
}
