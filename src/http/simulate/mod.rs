//! Faults on demand, for tests of Bulk Data clients: `serve --simulate`.
//!
//! A rule says at which requests what happens. From text to effect:
//!
//! 1. `member.rs` is the table of what a rule may say; `value.rs` reads each type of value, `rule.rs` the
//!    form in JSON, `short.rs` the short one, `list.rs` lists, `segment.rs` and `launcher.rs` those in a path.
//! 2. `routes.rs` says which place a request has. `book.rs` decides which rules apply to the n-th request, `books.rs` for each path segment.
//! 3. The effects: `answer.rs` (status, headers), `polls.rs` (jobs that take their time), `token.rs`,
//!    `manifest.rs`, and for bodies `rows.rs` (with `copies.rs`), `coding.rs`, `wire.rs` and `body.rs`.
//!
//! `fields.rs` makes a form of the table, and texts to copy of a rule, for the page.
//!
//! `control.rs` answers the routes that put rules and list requests (`journal.rs`).
//!
//! All of it is values in, values out. Sockets, the clock and the store stay outside, and nothing here
//! changes a store: `src/http/simulated/` joins it to the server.

mod answer;
mod body;
mod book;
mod books;
mod chance;
mod coding;
mod control;
mod copies;
mod fields;
mod journal;
mod launcher;
mod list;
mod manifest;
mod member;
mod notices;
mod part;
mod place;
mod polls;
mod remembered;
mod retry_after;
mod routes;
mod rows;
mod rule;
mod segment;
mod short;
mod token;
mod urls;
mod value;
mod wire;

#[cfg(test)]
mod tests;

pub use answer::{AnswerPlace, PlainAnswer};
pub use body::FaultyWriter;
pub use book::{FaultDecision, FaultRequest};
pub use control::{Simulation, clock_advance, control_methods, control_path};
pub use fields::{RuleField, RuleTexts, place_names, rule_fields, rule_of_fields};
pub use journal::JournalEntry;
pub use list::FaultRules;
pub use manifest::{ManifestPlace, change_manifest, page_of};
pub use notices::SimulatedFile;
pub use part::RowPart;
pub use place::FaultPlace;
pub use routes::place_of_route;
pub use segment::{escaped_segment, segment_settings};
pub use token::TokenFault;
pub use wire::BodyFault;
