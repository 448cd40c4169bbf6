//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends the process at once. A server
//! that listens asks for both by itself. SIGXFSZ ends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use fhirlite::{Error, Kind, Result};

use super::output::tell;

/// Has a write that would make a file larger than `ulimit -f` allows fail with an error. The signal that
/// comes with it would end the process without a word.
///
/// # Errors
/// Where the system does not allow it.
pub fn outlive_file_size_limit() -> Result<()> {
    #[cfg(unix)]
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .map_err(|error| Error::caused(Kind::Internal, "cannot listen for signals", error))?;
    Ok(())
}

/// The signals that ask this process to end.
pub struct Signals {
    is_given: Arc<AtomicBool>,
    is_awaited: Arc<AtomicBool>,
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
        let (is_given, is_awaited) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let signals = Signals { is_given, is_awaited, given };
        let (is_given, is_awaited) = (signals.is_given.clone(), signals.is_awaited.clone());
        let caught = move || {
            let is_repeated = is_given.swap(true, Ordering::SeqCst);
            let _ = send.send(());
            match (is_awaited.load(Ordering::SeqCst), is_repeated) {
                (true, _) => {}
                (false, true) => std::process::exit(i32::from(Kind::Interrupted.exit_code())),
                (false, false) => tell("fhirlite: stopping; a second signal ends at once"),
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

    /// Waits for the first signal. From then on a second one is for [`Signals::is_repeated`] alone.
    pub fn wait(&self) {
        self.is_awaited.store(true, Ordering::SeqCst);
        let _ = self.given.recv();
    }

    /// True where another signal came after the one that was waited for.
    pub fn is_repeated(&self) -> bool {
        self.given.try_recv().is_ok()
    }
}
