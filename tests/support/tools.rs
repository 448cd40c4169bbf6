//! Tools that a bare machine may lack, and the report on the tests that are left out for want of one.
//!
//! The test runner captures what tests print and has no hook for its own end. So both the line for each test and
//! the count at the end go straight to standard error, and the count is printed when the process ends.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs, thread};

use super::project;

/// Set in CI: then a test whose tool is missing fails.
const REQUIRE_TOOLS: &str = "FHIRLITE_REQUIRE_TOOLS";

/// A command for a tool, or `None` if this machine lacks the tool: then the test must do without.
pub fn tool(name: &str) -> Option<Command> {
    works(name, &["--version"], &format!("{name} is missing"))
}

/// True where a test may mount a small disk; says so where it may not.
pub fn can_mount() -> bool {
    let probe = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_possible = probe.is_ok_and(|status| status.success());
    if !is_possible {
        left_out("unshare cannot mount a small disk here");
    }
    is_possible
}

/// A command for Python, or `None` if this machine lacks Python or one of these modules.
pub fn python(modules: &[&str]) -> Option<Command> {
    tool("python3")?;
    with_modules("python3", modules)
}

/// A command for the Python that runs `smart-fetch`, which has more packages than the system's.
pub fn python_of_smart_fetch(modules: &[&str]) -> Option<Command> {
    tool("smart-fetch")?;
    let path = env::var_os("PATH").expect("a PATH");
    let mut scripts = env::split_paths(&path).map(|folder| folder.join("smart-fetch"));
    let script: PathBuf = scripts.find(|file| file.is_file()).expect("smart-fetch is a file");
    let text = fs::read_to_string(script).expect("smart-fetch is a script");
    let mut lines = text.lines();
    let first = lines.next().and_then(|line| line.strip_prefix("#!")).expect("an interpreter");
    // A path that is too long for the first line stands quoted in the second.
    let interpreter = if first.ends_with("/sh") {
        lines.next().and_then(|line| line.split('"').nth(1)).expect("an interpreter")
    } else {
        first.trim()
    };
    with_modules(interpreter, modules)
}

/// A command for a Python that has fhirpathpy, an evaluator of FHIRPath: that of `.ci/run`, or the system's.
pub fn python_of_fhirpathpy() -> Option<Command> {
    let own = project().join("target/fhirpathpy/bin/python");
    let interpreter = if own.is_file() { own.to_str().expect("UTF-8") } else { "python3" };
    with_modules(interpreter, &["fhirpathpy"])
}

/// A command for a Python that has DuckDB, pandas and pyarrow: that of `.ci/run`, or the system's.
pub fn python_of_analysis() -> Option<Command> {
    let own = project().join("target/analysis/bin/python");
    let interpreter = if own.is_file() { own.to_str().expect("UTF-8") } else { "python3" };
    with_modules(interpreter, &["duckdb", "pandas", "pyarrow"])
}

fn with_modules(interpreter: &str, modules: &[&str]) -> Option<Command> {
    let modules = modules.join(", ");
    let import = format!("import {modules}");
    works(interpreter, &["-c", &import], &format!("{interpreter} lacks one of {modules}"))
}

/// A command for `program`, if a trial run with these arguments succeeds. Each trial runs once.
fn works(program: &str, arguments: &[&str], missing: &str) -> Option<Command> {
    static TRIALS: Mutex<BTreeMap<String, bool>> = Mutex::new(BTreeMap::new());
    let succeeds = || {
        let mut trial = Command::new(program);
        trial.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        trial.status().is_ok_and(|status| status.success())
    };
    let name = format!("{program} {}", arguments.join(" "));
    let is_there = *locked(&TRIALS).entry(name).or_insert_with(succeeds);
    if !is_there {
        left_out(missing);
        return None;
    }
    Some(Command::new(program))
}

/// The names of the tests that were left out, wholly or in part.
static LEFT_OUT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Reports that the running test is left out, wholly or in part, because something is missing.
///
/// Fails the test instead if `FHIRLITE_REQUIRE_TOOLS` is set.
pub fn left_out(missing: &str) {
    assert!(env::var_os(REQUIRE_TOOLS).is_none(), "{missing}, and {REQUIRE_TOOLS} is set");
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let mut tests = locked(&LEFT_OUT);
    if tests.is_empty() {
        atexit(report_count);
    }
    if tests.insert(test.clone()) {
        report(&format!("left out: {test}: {missing}"));
    }
}

extern "C" fn report_count() {
    let count = locked(&LEFT_OUT).len();
    let tests = if count == 1 { "test was" } else { "tests were" };
    report(&format!("{count} {tests} left out; with {REQUIRE_TOOLS}=1 they would fail\n"));
}

/// Prints a line that the test runner does not capture.
fn report(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

unsafe extern "C" {
    /// Has the C library call `function` when the process ends.
    safe fn atexit(function: extern "C" fn()) -> c_int;
}

/// Locks, also after a test that held the lock has failed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
