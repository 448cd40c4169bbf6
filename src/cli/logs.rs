//! The options of `fhirlite serve` for what an operator watches: the log and the metrics; and the log
//! itself, lines on standard error.
//!
//! A thread of its own writes the lines. A reader of standard error that stalls holds no request up: the
//! queue has an end, and lines beyond it are counted and lost. Where standard error is closed, the lines go
//! nowhere, and the server goes on.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use fhirlite::{AnsweredRequest, Clock, Error, MetricsAccess, Options, Result};

use super::log_lines::{AccessLine, FaultLine, LogForm, line};
use super::output::tell;

/// The most lines that wait for standard error: about 8 MiB of the longest ones.
const MOST_WAITING: usize = 4096;
/// How long the end of the program waits for lines to be written.
const LAST_TIME: Duration = Duration::from_secs(1);
/// The pause between two tries to queue the end of the log.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(clap::Args)]
#[command(next_help_heading = "Log and metrics")]
pub struct LogArgs {
    /// How standard error tells what goes wrong
    #[arg(long, value_name = "FORM", value_enum, default_value = "text")]
    log: LogForm,
    /// Write a line on standard error for each request, in the form of --log
    #[arg(long)]
    access_log: bool,
    /// Who may read /metrics
    #[arg(long, value_name = "WHO", value_enum, default_value = "local")]
    metrics: MetricsFor,
}

/// Who may read the metrics.
#[derive(Clone, Copy, clap::ValueEnum)]
enum MetricsFor {
    /// Programs on this machine that ask directly; others with a token of the scope system/metrics
    Local,
    /// Only who has such a token
    Token,
    /// Nobody
    Off,
}

/// What the thread of a log is given.
enum Entry {
    Line(String),
    End,
}

/// Takes lines for the thread that writes them.
struct LogQueue {
    sender: SyncSender<Entry>,
    /// How many lines found no room.
    lost: AtomicU64,
    form: LogForm,
}

/// The log of a server. Dropped, it ends: lines that wait are written, for a second at most.
pub struct ServerLog {
    queue: Arc<LogQueue>,
    done: Receiver<()>,
}

impl LogArgs {
    /// Starts the log, and lets a server with `options` write to it.
    ///
    /// # Errors
    /// `Io` where the system has no thread.
    pub fn start(&self, options: Options) -> Result<(ServerLog, Options)> {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let (told, done) = channel();
        let queue = Arc::new(LogQueue { sender, lost: AtomicU64::new(0), form: self.log });
        let thread_queue = queue.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                write_all(&receiver, &thread_queue);
                let _ = told.send(());
            })
            .map_err(|error| Error::io("no thread for the log", error))?;
        let mut options = options.metrics(match self.metrics {
            MetricsFor::Local => MetricsAccess::Local,
            MetricsFor::Token => MetricsAccess::Token,
            MetricsFor::Off => MetricsAccess::Off,
        });
        if self.log != LogForm::Off {
            let queue = queue.clone();
            options = options.log(move |error| queue.add(&FaultLine::of(error)));
        }
        if self.access_log {
            let queue = queue.clone();
            options = options.access_log(move |request| queue.add_request(request));
        }
        Ok((ServerLog { queue, done }, options))
    }
}

impl ServerLog {
    /// Writes what was done for the operator.
    pub fn inform(&self, text: &str) {
        self.notice("info", text);
    }

    /// Writes what was not done for the operator, and why.
    pub fn warn(&self, text: &str) {
        self.notice("warning", text);
    }

    fn notice(&self, level: &'static str, text: &str) {
        match self.queue.form {
            LogForm::Off => tell(format_args!("fhirlite: {text}")),
            _ => self.queue.add(&FaultLine::notice(level, text, Clock::system().now())),
        }
    }
}

impl LogQueue {
    fn add(&self, fault: &FaultLine) {
        self.put(line(self.form, fault));
    }

    fn add_request(&self, request: &AnsweredRequest) {
        self.put(line(self.form, &AccessLine::of(request)));
    }

    /// Queues a line; counts it if there is no room.
    fn put(&self, text: String) {
        if self.sender.try_send(Entry::Line(text)).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Writes lines until the end of the log.
fn write_all(receiver: &Receiver<Entry>, queue: &LogQueue) {
    // Each line is written at once, so that no other text stands in it. What cannot be written is lost.
    let write = |text: &str| drop(std::io::stderr().write_all(text.as_bytes()));
    while let Ok(Entry::Line(text)) = receiver.recv() {
        write(&text);
        let lost = queue.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            write(&line(queue.form, &FaultLine::lost(lost, Clock::system().now())));
        }
    }
}

impl Drop for ServerLog {
    fn drop(&mut self) {
        let deadline = Instant::now() + LAST_TIME;
        while let Err(TrySendError::Full(_)) = self.queue.sender.try_send(Entry::End) {
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(PAUSE);
        }
        let _ = self.done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}
