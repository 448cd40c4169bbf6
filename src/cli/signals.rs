//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use fhirlite::{Error, Kind, Result};

/// The signals that ask this process to end.
pub struct Signals {
    is_given: Arc<AtomicBool>,
    is_quiet: Arc<AtomicBool>,
    given: Receiver<()>,
}

impl Signals {
    /// Catches the signals from now on. Before this call each ends the process at once. The first one is
    /// answered by a line on standard error, until [`Signals::wait`].
    ///
    /// # Errors
    /// Where the system does not allow it.
    pub fn catch() -> Result<Signals> {
        let (send, given) = channel();
        let (is_given, is_quiet) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let signals = Signals { is_given, is_quiet, given };
        let (is_given, is_quiet) = (signals.is_given.clone(), signals.is_quiet.clone());
        let caught = move || {
            if is_given.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(Kind::Interrupted.exit_code()));
            }
            let _ = send.send(());
            if !is_quiet.load(Ordering::SeqCst) {
                eprintln!("fhirlite: stopping; a second signal ends at once");
            }
        };
        ctrlc::set_handler(caught)
            .map_err(|error| Error::caused(Kind::Internal, "cannot listen for signals", error))?;
        Ok(signals)
    }

    /// The flag that the first signal sets.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.is_given.clone()
    }

    /// Waits for the first signal.
    pub fn wait(&self) {
        self.is_quiet.store(true, Ordering::SeqCst);
        let _ = self.given.recv();
    }
}
