//! A running engine, from its first connection to its last.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::accepting::Accepting;
use super::answering::Answering;
use super::handler::RequestHandler;
use super::listener::{Listener, allow_many_connections};
use super::sockets::disconnect;
use super::watch::watch;
use crate::error::{Error, Result};

/// How long the end waits for responses under way.
const GRACE: Duration = Duration::from_secs(5);

/// Serves HTTP in the background. Dropped, it lets responses under way end for 5 s and then stops.
pub struct Engine {
    accepting: Arc<Accepting>,
    watching: Option<JoinHandle<()>>,
}

impl Engine {
    /// Serves the clients of `listener`.
    ///
    /// # Errors
    /// `Listen` where another process was first, `Io` where the system has no thread.
    pub fn start(listener: Listener, handler: Arc<dyn RequestHandler>) -> Result<Engine> {
        allow_many_connections();
        let address = listener.address();
        let answering = Arc::new(Answering::new(handler));
        let accepting = Arc::new(Accepting::new(listener.listen()?, answering));
        // From here on, dropping the engine ends what has begun.
        let mut engine = Engine { accepting: accepting.clone(), watching: None };
        accepting.start_thread()?;
        let watching = thread::Builder::new()
            .spawn(move || watch(&accepting, address))
            .map_err(|error| Error::io("no thread to watch the connections", error))?;
        engine.watching = Some(watching);
        Ok(engine)
    }

    /// Begins the end: dispatches no more requests.
    pub fn stop(&self) {
        self.accepting.answering.stop.give();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
        self.accepting.stop();
        if let Some(thread) = self.watching.take() {
            let _ = thread.join();
        }
        self.accepting.join();
        let answering = &self.accepting.answering;
        if !answering.slots.wait_until_empty(GRACE) {
            answering.clients().into_iter().for_each(disconnect);
            answering.slots.wait_until_empty(GRACE);
        }
    }
}
