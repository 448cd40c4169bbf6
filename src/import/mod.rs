//! The way in: files become resources in the store, with counts and rejects.
//!
//! One thread reads, and several parse: `read` cuts inputs into pieces, `parsing` hands them to its threads and
//! keeps their order, `parse` makes items of them, `entry` reads the entries of Bundles into `step`s, `derive` gives
//! ids to those without one, and `make` makes their resources. None of them needs the store. Another thread
//! writes: `run` takes the items, `settle` answers the searches of entries, `bundle` carries the entries out,
//! `apply` puts and deletes single resources, and `retry` resolves references that found nothing at first.
//! `transactions` says which inputs are committed together.

mod ahead;
mod apply;
mod bundle;
mod conditional;
mod derive;
mod entry;
mod fhir_version;
mod former;
mod groups;
mod history;
mod lines;
mod links;
mod make;
mod parse;
mod parsing;
mod read;
mod report;
mod retry;
mod run;
mod settle;
mod siblings;
mod step;
mod transactions;

pub use report::{Observer, Progress, Remark, Report};
pub use run::Import;
