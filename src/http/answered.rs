//! A request that has its answer, as the log of requests and the metrics see it.

use std::net::IpAddr;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::redacted::redacted;
use crate::time::Instant;

/// What handlers find out about a request, for the log of requests and the metrics.
#[derive(Default)]
pub struct Noted {
    /// The pattern of the row of the routing table that answers.
    pub route: OnceLock<&'static str>,
    /// The `client_id` of an authenticated client, and the user for whom it asks.
    pub caller: OnceLock<(Option<String>, Option<String>)>,
    /// The bytes of the body of its answer, where a journal counts them.
    pub sent: OnceLock<Arc<AtomicU64>>,
}

impl Noted {
    /// Notes who makes the request.
    pub fn note_caller(&self, client_id: Option<&str>, user: Option<&str>) {
        if client_id.is_some() {
            // A request is authenticated twice where its body is read. Both find the same caller.
            let _ = self.caller.set((client_id.map(str::to_owned), user.map(str::to_owned)));
        }
    }
}

/// A request that has got its answer, or was cut before the end of it.
#[non_exhaustive]
pub struct AnsweredRequest {
    /// When its first byte was there.
    pub began: Instant,
    /// The client's address.
    pub client: IpAddr,
    /// The method; empty where the message was no request.
    pub method: String,
    /// The HTTP status; 0 where the client left before it got one.
    pub status: u16,
    /// The bytes of the body that were sent.
    pub bytes: u64,
    /// Whether the whole answer was sent.
    pub is_whole: bool,
    /// The time from the first byte of the request to the last byte of the answer.
    pub time: Duration,
    /// The id in the answer.
    pub request_id: String,
    /// True if the engine refused the message, so that no handler answered.
    pub(super) is_refused: bool,
    pub(super) target: String,
    pub(super) noted: Arc<Noted>,
}

impl AnsweredRequest {
    /// A request of which nothing is known yet but where it comes from.
    pub(super) fn begun(began: Instant, client: IpAddr) -> AnsweredRequest {
        AnsweredRequest {
            began,
            client,
            method: String::new(),
            status: 0,
            bytes: 0,
            is_whole: false,
            time: Duration::ZERO,
            request_id: String::new(),
            is_refused: false,
            target: String::new(),
            noted: Arc::default(),
        }
    }

    /// The path with its query, for a log. Secrets, tokens and codes are `***`, control characters are
    /// percent-encoded, and a long path is cut. Empty where the message was no request.
    pub fn path(&self) -> String {
        redacted(&self.target)
    }

    /// The route that answered, such as `/fhir/{Type}/{id}`; `None` where no route has the path.
    pub fn route(&self) -> Option<&'static str> {
        self.noted.route.get().copied()
    }

    /// The `client_id` of an authenticated client.
    pub fn client_id(&self) -> Option<&str> {
        self.noted.caller.get().and_then(|(client, _)| client.as_deref())
    }

    /// The user for whom an authenticated client asks (`app_user_id`).
    pub fn user(&self) -> Option<&str> {
        self.noted.caller.get().and_then(|(_, user)| user.as_deref())
    }
}
