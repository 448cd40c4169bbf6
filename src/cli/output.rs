//! Standard output: what each command prints, line by line.

use std::io::Write;

use fhirlite::{Error, Kind, Log, Result, Store};

/// Prints a line. A closed pipe is an error here, and a normal end for `main`.
pub fn print(line: impl std::fmt::Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", error))
}

/// Passes an opened store on. Says on standard error that it may lack its last writes, where it may, and
/// later what it waits for.
pub fn opened(store: Store) -> Store {
    if let Some(doubt) = store.doubt() {
        eprintln!("warning: {doubt}");
    }
    store.with_log(Log::new(|error| eprintln!("fhirlite: {error}")))
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::caused(Kind::Internal, "the output is no JSON", error))?;
    print(text)
}
