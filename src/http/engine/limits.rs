//! What a server grants its clients: sizes, times and numbers.

use std::time::Duration;

/// What a server grants its clients. The defaults suit a server that many clients reach.
///
/// ```
/// use fhirlite::{Limits, Options};
///
/// let mut limits = Limits::default();
/// limits.connections = 100;
/// let options = Options::new().limits(limits);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most connections at once, by default 512. The limit of open files may allow fewer. When they
    /// run out, the one is closed whose client has been silent for the longest time.
    pub connections: usize,
    /// The most requests that are worked on at once, by default 64. Others wait for their turn, the
    /// clients in rotation.
    pub requests: usize,
    /// The most downloads at once to one client address, by default 64.
    pub downloads_per_client: usize,
    /// The longest head of a request in bytes, by default 64 KiB.
    pub head_bytes: usize,
    /// The most header fields of a request, by default 100.
    pub header_fields: usize,
    /// The longest target of a request in bytes, by default 16 KiB.
    pub target_bytes: usize,
    /// The time for the head of a request from its first byte on, by default 10 s.
    pub head_time: Duration,
    /// The time for the body of a request, by default 60 s.
    pub body_time: Duration,
    /// The least rate of a body in bytes a second, by default 1000; 0 for none. The first 10 s do not
    /// count.
    pub body_rate: u64,
    /// How long a connection may stay open without a request, by default 30 s.
    pub idle_time: Duration,
    /// How long a client may take nothing of a response, by default 75 s: on the same machine a client that
    /// takes 1,000 bytes a second shows that once in 66 s. A slow client that goes on taking bytes is never
    /// given up.
    pub send_time: Duration,
    /// How long the end of the server waits for the requests under way, by default 30 s.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            requests: 64,
            downloads_per_client: 64,
            head_bytes: 64 << 10,
            header_fields: 100,
            target_bytes: 16 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            body_rate: 1000,
            idle_time: Duration::from_secs(30),
            send_time: Duration::from_secs(75),
            grace: Duration::from_secs(30),
        }
    }
}
