//! The server: an engine with the handlers behind it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::answered::AnsweredRequest;
use super::context::{Context, ContextSource};
use super::cross_origin;
use super::engine::{Engine, Limits, ListenPlace, Listener, RequestHandler, Tls};
use super::log_limit::limited;
use super::message::{Request, Response};
use super::options::Options;
use super::page::is_page;
use super::peer::Scheme;
use super::proxies::TrustedProxies;
use super::route::{answer, body_limit, is_light, refusal};
use super::simulate::FaultRules;
use super::simulated::SimulatedServer;
use super::web_pages::{ServerNames, WebPages};
use crate::error::{Error, Kind, Result};
use crate::store::{Checkpoints, Store};

/// A running server. Dropped, it ends as by [`Server::end`], within the time of grace that its limits name.
pub struct Server {
    serving: Serving,
    engine: Engine,
    places: Vec<ListenPlace>,
    scheme: Scheme,
    _checkpoints: Option<Checkpoints>,
}

/// What answers the requests.
enum Serving {
    /// The handlers.
    Plain(Arc<Context>),
    /// The handlers, and faults on purpose.
    Faulty(Arc<SimulatedServer>),
}

/// A server that has its address and no clients yet. A fault of the address shows before a long import.
pub struct BoundServer {
    listeners: Vec<Listener>,
    tls: Option<Tls>,
    proxies: TrustedProxies,
    limits: Limits,
    source: ContextSource,
    simulation: Option<FaultRules>,
    folder_of_copies: Option<PathBuf>,
}

impl Server {
    /// Takes the addresses of `options`.
    ///
    /// # Errors
    /// `Usage` for an address, a trusted proxy or a base URL that cannot be, and for an address that other
    /// machines reach without what protects it; `Listen` where the address is taken.
    pub fn bind(options: &Options) -> Result<BoundServer> {
        let base_url = options.base_url.as_deref().map(checked_base_url).transpose()?;
        let proxies = TrustedProxies::parse(&options.trusted_proxies)?;
        let listeners = options.listen.iter().map(Listener::bind).collect::<Result<Vec<_>>>()?;
        for listener in &listeners {
            check_place(listener.place(), options, base_url.as_deref())?;
        }
        let is_unix = |listener: &Listener| matches!(listener.place(), ListenPlace::Unix(_));
        if options.tls.is_some() && listeners.iter().all(is_unix) {
            let what = "TLS is for TCP, and the server would listen on Unix sockets alone; name a host and a port too, \
                        or leave TLS out";
            return Err(Error::new(Kind::Usage, what));
        }
        let pages = WebPages::new(
            &options.pages,
            &ServerNames {
                auth_required: options.auth_required,
                is_private: listeners.iter().all(|listener| listener.place().is_private()),
                listen: &options.listen,
                base_url: base_url.as_deref(),
            },
        )?;
        let source = ContextSource {
            base_url,
            auth_required: options.auth_required,
            job_ttl: options.job_ttl,
            max_jobs: options.max_jobs,
            query_limits: options.query_limits,
            update_cadence: options.update_cadence.clone(),
            pages,
            is_private: listeners.iter().all(|listener| listener.place().is_private()),
            has_page: options.has_page,
            is_simulated: options.simulation.is_some(),
            simulation: None,
            log: limited(options.log.clone()),
            access_log: options.access_log.clone(),
            metrics_access: options.metrics_access,
        };
        Ok(BoundServer {
            listeners,
            tls: options.tls.clone(),
            proxies,
            limits: options.limits.clone(),
            source,
            simulation: options.simulation.clone(),
            folder_of_copies: options.folder_of_copies.clone(),
        })
    }

    /// Serves `store` in the background.
    ///
    /// # Errors
    /// Those of [`Server::bind`] and [`BoundServer::serve`].
    pub fn start(store: &Store, options: &Options) -> Result<Server> {
        Server::bind(options)?.serve(store)
    }

    /// The first address on which the server listens; `0.0.0.0:0`, which is none, if it has Unix sockets alone.
    pub fn address(&self) -> SocketAddr {
        let addresses = self.places.iter().filter_map(|place| match place {
            ListenPlace::Tcp(address) => Some(*address),
            ListenPlace::Unix(_) => None,
        });
        addresses.into_iter().next().unwrap_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))
    }

    /// `http://HOST:PORT` with the first address, `https://` with TLS; `unix:PATH` if the server has Unix sockets alone.
    pub fn url(&self) -> String {
        let urls = self.urls();
        let is_tcp = |url: &&String| url.contains("://");
        urls.iter().find(is_tcp).or(urls.first()).cloned().unwrap_or_default()
    }

    /// Where clients find the server, in the order of its options: `http://HOST:PORT`, `https://HOST:PORT` or
    /// `unix:PATH`.
    pub fn urls(&self) -> Vec<String> {
        let url = |place: &ListenPlace| match place {
            ListenPlace::Tcp(address) => format!("{}://{address}", self.scheme.as_str()),
            ListenPlace::Unix(_) => place.to_string(),
        };
        self.places.iter().map(url).collect()
    }

    /// Ends the server: it accepts nothing more at once, and waits for the requests under way, for the time
    /// of grace at most. As soon as `cut_now` is true it waits no longer. Requests that have not ended by
    /// then are cut; their number.
    pub fn end(self, cut_now: impl Fn() -> bool) -> usize {
        self.end_unless(cut_now)
    }

    /// What simulates faults; `None` in a server that does not.
    pub(super) fn simulated(&self) -> Option<Arc<SimulatedServer>> {
        match &self.serving {
            Serving::Plain(_) => None,
            Serving::Faulty(server) => Some(server.clone()),
        }
    }

    fn end_unless(&self, cut_now: impl Fn() -> bool) -> usize {
        // No new requests, then no new work on jobs.
        self.engine.stop();
        self.serving.context().stop();
        self.engine.end(cut_now)
    }
}

impl Serving {
    fn context(&self) -> Arc<Context> {
        match self {
            Serving::Plain(context) => context.clone(),
            Serving::Faulty(server) => server.context(),
        }
    }

    fn handler(&self) -> Arc<dyn RequestHandler> {
        match self {
            Serving::Plain(context) => context.clone(),
            Serving::Faulty(server) => server.clone(),
        }
    }
}

impl BoundServer {
    /// Checks that the store has clients, if authentication is required. A simulation can be given some later.
    ///
    /// # Errors
    /// `Usage` where it has none.
    pub fn check(&self, store: &Store) -> Result<()> {
        let can_have_some = self.simulation.is_some();
        if self.source.auth_required && !can_have_some && store.clients()?.is_empty() {
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
        // A simulation reads the file once, and leaves it as it is.
        let is_copied = self.simulation.is_some();
        if !is_copied {
            store.enter_wal_mode()?;
            // Whoever copies the file from now on has all of what was imported before.
            match store.checkpoint() {
                // What is there can be read all the same.
                Err(error) if error.kind() == Kind::Full => {
                    self.source.log.tell(&error.at_file(store.path()));
                }
                done => done?,
            }
        }
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let places: Vec<ListenPlace> =
            self.listeners.iter().map(|listener| listener.place().clone()).collect();
        let serving = match self.simulation {
            Some(rules) => {
                let folder = self.folder_of_copies;
                Serving::Faulty(Arc::new(SimulatedServer::new(store, folder, self.source, rules)?))
            }
            None => Serving::Plain(Arc::new(self.source.open(store)?)),
        };
        let log = serving.context().log.clone();
        let checkpoints = if is_copied { None } else { Some(store.keep_checkpointed(log)?) };
        let handler = serving.handler();
        let engine = Engine::start(self.listeners, self.tls, self.limits, self.proxies, handler)?;
        match &serving {
            Serving::Plain(context) => drop(context.engine.set(engine.state())),
            Serving::Faulty(server) => server.set_engine(engine.state()),
        }
        Ok(Server { serving, engine, places, scheme, _checkpoints: checkpoints })
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
        // The screens of this server are for nobody else's pages.
        if self.has_page && request.is_some_and(is_page) {
            return Vec::new();
        }
        cross_origin::headers(&self.pages, request)
    }

    fn is_light(&self, request: &Request) -> bool {
        is_light(request)
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

/// Checks that a server with these options may listen at `place`.
///
/// A protected server for other machines has TLS, its own or that of a proxy:
/// <https://hl7.org/fhir/uv/bulkdata/authorization/index.html> demands it.
fn check_place(place: &ListenPlace, options: &Options, base_url: Option<&str>) -> Result<()> {
    if options.simulation.is_some() && !place.is_private() {
        let what = format!(
            "{place} can be reached from other machines, and a server that simulates faults is for tests on this \
             machine alone; listen on 127.0.0.1"
        );
        return Err(Error::new(Kind::Usage, what));
    }
    if place.is_private() || options.insecure {
        return Ok(());
    }
    let is_encrypted =
        options.tls.is_some() || base_url.is_some_and(|url| url.starts_with("https://"));
    let what = match (options.auth_required, is_encrypted) {
        (true, true) => return Ok(()),
        (true, false) => format!(
            "{place} can be reached from other machines, and without TLS everyone on the way could read tokens and \
             data; say --tls-cert and --tls-key (or --tls-self-signed), or --base-url https://... if a proxy before \
             the server has TLS, or --insecure if everyone may read them"
        ),
        (false, _) => format!(
            "{place} can be reached from other machines, and everyone there could read the store; \
             say --auth required, or --insecure if everyone may"
        ),
    };
    Err(Error::new(Kind::Usage, what))
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
