//! The lines of a server's log, as text and as JSON.
//!
//! The members of JSON lines keep their names and their order: docs/operate.md lists them.

use std::fmt::{self, Write};

use fhirlite::{AnsweredRequest, Clock, Error, Instant, Kind};
use serde::Serialize;

/// The most characters of a message, and of a name.
const LONGEST_MESSAGE: usize = 1000;
const LONGEST_NAME: usize = 100;

/// How a log is written.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogForm {
    /// Not at all
    Off,
    /// Lines for people: time, level, message
    Text,
    /// Each line one JSON object
    Json,
}

/// What went wrong.
#[derive(Serialize)]
pub struct FaultLine {
    time: String,
    level: &'static str,
    event: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// A request that was answered or cut.
#[derive(Serialize)]
pub struct AccessLine {
    time: String,
    level: &'static str,
    event: &'static str,
    client: String,
    client_id: Option<String>,
    user: Option<String>,
    method: String,
    path: String,
    status: u16,
    bytes: u64,
    whole: bool,
    ms: f64,
    request_id: String,
}

impl FaultLine {
    pub fn of(error: &Error) -> FaultLine {
        FaultLine {
            time: Clock::system().now().to_string(),
            level: level(error.kind()),
            event: "fault",
            message: cut(&error.to_string(), LONGEST_MESSAGE),
            request_id: error.request_id().map(str::to_owned),
        }
    }

    /// Says something that is no fault of a request; `level` is `info` or `warning`.
    pub fn notice(level: &'static str, text: &str, now: Instant) -> FaultLine {
        FaultLine {
            time: now.to_string(),
            level,
            event: "notice",
            message: cut(text, LONGEST_MESSAGE),
            request_id: None,
        }
    }

    /// Says that lines were lost.
    pub fn lost(count: u64, now: Instant) -> FaultLine {
        FaultLine {
            time: now.to_string(),
            level: "warning",
            event: "fault",
            message: format!("{count} lines of the log are lost: standard error was not read"),
            request_id: None,
        }
    }
}

/// How bad an error is: a fault is an error, and what passes by itself is a warning.
fn level(kind: Kind) -> &'static str {
    let (_, status, _) = kind.outward();
    if status == 500 || matches!(kind, Kind::ReadOnly | Kind::Replaced) {
        "error"
    } else {
        "warning"
    }
}

impl AccessLine {
    pub fn of(request: &AnsweredRequest) -> AccessLine {
        let name = |name: Option<&str>| name.map(|name| cut(name, LONGEST_NAME));
        AccessLine {
            time: Clock::system().now().to_string(),
            level: "info",
            event: "request",
            client: request.client.to_canonical().to_string(),
            client_id: name(request.client_id()),
            user: name(request.user()),
            method: method(&request.method).to_owned(),
            path: request.path(),
            status: request.status,
            bytes: request.bytes,
            whole: request.is_whole,
            ms: request.time.as_micros() as f64 / 1000.0,
            request_id: request.request_id.clone(),
        }
    }
}

/// The method, if it is one that HTTP clients have: any other text may be anything.
fn method(text: &str) -> &str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"];
    if text.is_empty() || known.contains(&text) { text } else { "other" }
}

impl fmt::Display for FaultLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.time, self.level, self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request id {id})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for AccessLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: &str| if text.is_empty() { "-".to_owned() } else { quoted(text) };
        let name = |name: &Option<String>| name.as_deref().map_or("-".to_owned(), or_none);
        write!(f, "{} {} {} ", self.time, self.level, self.client)?;
        write!(f, "{} {} ", name(&self.client_id), name(&self.user))?;
        write!(f, "{} {} ", or_none(&self.method), or_none(&self.path))?;
        let end = if self.whole { "whole" } else { "cut" };
        write!(f, "{} {} {end} {:.3}ms {}", self.status, self.bytes, self.ms, self.request_id)
    }
}

/// A text as one word: blanks, quotes and backslashes are escaped.
fn quoted(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' => word.push_str("\\x20"),
            '"' | '\\' => word.extend(['\\', c]),
            c => word.push(c),
        }
    }
    word
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The line with its end, in this form. A log that is off has requests as text.
pub fn line(form: LogForm, event: &(impl Serialize + fmt::Display)) -> String {
    let text = match form {
        LogForm::Json => serde_json::to_string(event).unwrap_or_default(),
        LogForm::Off | LogForm::Text => event.to_string(),
    };
    let mut line = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            // Such characters would reach the terminal of who reads the log.
            c if is_unseen(c) && form == LogForm::Json => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c if is_unseen(c) => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
    line.push('\n');
    line
}

/// True for control characters, line breaks of any kind and those that turn the direction of text.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
