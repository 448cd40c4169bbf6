//! Memory stays flat however large the input is. The sizes are moderate, so that the tests stay fast; `docs/operate.md`
//! has the figures for large ones.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::{Dir, left_out};

const MIB: u64 = 1 << 20;

/// The peak of a process's memory, in bytes. `None` where the system does not tell.
fn peak(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Imports what `write` writes to standard input; the peak of the memory, and the report.
fn import_from(
    dir: &Dir,
    store: &str,
    write: impl FnOnce(&mut dyn Write),
) -> (Option<u64>, serde_json::Value) {
    let mut child: Child = dir
        .command(["import", store, "-", "--json", "--quiet"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = std::io::BufWriter::new(child.stdin.take().unwrap());
    write(&mut stdin);
    stdin.flush().unwrap();
    let pid = child.id();
    let mut most = peak(pid);
    drop(stdin);
    // The peak only grows, and can be read until the process has been waited for.
    while child.try_wait().unwrap().is_none() {
        most = peak(pid).max(most);
        std::thread::sleep(Duration::from_millis(1));
    }
    if most.is_none() {
        left_out("this system does not tell the peak of a process's memory");
    }
    let mut report = String::new();
    child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
    (most, serde_json::from_str(&report).unwrap())
}

#[test]
fn a_long_ndjson_file_needs_no_more_memory_than_a_short_one() {
    let dir = Dir::new();
    let filler = "x".repeat(1000);
    let line = |n: u32| {
        format!("{{\"resourceType\":\"Basic\",\"id\":\"b{n}\",\"text\":\"{filler}{n}\"}}\n")
    };
    let run = |store: &str, lines: u32| {
        let (peak, report) = import_from(&dir, store, |out| {
            (0..lines).for_each(|n| out.write_all(line(n).as_bytes()).unwrap())
        });
        assert_eq!(report["created"], lines);
        peak
    };
    let (short, long) = (run("short.db", 50_000), run("long.db", 150_000));
    if let (Some(short), Some(long)) = (short, long) {
        // Of the 100 MiB more, less than a quarter may stay in memory.
        assert!(long < 160 * MIB, "{} MiB", long / MIB);
        assert!(long < short + 24 * MIB, "{} MiB and {} MiB", short / MIB, long / MIB);
    }
    assert_eq!(dir.count("long.db", "SELECT count(*) FROM resource"), 150_000);
}

#[test]
fn a_large_bundle_needs_about_twice_its_size() {
    let dir = Dir::new();
    let filler = "x".repeat(800);
    let (peak, report) = import_from(&dir, "s.db", |out| {
        out.write_all(b"{\n\"resourceType\": \"Bundle\", \"type\": \"transaction\",\n\"entry\": [")
            .unwrap();
        for n in 0..80_000u32 {
            let comma = if n > 0 { "," } else { "" };
            let other = (n + 1) % 80_000;
            write!(out, "{comma}\n{{\"fullUrl\": \"urn:uuid:{n}\", \"resource\": {{\n\"resourceType\": \"Basic\", \"id\": \"b{n}\",\n\"subject\": {{\"reference\": \"urn:uuid:{other}\"}}, \"text\": \"{filler}{n}\" }},\n\"request\": {{\"method\": \"POST\", \"url\": \"Basic\"}}}}").unwrap();
        }
        out.write_all(b"]\n}").unwrap();
    });
    assert_eq!(report["created"], 80_000);
    let size = report["bytes"].as_u64().unwrap();
    if let Some(peak) = peak {
        assert!(peak < 2 * size + 160 * MIB, "{} MiB for {} MiB", peak / MIB, size / MIB);
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource WHERE body LIKE '%urn:uuid%'"), 0);
}

#[test]
fn a_large_resource_is_imported_and_exported_unchanged() {
    let dir = Dir::new();
    let data = "QUJD".repeat(8 << 20);
    let text = format!(
        "{{\"resourceType\":\"Binary\",\"id\":\"big\",\"meta\":{{\"versionId\":\"1\",\"lastUpdated\":\"2020-01-01T00:00:00Z\"}},\"data\":\"{data}\"}}"
    );
    let (peak, report) = import_from(&dir, "s.db", |out| out.write_all(text.as_bytes()).unwrap());
    assert_eq!(report["created"], 1);
    if let Some(peak) = peak {
        assert!(peak < 6 * text.len() as u64 + 64 * MIB, "{} MiB", peak / MIB);
    }
    let served = dir.serve(&["s.db"]);
    let files = served.files(&served.manifest(""));
    assert!(files[0].1 == format!("{text}\n").into_bytes());
}
