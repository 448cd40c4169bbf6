//! The control routes that need no store: `/faults` and `/requests`; and what `PUT /clock` says.
//!
//! They lie beside the FHIR base, have no place, and are not in the journal. The others change the store or its
//! clock, so the server answers them (`src/http/simulated/controls.rs`); a reset calls [`Simulation::reset`].

use std::time::Duration;

use serde::Deserialize;

use super::answer::PlainAnswer;
use super::books::FaultBooks;
use super::journal::Journal;
use super::list::{parse_rules, rules_to_json};
use super::rule::FaultRule;
use crate::error::{Error, Kind, Result};

const JSON: &str = "application/json";
/// The farthest that one request moves the clock, in seconds.
const FARTHEST: f64 = 3_153_600_000.0;

/// What a server that simulates keeps, beside the store.
#[derive(Debug, Default)]
pub struct Simulation {
    /// The rules.
    pub books: FaultBooks,
    /// The requests.
    pub journal: Journal,
    /// The rules of the start.
    first: Vec<FaultRule>,
}

/// The control routes with their methods, as the `Allow` header lists them.
const CONTROLS: [(&str, &str); 8] = [
    ("/faults", "GET, PUT, DELETE, OPTIONS"),
    ("/requests", "GET, DELETE, OPTIONS"),
    ("/reset", "POST, OPTIONS"),
    ("/clock", "PUT, OPTIONS"),
    ("/import", "POST, OPTIONS"),
    ("/sample", "POST, OPTIONS"),
    ("/clients", "POST, OPTIONS"),
    ("/users", "POST, OPTIONS"),
];

/// The methods of a control route; `None` for another target of a request.
pub fn control_methods(target: &str) -> Option<&'static str> {
    let path = control_path(target);
    CONTROLS.iter().find(|(known, _)| *known == path).map(|(_, methods)| *methods)
}

/// The path of a request's target, without its query.
pub fn control_path(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// The body of `PUT /clock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    advance: f64,
}

impl Simulation {
    /// A simulation that begins with these rules.
    pub fn new(first: Vec<FaultRule>) -> Simulation {
        let mut simulation = Simulation { first, ..Simulation::default() };
        simulation.books.replace(simulation.first.clone());
        simulation
    }

    /// Answers a request to a control route; `None` for another path or method.
    ///
    /// # Errors
    /// `Invalid` for wrong rules. The ones before stay in force.
    pub fn answer(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Option<PlainAnswer>> {
        let answer = match (method, path) {
            ("GET", "/faults") => {
                let rules = rules_to_json(self.books.rules());
                PlainAnswer::new(200, JSON, rules.to_string().into_bytes())
            }
            ("PUT", "/faults") => {
                let text = std::str::from_utf8(body)
                    .map_err(|_| Error::new(Kind::Invalid, "the rules are not UTF-8"))?;
                self.books.replace(parse_rules(text)?);
                PlainAnswer::empty(204)
            }
            ("DELETE", "/faults") => {
                self.books.replace([]);
                PlainAnswer::empty(204)
            }
            ("GET", "/requests") => PlainAnswer::new(200, JSON, self.journal.to_json()),
            ("DELETE", "/requests") => {
                self.journal.clear();
                PlainAnswer::empty(204)
            }
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }

    /// Goes back to the start: the rules of the start, no counts, no requests.
    pub fn reset(&mut self) {
        *self = Simulation::new(std::mem::take(&mut self.first));
    }
}

/// How far `PUT /clock` moves the clock ahead, by its body `{"advance": SECONDS}`.
///
/// # Errors
/// `Invalid` for another body. The clock never goes back: the store's times would no longer be in order.
pub fn clock_advance(body: &[u8]) -> Result<Duration> {
    let read: std::result::Result<ClockBody, _> = serde_json::from_slice(body);
    match read {
        Ok(ClockBody { advance }) if (0.0..=FARTHEST).contains(&advance) => {
            Ok(Duration::from_secs_f64(advance))
        }
        Ok(ClockBody { advance }) => {
            let what = format!("advance is {advance}; give seconds from 0 to {FARTHEST}");
            Err(Error::new(Kind::Invalid, what))
        }
        Err(error) => {
            let what =
                format!("the body is not as it should be ({error}); give {{\"advance\": 60}}");
            Err(Error::new(Kind::Invalid, what))
        }
    }
}
