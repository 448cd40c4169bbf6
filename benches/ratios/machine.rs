//! What the figures were measured on: the machine, and the versions of the programs.

use std::fs::read_to_string;
use std::process::Command;

use super::sizes::Bench;
use super::{nginx, python};

/// The machine and the versions, in a few lines.
pub fn described(bench: &Bench) -> String {
    let about = |path: &str, name: &str| -> Option<String> {
        let text = read_to_string(path).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(name))?;
        Some(value.trim_start_matches([':', ' ', '\t']).to_owned())
    };
    let unknown = || "unknown".to_owned();
    let cpu = about("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = about("/proc/meminfo", "MemTotal")
        .and_then(|text| text.strip_suffix(" kB")?.parse::<f64>().ok())
        .map_or_else(unknown, |kilobytes| format!("{:.0} GB", kilobytes * 1024.0 / 1e9));
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| unknown());
    let version = Command::new(&bench.fhirlite).arg("--version").output();
    let version = version.map_or_else(
        |_| unknown(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    );
    let nginx = nginx::version().unwrap_or_else(|| "missing".to_owned());
    format!(
        "Machine: {cpu}, {cores} cores, {memory}, Linux {}.\nVersions: {version}, {}, nginx {nginx}.\n\
         Medians of {} rounds (least–most). CPU s: seconds of all processors. MB: peak memory.",
        kernel.trim(),
        python::versions(),
        bench.rounds
    )
}
