//! The simulation through its face: rules as they are written, requests as they come.

mod answers;
mod bodies;
mod books;
mod controls;
mod launchers;
mod manifests;
mod manual;
mod rules;

use super::book::FaultBook;
use super::books::FaultBooks;
use super::launcher::SegmentSettings;
use super::list::{parse_rules, rules_of_json, rules_to_json};
use super::member::FaultMember;
use super::rule::FaultRule;
use super::segment::to_segment;
use super::value::{FaultValue, ValueForm};
use super::*;
use crate::http::shaped::{BodyEnd, BodyOut};
use crate::time::Instant;

/// A fixed time.
const NOW: Instant = Instant::from_micros(1_592_215_200_000_000);
const URL: &str = "http://127.0.0.1:8080/fhir/jobs/1";

/// The rule of a short form.
fn rule(short: &str) -> FaultRule {
    FaultRule::of_short(short).unwrap()
}

/// A time so many seconds later.
fn later(seconds: u64) -> Instant {
    NOW.later(std::time::Duration::from_secs(seconds))
}

/// A request at a place, about a job.
fn request(place: FaultPlace, subject: &str) -> FaultRequest<'_> {
    FaultRequest {
        place,
        resource_type: None,
        subject,
        token: None,
        at: AnswerPlace { url: URL, now: NOW },
    }
}

/// A book of rules in their short form.
fn book(rules: &[&str]) -> FaultBook {
    FaultBook::new(rules.iter().map(|short| rule(short)))
}

/// The status that each of the next requests is answered with; 0 where the server answers.
fn statuses(book: &mut FaultBook, request: &FaultRequest<'_>, count: usize) -> Vec<u16> {
    (0..count).map(|_| book.decide(request).instead.map_or(0, |answer| answer.status)).collect()
}
