//! How much an engine has to do at the moment.

use std::sync::Arc;

use super::connection::Shared;
use super::connection_threads::ConnectionThreads;

/// Tells the numbers of an engine, also while it runs.
#[derive(Clone)]
pub struct EngineState {
    pub(super) shared: Arc<Shared>,
    pub(super) threads: Arc<ConnectionThreads>,
}

/// Numbers of one moment.
pub struct EngineNumbers {
    /// Open connections.
    pub connections: usize,
    /// Threads of connections, those that wait for one too.
    pub threads: usize,
    /// Requests that are worked on.
    pub at_work: usize,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Downloads under way.
    pub downloads: usize,
}

impl EngineState {
    /// The numbers of this moment. They are read one after the other.
    pub fn numbers(&self) -> EngineNumbers {
        let (at_work, waiting) = self.shared.places.load();
        EngineNumbers {
            connections: self.shared.connections.count(),
            threads: self.threads.count(),
            at_work,
            waiting,
            downloads: self.shared.downloads.count(),
        }
    }
}
