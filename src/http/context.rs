//! What all handlers share: the store, the callers' rights, the jobs, and the paths of this server.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use super::access_log::AccessLog;
use super::engine::EngineState;
use super::header::{is_authority, names_address};
use super::message::Request;
use super::metrics_access::MetricsAccess;
use super::readiness::Readiness;
use super::request_counts::RequestCounts;
use super::simulate::Simulation;
use super::web_pages::WebPages;
use crate::access::{Audit, Authority};
use crate::error::{Error, Kind, Log, Result};
use crate::export::{Jobs, UpdateCadence};
use crate::fhir::version::FhirVersion;
use crate::store::{QueryLimits, Store};
use crate::time::Instant;

/// The HL7 base.
pub const FHIR: &str = "/fhir";
/// The published dataset; files are below this path.
pub const PUBLISH: &str = "/fhir/$bulk-publish";
/// The two paths of the token endpoint at 1upHealth. SMART clients are told the second.
pub const TOKEN: [&str; 2] = ["/oauth2/token", "/fhir/oauth2/token"];

/// The address for which a Unix socket stands in URLs: this machine.
const UNIX_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 80);

/// The kick-off of the 1upHealth dialect in a store of this version; files are below this path. The `$`
/// stands for itself in URLs.
pub fn export_path(version: FhirVersion) -> String {
    format!("/bulk-data/{}/$export", version.segment())
}

/// What all handlers share.
pub struct Context {
    /// The store that is served.
    pub store: Store,
    /// Who may read which resources.
    pub access: Authority,
    /// The record of what each client got, where authentication is required.
    pub audit: Option<Arc<Audit>>,
    /// Accepted exports.
    pub jobs: Jobs,
    /// What SQL of clients may take.
    pub query_limits: QueryLimits,
    /// The beginning of URLs in answers, if the operator gave one.
    pub base_url: Option<String>,
    /// How often the published dataset is expected to change.
    pub update_cadence: UpdateCadence,
    /// What web pages may do.
    pub pages: WebPages,
    /// Whether only this machine reaches the server.
    pub is_private: bool,
    /// Whether there are screens for people.
    pub has_page: bool,
    /// Whether the server misbehaves on purpose.
    #[cfg_attr(not(feature = "page"), expect(dead_code))]
    pub is_simulated: bool,
    /// The rules and the journal of a server that does.
    pub simulation: Option<Arc<Mutex<Simulation>>>,
    /// The server's start.
    pub started: Instant,
    /// Receives the server's own faults.
    pub log: Log,
    /// Receives each answered request.
    pub access_log: AccessLog,
    /// Who may read the metrics.
    pub metrics_access: MetricsAccess,
    /// Counts the answered requests.
    pub counts: RequestCounts,
    /// Whether the store can be read and written.
    pub readiness: Readiness,
    /// Tells how much there is to do; set once the engine runs.
    pub engine: OnceLock<EngineState>,
}

/// What the contexts of a server have of its options. A context is that of one store.
#[derive(Clone)]
pub struct ContextSource {
    /// The beginning of URLs in answers, if the operator gave one.
    pub base_url: Option<String>,
    /// Whether requests must be authenticated.
    pub auth_required: bool,
    /// The time that a finished export can be fetched.
    pub job_ttl: Duration,
    /// How many exports of one client may be unfinished.
    pub max_jobs: usize,
    /// What SQL of clients may take.
    pub query_limits: QueryLimits,
    /// How often the published dataset is expected to change.
    pub update_cadence: UpdateCadence,
    /// What web pages may do.
    pub pages: WebPages,
    /// Whether only this machine reaches the server.
    pub is_private: bool,
    /// Whether there are screens for people.
    pub has_page: bool,
    /// Whether the server misbehaves on purpose.
    pub is_simulated: bool,
    /// The rules and the journal of a server that does.
    pub simulation: Option<Arc<Mutex<Simulation>>>,
    /// Receives the server's own faults.
    pub log: Log,
    /// Receives each answered request.
    pub access_log: AccessLog,
    /// Who may read the metrics.
    pub metrics_access: MetricsAccess,
}

impl ContextSource {
    /// The context of `store`, with the threads of its jobs and its audit.
    ///
    /// # Errors
    /// Where the store cannot be read, or where the system has no thread.
    pub fn open(&self, store: &Store) -> Result<Context> {
        let audit = if self.auth_required {
            Some(Arc::new(Audit::start(store, self.log.clone())?))
        } else {
            None
        };
        Ok(Context {
            access: Authority::new(store, audit.clone(), self.log.clone())?,
            audit,
            jobs: Jobs::start(store, self.job_ttl, self.max_jobs, self.log.clone())?,
            started: store.now(),
            store: store.clone(),
            query_limits: self.query_limits,
            base_url: self.base_url.clone(),
            update_cadence: self.update_cadence.clone(),
            pages: self.pages.clone(),
            is_private: self.is_private,
            has_page: self.has_page,
            is_simulated: self.is_simulated,
            simulation: self.simulation.clone(),
            log: self.log.clone(),
            access_log: self.access_log.clone(),
            metrics_access: self.metrics_access,
            counts: RequestCounts::default(),
            readiness: Readiness::default(),
            engine: OnceLock::new(),
        })
    }
}

impl Context {
    /// Begins no more work on jobs. Responses under way must not wait for a store that refuses the audit.
    pub fn stop(&self) {
        if let Some(audit) = &self.audit {
            audit.close();
        }
        self.jobs.stop();
    }

    /// Logs an error of a request that is a fault of the server or of its machine, not of the client.
    pub fn log_fault(&self, error: &Error, request: &Request) {
        let kind = error.kind();
        if kind.status() == 500 || matches!(kind, Kind::Full | Kind::Replaced) {
            self.log.tell(&error.of_request(&request.id));
        }
    }

    /// The beginning of URLs in the answer to `request`: scheme and authority, without a slash at the
    /// end, and the request's own prefix.
    pub fn base(&self, request: &Request) -> String {
        self.origin(request) + &request.prefix
    }

    fn origin(&self, request: &Request) -> String {
        if let Some(base) = &self.base_url {
            return base.clone();
        }
        let scheme = request.proxy_scheme.unwrap_or(request.scheme).as_str();
        let named = request.proxy_host.clone().or_else(|| request.header("host"));
        match named.filter(|host| is_authority(host)) {
            Some(host) => format!("{scheme}://{host}"),
            None => format!("{scheme}://{}", own_authority(request)),
        }
    }

    /// The beginning of the token endpoint's URLs, for clients and for the audience of assertions.
    ///
    /// The client's `Host` counts only where no other machine has that name. Otherwise a thief could
    /// use here an assertion that is meant for another server. What a proxy says does not count: it may pass on
    /// any name. So behind a proxy the operator says the base.
    pub fn token_base(&self, request: &Request) -> String {
        self.token_origin(request) + &request.prefix
    }

    fn token_origin(&self, request: &Request) -> String {
        if let Some(base) = &self.base_url {
            return base.clone();
        }
        let scheme = request.scheme;
        let address = request.local.unwrap_or(UNIX_ADDRESS);
        let names_it = |host: &String| names_address(host, address, scheme.port());
        let authority = request.header("host").filter(names_it);
        format!("{}://{}", scheme.as_str(), authority.unwrap_or_else(|| own_authority(request)))
    }
}

/// Where a request arrived.
fn own_authority(request: &Request) -> String {
    request.local.map_or_else(|| "localhost".to_owned(), |address| address.to_string())
}
