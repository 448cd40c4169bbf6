//! Other programs check the answers: Python scripts with rules of their own, `curl`, `sqlite3`, `smart-fetch`.

mod analysis;
mod clients;
mod exports;
mod imports;
mod results;
pub mod smart_fetch;
mod smart_fetch_rest;
mod us_core;
mod views;

use std::process::Command;

use crate::support::{Dir, project, python, succeed, tool};

/// A command that runs a script of `tests/independent/`. `None` if Python is missing.
fn script(name: &str) -> Option<Command> {
    Some(script_of(python(&["gzip", "sqlite3", "zipfile"])?, name))
}

/// The same for a Python that is there.
fn script_of(mut python: Command, name: &str) -> Command {
    python.arg(project().join("tests/independent").join(name)).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

#[test]
fn curl_downloads_what_sqlite3_reads() {
    let (Some(mut curl), Some(mut sqlite3)) = (tool("curl"), tool("sqlite3")) else {
        return;
    };
    let dir = Dir::new();
    let sample = project().join("sample-data");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    let served = dir.serve(&["s.db"]);
    let manifest = served.manifest("?_type=Observation");
    let url = manifest["output"][0]["url"].as_str().unwrap();
    let downloaded =
        succeed(curl.args(["--silent", "--show-error", "--fail", "--compressed", url]));
    let read = succeed(
        sqlite3
            .arg(dir.path("s.db"))
            .arg("SELECT body FROM resource WHERE type = 'Observation' ORDER BY seq"),
    );
    assert!(downloaded == read);
}
