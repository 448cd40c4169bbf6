//! What all handlers share: the store, the callers' rights, the jobs, and the paths of this server.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use super::access_log::AccessLog;
use super::engine::EngineState;
use super::header::{is_authority, names_address};
use super::message::Request;
use super::metrics::{MetricsAccess, TypeCounts};
use super::request_counts::RequestCounts;
use super::web_pages::WebPages;
use crate::access::{Audit, Authority};
use crate::error::{Error, Kind, Log};
use crate::export::{Jobs, UpdateCadence};
use crate::fhir::version::FhirVersion;
use crate::store::Store;
use crate::time::Instant;

/// The HL7 base.
pub const FHIR: &str = "/fhir";
/// The published dataset; files are below this path.
pub const PUBLISH: &str = "/fhir/$bulk-publish";
/// The two paths of the token endpoint at 1upHealth. SMART clients are told the second.
pub const TOKEN: [&str; 2] = ["/oauth2/token", "/fhir/oauth2/token"];

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
    /// The beginning of URLs in answers, if the operator gave one.
    pub base_url: Option<String>,
    /// How often the published dataset is expected to change.
    pub update_cadence: UpdateCadence,
    /// What web pages may do.
    pub pages: WebPages,
    /// The address on which the server listens.
    pub address: SocketAddr,
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
    /// The resources by type, for the metrics.
    pub type_counts: TypeCounts,
    /// Tells how much there is to do; set once the engine runs.
    pub engine: OnceLock<EngineState>,
}

impl Context {
    /// Logs an error of a request that is a fault of the server or of its machine, not of the client.
    pub fn log_fault(&self, error: &Error, request: &Request) {
        if error.kind().status() == 500 || error.kind() == Kind::Full {
            self.log.tell(&error.of_request(&request.id));
        }
    }

    /// The beginning of URLs in the answer to `request`: scheme and authority, without a slash at the
    /// end.
    pub fn base(&self, request: &Request) -> String {
        self.base_by(request, self.address, is_authority)
    }

    /// The beginning of the token endpoint's URLs, for clients and for the audience of assertions.
    ///
    /// The client's `Host` counts only where no other machine has that name. Otherwise a thief could
    /// use here an assertion that is meant for another server.
    pub fn token_base(&self, request: &Request) -> String {
        let address = request.local.unwrap_or(self.address);
        self.base_by(request, address, |host| names_address(host, address))
    }

    /// The operator's base, else the client's `Host` if `is_usable`, else `address`.
    fn base_by(
        &self,
        request: &Request,
        address: SocketAddr,
        is_usable: impl Fn(&str) -> bool,
    ) -> String {
        if let Some(base) = &self.base_url {
            return base.clone();
        }
        match request.header("host").filter(|host| is_usable(host)) {
            Some(host) => format!("http://{host}"),
            None => format!("http://{address}"),
        }
    }
}
