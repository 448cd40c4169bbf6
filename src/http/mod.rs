//! The network: one capability per file, as functions from a request to a response.
//!
//! From the socket to the store: `engine` reads a request, `route` finds its handler, `authenticated`
//! finds its caller, the handler answers. `header` and `form` read the grammars. Only `engine` knows
//! sockets.

mod access_log;
mod answered;
mod authenticated;
mod context;
mod counted;
mod cross_origin;
mod direct;
mod download;
mod engine;
mod exposition;
mod filled;
mod fixture;
mod form;
mod header;
mod health;
mod kickoff;
mod log_limit;
mod message;
mod metadata;
mod metrics;
mod metrics_access;
mod oneup;
mod operation;
mod options;
#[cfg(feature = "page")]
mod page;
#[cfg(not(feature = "page"))]
#[path = "page_off.rs"]
mod page;
mod peer;
mod posted;
mod proxies;
mod publish;
mod readiness;
mod redacted;
mod request_counts;
mod request_id;
mod request_parameters;
mod rest;
mod route;
mod row;
mod sample;
mod secrets;
mod server;
mod shaped;
mod signed;
mod simulate;
mod simulated;
mod smart;
mod sql;
mod status;
mod token;
mod users;
mod web_pages;

pub use answered::AnsweredRequest;
#[cfg(feature = "tls")]
pub use engine::Tls;
pub use engine::{Limits, ListenOn};
pub use fixture::{Fixture, FixtureServer, SeenRequest};
pub use metrics_access::MetricsAccess;
pub use options::Options;
pub use server::{BoundServer, Server};
pub use simulate::FaultRules;
