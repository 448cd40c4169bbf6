//! Standard output and standard error: what each command prints, line by line.
//!
//! Everything that a command says goes through here, and nothing that it says can rule a terminal. Data is
//! printed by [`print_data`], byte for byte.

use std::fmt::Display;
use std::io::Write;

use fhirlite::{Error, Kind, Log, Result, Store, shown, shown_json};

/// Prints a line on standard output. A closed pipe is an error here, and a normal end for `main`.
pub fn print(line: impl Display) -> Result<()> {
    print_data(&shown(&line.to_string()))
}

/// Prints lines on standard output.
pub fn print_lines(lines: &[String]) -> Result<()> {
    lines.iter().try_for_each(print)
}

/// Prints data on standard output as it is, and ends the line.
pub fn print_data(data: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{data}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", error))
}

/// Says something on standard error, on one line. Where nothing can be written there, nobody hears it.
pub fn tell(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{}", shown(&line.to_string()));
}

/// Passes an opened store on. Says on standard error that it may lack its last writes, where it may, and
/// later what it waits for.
pub fn opened(store: Store) -> Store {
    if let Some(doubt) = store.doubt() {
        tell(format_args!("warning: {doubt}"));
    }
    store.with_log(Log::new(|error| tell(format_args!("fhirlite: {error}"))))
}

/// Prints a value as one line of JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::caused(Kind::Internal, "the output is no JSON", error))?;
    print_data(&shown_json(&text))
}
