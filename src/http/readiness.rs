//! Whether a server can do its work, found out by trying. `health` answers with it.
//!
//! A store that is busy is fine: it will be free again. A store that cannot be read or written is not, nor
//! is a disk that is nearly full. Many who ask at once share one trial.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::message::Response;
use crate::error::{Error, Kind, Log};
use crate::store::{Access, Store};
use crate::sync::lock;

/// How long a trial waits for other writers, twice at most.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long those who share a trial wait for it. A disk may take for ever.
const LONGEST: Duration = Duration::from_secs(2);
/// How long the outcome of a trial is told to others: each trial writes to the disk.
const FRESH: Duration = Duration::from_secs(1);
/// Less free space than this is too little: so much the log of the store may take.
const LEAST_FREE: u64 = 16 << 20;
const MIB: u64 = 1 << 20;

/// What was tried, and what came of it.
#[derive(Clone, Serialize)]
struct ReadinessCheck {
    name: &'static str,
    status: &'static str,
    reason: String,
}

impl ReadinessCheck {
    fn passed(name: &'static str, reason: impl Into<String>) -> ReadinessCheck {
        ReadinessCheck { name, status: "ok", reason: reason.into() }
    }

    fn failed(name: &'static str, reason: impl Into<String>) -> ReadinessCheck {
        ReadinessCheck { name, status: "failed", reason: reason.into() }
    }

    fn is_passed(&self) -> bool {
        self.status == "ok"
    }
}

/// The body of an answer.
#[derive(Serialize)]
struct ReadinessBody {
    status: &'static str,
    checks: Vec<ReadinessCheck>,
}

/// The trials of a server.
#[derive(Default)]
pub struct Readiness {
    state: Mutex<TrialState>,
    changed: Condvar,
}

#[derive(Default)]
struct TrialState {
    is_running: bool,
    last: Option<(Instant, Vec<ReadinessCheck>)>,
    /// True once a failure is told, until a trial passes.
    is_told: bool,
}

impl Readiness {
    /// The answer to who asks: 200 if all checks passed, else 503. The first failure goes to `log`.
    pub fn answer(&self, store: &Store, log: &Log) -> Response {
        let checks = self.checks(store, log);
        let is_ready = checks.iter().all(ReadinessCheck::is_passed);
        let (code, status) = if is_ready { (200, "ok") } else { (503, "unavailable") };
        Response::json(code, &ReadinessBody { status, checks }).with("Cache-Control", "no-store")
    }

    /// The checks of a trial that is fresh.
    fn checks(&self, store: &Store, log: &Log) -> Vec<ReadinessCheck> {
        let mut state = lock(&self.state);
        if state.is_running {
            let running = |state: &mut TrialState| state.is_running;
            let waited = self.changed.wait_timeout_while(state, LONGEST, running);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.is_running {
            return vec![ReadinessCheck::failed("read", "the disk of the store does not answer")];
        }
        if let Some((at, checks)) = &state.last
            && at.elapsed() < FRESH
        {
            return checks.clone();
        }
        state.is_running = true;
        drop(state);
        // A panic must not keep all others waiting.
        let checks = catch_unwind(AssertUnwindSafe(|| tried(store)))
            .unwrap_or_else(|_| vec![ReadinessCheck::failed("read", "the trial panicked")]);
        let failures: Vec<&str> =
            checks.iter().filter(|check| !check.is_passed()).map(|check| &*check.reason).collect();
        let mut state = lock(&self.state);
        if !failures.is_empty() && !state.is_told {
            let what = format!("not ready: {}", failures.join("; "));
            log.tell(&Error::new(Kind::Io, what));
        }
        state.is_told = !failures.is_empty();
        state.is_running = false;
        state.last = Some((Instant::now(), checks.clone()));
        self.changed.notify_all();
        checks
    }
}

/// Tries everything that requests need.
fn tried(store: &Store) -> Vec<ReadinessCheck> {
    let reason = |error: &Error| reason(store, error);
    let is_busy = |error: &Error| error.kind() == Kind::Busy;
    let read = match store.try_to_read(PATIENCE) {
        Ok(()) => ReadinessCheck::passed("read", "the store can be read"),
        Err(error) if is_busy(&error) => {
            ReadinessCheck::passed("read", "another process is writing, and reads wait for it")
        }
        Err(error) => ReadinessCheck::failed("read", reason(&error)),
    };
    let written = store.try_to_write(PATIENCE);
    let is_read_only = store.access() == Access::ReadOnly;
    let write = match &written {
        Ok(()) if is_read_only => ReadinessCheck::passed("write", "the store is served read-only"),
        Ok(()) => ReadinessCheck::passed("write", "the store can be written"),
        Err(error) if is_busy(error) => {
            ReadinessCheck::passed("write", "another process is writing, and writes wait for it")
        }
        Err(error) => ReadinessCheck::failed("write", reason(error)),
    };
    let kick_off = match (&written, store.check_folder()) {
        (Ok(()), _) if is_read_only => {
            ReadinessCheck::passed("kick-off", "exports are kept in memory")
        }
        (Ok(()), _) => ReadinessCheck::passed("kick-off", "exports are accepted"),
        (Err(error), Ok(())) if is_busy(error) => ReadinessCheck::passed(
            "kick-off",
            "exports are set aside while another process is writing",
        ),
        (Err(error), Err(folder)) if is_busy(error) => {
            ReadinessCheck::failed("kick-off", format!("exports cannot be set aside: {folder}"))
        }
        (Err(error), _) => ReadinessCheck::failed(
            "kick-off",
            format!("exports cannot be accepted: {}", reason(error)),
        ),
    };
    let disk = match store.free_disk() {
        None => {
            ReadinessCheck::passed("disk", "no disk is written to, or none that tells its space")
        }
        Some(free) if free < LEAST_FREE => ReadinessCheck::failed(
            "disk",
            format!(
                "{} MiB are free on the disk of the store, less than {}",
                free / MIB,
                LEAST_FREE / MIB
            ),
        ),
        Some(free) => ReadinessCheck::passed("disk", format!("{} MiB are free", free / MIB)),
    };
    vec![read, write, kick_off, disk]
}

/// The reason for who may ask without credentials: without the name of the file.
fn reason(store: &Store, error: &Error) -> String {
    error.to_string().replace(&store.path().display().to_string(), "the store")
}
