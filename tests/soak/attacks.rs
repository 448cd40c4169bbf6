//! Attackers and crowds beside honest clients, all of them in Python: `tests/attacks/`.
//!
//! The scripts also run by themselves, for longer and with a built release: CONTRIBUTING.md has the commands.

use std::path::Path;
use std::process::Command;

use crate::support::{FHIRLITE, left_out, project, python, succeed};

/// The minutes of the crowd without `FHIRLITE_SOAK_MINUTES`.
const MINUTES: &str = "0.2";

/// A command for Python, where the system tells the threads and descriptors of a process.
fn python_with_proc() -> Option<Command> {
    if !Path::new("/proc/self/fd").exists() {
        left_out("there is no /proc, which tells the threads and descriptors of a process");
        return None;
    }
    python(&["multiprocessing"])
}

/// Each attack for a second. The honest client gets each answer, and the server is as small as before within half a minute.
#[test]
fn attacks_take_nothing_from_others_and_leave_nothing_behind() {
    let Some(mut python) = python_with_proc() else { return };
    let script = project().join("tests/attacks/run.py");
    let told =
        succeed(python.arg(script).args([FHIRLITE, "--seconds", "1", "--observations", "5000"]));
    println!("{told}");
    assert!(told.ends_with(" attacks, 0 faults\n"), "{told}");
}

/// Honest, slow and hostile clients beside an import loop. Each file has the bytes and lines that its manifest says.
#[test]
fn a_crowd_of_all_kinds_of_clients_gets_every_byte() {
    let Some(mut python) = python_with_proc() else { return };
    let script = project().join("tests/attacks/soak.py");
    let minutes = std::env::var("FHIRLITE_SOAK_MINUTES").unwrap_or_else(|_| MINUTES.to_owned());
    let told = succeed(python.arg(script).args([
        FHIRLITE,
        "--minutes",
        &minutes,
        "--observations",
        "3000",
    ]));
    println!("{told}");
    assert!(told.ends_with("\n0 faults\n"), "{told}");
}
