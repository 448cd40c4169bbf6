//! SIGINT, SIGTERM and SIGHUP: the first asks for an orderly end, the second ends the process at once. A server
//! that listens asks for both by itself, and one that has files to read anew does so at SIGHUP instead. SIGXFSZ
//! ends nothing.

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

/// What a process does at SIGHUP, which comes from an operator, or from a terminal that is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HangUp {
    /// It ends, as by the other signals.
    Ends,
    /// It reads files anew.
    Reloads,
}

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    End,
    Reload,
}

/// The signals that this process is sent.
pub struct Signals {
    is_given: Arc<AtomicBool>,
    is_awaited: Arc<AtomicBool>,
    given: Receiver<Asked>,
    /// Asks as a signal does.
    ask: Ask,
}

/// Takes what a signal asks for.
type Ask = Arc<dyn Fn(Asked) + Send + Sync>;

impl Signals {
    /// Catches the signals from now on. Before this call each ends the process at once. The first that asks
    /// for the end is answered by a line on standard error, until [`Signals::wait`].
    ///
    /// # Errors
    /// Where the system does not allow it.
    pub fn catch(hang_up: HangUp) -> Result<Signals> {
        let (send, given) = channel();
        let (is_given, is_awaited) =
            (Arc::new(AtomicBool::new(false)), Arc::<AtomicBool>::default());
        let (flag, awaited) = (is_given.clone(), is_awaited.clone());
        let ask: Ask = Arc::new(move |asked| {
            let is_end = asked == Asked::End;
            let is_repeated = is_end && flag.swap(true, Ordering::SeqCst);
            let _ = send.send(asked);
            match (awaited.load(Ordering::SeqCst), is_repeated) {
                (true, _) => {}
                (false, true) => std::process::exit(i32::from(Kind::Interrupted.exit_code())),
                (false, false) if is_end => {
                    tell("fhirlite: stopping; a second signal ends at once");
                }
                (false, false) => {}
            }
        });
        let asked = ask.clone();
        listen(hang_up, move |signal| asked(signal))?;
        Ok(Signals { is_given, is_awaited, given, ask })
    }

    /// Lets the end of standard input ask for the end, as a signal does. Whatever comes before is ignored.
    ///
    /// # Errors
    /// Where the system has no thread.
    pub fn end_with_input(&self) -> Result<()> {
        let ask = self.ask.clone();
        let thread = std::thread::Builder::new().name("parent".to_owned());
        let waiting = thread.spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            ask(Asked::End);
        });
        waiting.map(drop).map_err(|error| Error::io("no thread to wait for standard input", error))
    }

    /// The flag that the first signal for the end sets.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.is_given.clone()
    }

    /// Waits for the first signal for the end, and calls `reload` for each that asks for that. From then on a
    /// second one is for [`Signals::is_repeated`] alone.
    pub fn wait(&self, mut reload: impl FnMut()) {
        self.is_awaited.store(true, Ordering::SeqCst);
        while let Ok(Asked::Reload) = self.given.recv() {
            reload();
        }
    }

    /// True where another signal came after the one that was waited for.
    pub fn is_repeated(&self) -> bool {
        self.given.try_iter().any(|asked| asked == Asked::End)
    }
}

/// Calls `ask` for each signal, on a thread of its own.
#[cfg(unix)]
fn listen(hang_up: HangUp, ask: impl Fn(Asked) + Send + 'static) -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|error| Error::caused(Kind::Internal, "cannot listen for signals", error))?;
    let thread = std::thread::Builder::new().name("signals".to_owned());
    let listening = thread.spawn(move || {
        for signal in signals.forever() {
            let reloads = signal == SIGHUP && hang_up == HangUp::Reloads;
            ask(if reloads { Asked::Reload } else { Asked::End });
        }
    });
    listening.map(drop).map_err(|error| Error::io("no thread to listen for signals", error))
}

/// Other systems know the request to end alone.
#[cfg(not(unix))]
fn listen(_hang_up: HangUp, ask: impl Fn(Asked) + Send + 'static) -> Result<()> {
    ctrlc::set_handler(move || ask(Asked::End))
        .map_err(|error| Error::caused(Kind::Internal, "cannot listen for signals", error))
}
