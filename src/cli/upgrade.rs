//! A store that is about to be opened: where that upgrades it, standard error says so, and every few seconds how
//! far the upgrade is.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use fhirlite::{PendingUpgrade, Store};

use super::output::tell;

/// The time between two lines of progress.
const EVERY: Duration = Duration::from_secs(5);

/// The path of a store, for the function that opens it. Progress is said until that function returns.
pub struct AnnouncedStore<'a> {
    path: &'a Path,
    _display: Option<UpgradeDisplay>,
}

/// Passes on the path of a store that is about to be opened.
pub fn announced(path: &Path) -> AnnouncedStore<'_> {
    let display = Store::pending_upgrade(path).and_then(|upgrade| {
        tell(&upgrade);
        // One that writes nothing anew takes no time.
        (upgrade.bytes > 0).then(|| UpgradeDisplay::start(upgrade)).flatten()
    });
    AnnouncedStore { path, _display: display }
}

impl AsRef<Path> for AnnouncedStore<'_> {
    fn as_ref(&self) -> &Path {
        self.path
    }
}

/// A thread that tells the progress until this is dropped.
struct UpgradeDisplay {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl UpgradeDisplay {
    /// `None` where the system has no thread left: the upgrade does without.
    fn start(upgrade: PendingUpgrade) -> Option<UpgradeDisplay> {
        let (end, ended) = channel::<()>();
        let display = move || {
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let size = std::fs::metadata(&upgrade.path).map_or(0, |meta| meta.len());
                let written = size.saturating_sub(upgrade.bytes);
                tell(format_args!(
                    "{}: is being upgraded, {written} of up to {} bytes written",
                    upgrade.path.display(),
                    upgrade.bytes
                ));
            }
        };
        let thread = thread::Builder::new().spawn(display).ok()?;
        Some(UpgradeDisplay { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for UpgradeDisplay {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
