//! Counts of the requests that were answered, by route: what `/metrics` shows of them.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use super::answered::AnsweredRequest;
use crate::sync::lock;

/// Upper bounds of the buckets of the histogram of times, in seconds.
pub const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0];
/// The route of requests that no route has, and of messages that are no requests.
const OTHER: &str = "other";
/// The classes of statuses. The first has the requests whose clients left before they got one.
pub const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The counts of one route.
#[derive(Clone, Default)]
pub struct RouteCounts {
    /// Requests by the class of their status, in the order of [`CLASSES`].
    pub classes: [u64; CLASSES.len()],
    /// Requests by time: those of each bucket alone, and last those beyond all of them.
    pub buckets: [u64; BUCKETS.len() + 1],
    /// The sum of the times.
    pub time: Duration,
    /// Bytes of bodies that were sent.
    pub bytes: u64,
    /// Answers that were cut.
    pub cut: u64,
}

/// The counts of a server since its start.
#[derive(Default)]
pub struct RequestCounts {
    routes: Mutex<BTreeMap<&'static str, RouteCounts>>,
    /// What the engine refused, by status.
    refusals: Mutex<BTreeMap<u16, u64>>,
}

impl RequestCounts {
    /// Counts a request.
    pub fn count(&self, request: &AnsweredRequest) {
        let seconds = request.time.as_secs_f64();
        let bucket = BUCKETS.iter().position(|most| seconds <= *most).unwrap_or(BUCKETS.len());
        let class = usize::from(request.status / 100).min(CLASSES.len() - 1);
        let mut routes = lock(&self.routes);
        let counts = routes.entry(request.route().unwrap_or(OTHER)).or_default();
        counts.classes[class] += 1;
        counts.buckets[bucket] += 1;
        counts.time += request.time;
        counts.bytes += request.bytes;
        counts.cut += u64::from(!request.is_whole);
        drop(routes);
        if request.is_refused {
            *lock(&self.refusals).entry(request.status).or_default() += 1;
        }
    }

    /// The counts by route.
    pub fn routes(&self) -> BTreeMap<&'static str, RouteCounts> {
        lock(&self.routes).clone()
    }

    /// What the engine refused, by status.
    pub fn refusals(&self) -> BTreeMap<u16, u64> {
        lock(&self.refusals).clone()
    }
}
