//! The display of an import: a progress bar on a terminal, plain lines elsewhere, then a summary.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fhirlite::{Observer, Progress, Remark, Report, Result, shortened, shown};
use indicatif::{ProgressBar, ProgressStyle};

use super::output::tell;
use super::rejects::RejectsFile;

/// The most rejects, and the most warnings, that are printed; the rest are counted.
const MOST_PRINTED: u64 = 20;
/// The most types that a summary tells one by one, and the most letters of each.
const MOST_TYPES: usize = 300;
const MOST_LETTERS: usize = 80;
/// The time between two plain lines of progress.
const EVERY: Duration = Duration::from_secs(5);

/// Prints progress, warnings and rejects to standard error, and rejects to a file if there is one.
pub struct ImportDisplay {
    quiet: bool,
    bar: Option<ProgressBar>,
    printed: Instant,
    rejects: Option<RejectsFile>,
    /// Set where the import is to stop.
    stop: Arc<AtomicBool>,
    rejected: u64,
    remarked: u64,
}

impl ImportDisplay {
    /// Replaces the file `rejects`, if one is named. The import stops when `stop` is set.
    pub fn new(
        quiet: bool,
        rejects: Option<&Path>,
        stop: Arc<AtomicBool>,
    ) -> Result<ImportDisplay> {
        let rejects = rejects.map(RejectsFile::create).transpose()?;
        Ok(ImportDisplay {
            quiet,
            bar: (!quiet && stderr().is_terminal()).then(bar),
            printed: Instant::now(),
            rejects,
            stop,
            rejected: 0,
            remarked: 0,
        })
    }

    /// Ends the display and prints how many rejects and warnings were left out.
    ///
    /// # Errors
    /// `Io` where the file for rejects could not be written.
    pub fn finish(mut self) -> Result<()> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if self.rejected > MOST_PRINTED {
            let more = self.rejected - MOST_PRINTED;
            let remedy = if self.rejects.is_none() { "; --rejects FILE lists them" } else { "" };
            tell(format_args!("… and {more} more rejected{remedy}"));
        }
        if self.remarked > MOST_PRINTED && !self.quiet {
            tell(format_args!("… and {} more warnings", self.remarked - MOST_PRINTED));
        }
        self.rejects.map_or(Ok(()), RejectsFile::finish)
    }

    fn print(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| tell(line)),
            None => tell(line),
        }
    }
}

impl Observer for ImportDisplay {
    fn rejected(&mut self, remark: &Remark) {
        self.rejected += 1;
        if let Some(file) = &mut self.rejects {
            file.add(remark);
        }
        if self.rejected <= MOST_PRINTED {
            self.print(&remark.to_string());
        }
    }

    fn remarked(&mut self, remark: &Remark) {
        self.remarked += 1;
        if self.remarked <= MOST_PRINTED && !self.quiet {
            self.print(&format!("warning: {remark}"));
        }
    }

    fn should_stop(&mut self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn progressed(&mut self, progress: Progress<'_>) {
        if let Some(bar) = &self.bar {
            match progress.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
            bar.set_position(progress.read);
            let file = shown(progress.file);
            bar.set_message(format!("{} items, {file}", progress.items));
        } else if !self.quiet && self.printed.elapsed() >= EVERY {
            self.printed = Instant::now();
            let megabytes = progress.read >> 20;
            tell(format_args!(
                "{} items, {megabytes} MiB read, at {}",
                progress.items, progress.file
            ));
        }
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {wide_msg}",
    );
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The summary of an import, by type, line by line. FHIR has fewer types than are told one by one.
pub fn summary(report: &Report) -> Vec<String> {
    let types = report.types.iter().take(MOST_TYPES);
    let mut lines: Vec<String> = types
        .map(|(name, count)| format!("{count:>10}  {}", shortened(name, MOST_LETTERS)))
        .collect();
    if report.types.len() > MOST_TYPES {
        let more = report.types.values().skip(MOST_TYPES).sum::<u64>();
        lines.push(format!("{more:>10}  of {} more types", report.types.len() - MOST_TYPES));
    }
    lines.extend(totals(report));
    lines
}

/// The totals of an import, line by line.
pub fn totals(report: &Report) -> Vec<String> {
    let mut lines = vec![format!(
        "{:>10}  in all: {} created, {} updated, {} unchanged; {} deleted, {} rejected ({:.2} s, {:.1} MB)",
        report.created + report.updated + report.unchanged,
        report.created,
        report.updated,
        report.unchanged,
        report.deleted,
        report.rejected,
        report.seconds,
        report.bytes as f64 / 1e6,
    )];
    if report.left_out > 0 {
        lines.push(format!("{:>10}  left out, because they are no data", report.left_out));
    }
    if report.unresolved > 0 {
        lines.push(format!(
            "{:>10}  references find nothing or several resources",
            report.unresolved
        ));
    }
    if report.late > 0 {
        lines.push(format!(
            "{:>10}  with a lastUpdated before the last export's transactionTime: an export _since then leaves them out",
            report.late
        ));
    }
    if report.ahead > 0 {
        lines.push(format!(
            "{:>10}  with a lastUpdated after this import: for _since they count as changed now",
            report.ahead
        ));
    }
    lines
}
