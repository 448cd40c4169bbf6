//! The log of requests: passes each answered request to the program that embeds the server.

use std::fmt;
use std::sync::Arc;

use super::answered::AnsweredRequest;

type RequestReceiver = dyn Fn(&AnsweredRequest) + Send + Sync;

/// Receives each request that was answered or cut. The default receiver ignores them.
#[derive(Clone, Default)]
pub struct AccessLog(Option<Arc<RequestReceiver>>);

impl AccessLog {
    /// Passes each request to `receive`, on the thread of its connection.
    pub fn new(receive: impl Fn(&AnsweredRequest) + Send + Sync + 'static) -> AccessLog {
        AccessLog(Some(Arc::new(receive)))
    }

    /// Passes a request on.
    pub fn tell(&self, request: &AnsweredRequest) {
        if let Some(receive) = &self.0 {
            receive(request);
        }
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "AccessLog(given)" } else { "AccessLog(none)" })
    }
}
