//! The display of work whose amount is known: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::tell;

/// The time between two plain lines of progress.
const EVERY: Duration = Duration::from_secs(5);

/// How far work is, on standard error.
pub struct CountDisplay {
    of: &'static str,
    bar: Option<ProgressBar>,
    printed: Instant,
}

impl CountDisplay {
    /// The display of work that goes through things called `of`, in the plural.
    pub fn new(of: &'static str) -> CountDisplay {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}");
        let bar = || {
            ProgressBar::no_length()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
                .with_message(of)
        };
        CountDisplay { of, bar: stderr().is_terminal().then(bar), printed: Instant::now() }
    }

    /// Shows that `done` of `all` are done.
    pub fn show(&mut self, done: u64, all: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(all);
            bar.set_position(done);
        } else if self.printed.elapsed() >= EVERY {
            self.printed = Instant::now();
            tell(format_args!("{done} of {all} {}", self.of));
        }
    }

    /// Ends the display, so that others can print.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
