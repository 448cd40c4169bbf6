//! One measurement: seconds of the clock, seconds of the processors, peak memory. It knows nothing of what is measured.
//!
//! Processor time and memory come from `/proc`; elsewhere they are unknown.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// What a bench returns.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How often the peak memory of a process is looked at: it is gone when the process ends.
const LOOK: Duration = Duration::from_millis(2);
/// The unit of processor times in `/proc`, in seconds.
const TICK: f64 = 0.01;

/// What one round took.
#[derive(Clone, Copy, Default)]
pub struct Sample {
    /// Seconds of the clock.
    pub wall: f64,
    /// Seconds of all processors, of the process that is measured.
    pub cpu: f64,
    /// Peak memory in bytes (`VmHWM`); 0 where it is unknown.
    pub peak: u64,
}

/// What all rounds took.
#[derive(Clone, Default)]
pub struct Series(Vec<Sample>);

impl Series {
    /// True where nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The median of the seconds of the clock.
    pub fn wall(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.wall).collect())
    }

    /// The least and the most of them.
    pub fn spread(&self) -> (f64, f64) {
        let walls = || self.0.iter().map(|sample| sample.wall);
        (walls().fold(f64::MAX, f64::min), walls().fold(0.0, f64::max))
    }

    /// The median of the seconds of all processors.
    pub fn cpu(&self) -> f64 {
        median(self.0.iter().map(|sample| sample.cpu).collect())
    }

    /// The highest peak memory in bytes; 0 where it is unknown.
    pub fn peak(&self) -> u64 {
        self.0.iter().map(|sample| sample.peak).max().unwrap_or(0)
    }
}

/// One kind of work; it measures itself.
pub type Work<'w> = Box<dyn FnMut() -> Result<Sample> + 'w>;

/// Does each work once a round, one after the other: what disturbs the machine for a while disturbs them all.
pub fn in_turns(rounds: usize, mut works: Vec<Work<'_>>) -> Result<Vec<Series>> {
    let mut series = vec![Series::default(); works.len()];
    for _ in 0..rounds {
        for (series, work) in series.iter_mut().zip(&mut works) {
            series.0.push(work()?);
        }
    }
    Ok(series)
}

/// Runs a command, which must succeed.
pub fn run(command: &mut Command) -> Result<()> {
    if command.status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

/// Runs a command, which must succeed, and measures it.
pub fn measured(command: &mut Command) -> Result<Sample> {
    let (started, before) = (Instant::now(), children_cpu());
    let mut child = command.spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(&child));
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(LOOK),
        }
    };
    let sample =
        Sample { wall: started.elapsed().as_secs_f64(), cpu: children_cpu() - before, peak };
    if status.success() { Ok(sample) } else { Err(format!("{command:?} failed").into()) }
}

/// Measures what a running process does while `work` goes on.
pub fn measured_in(process: &Child, work: impl FnOnce() -> Result<()>) -> Result<Sample> {
    let (started, before) = (Instant::now(), cpu(&process.id().to_string(), 0));
    work()?;
    Ok(Sample {
        wall: started.elapsed().as_secs_f64(),
        cpu: cpu(&process.id().to_string(), 0) - before,
        peak: peak_memory(process),
    })
}

/// Seconds of all processors that the ended children of this process took.
fn children_cpu() -> f64 {
    cpu("self", 2)
}

/// Two fields of `/proc/[pid]/stat` from `utime` on: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn cpu(process: &str, from: usize) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = behind_name.split_whitespace().skip(11 + from).take(2);
    ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() * TICK
}

fn peak_memory(process: &Child) -> u64 {
    let path = format!("/proc/{}/status", process.id());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The middle value; the mean of both where there are two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count => (values[(count - 1) / 2] + values[count / 2]) / 2.0,
    }
}
