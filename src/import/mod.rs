//! The way in: files become resources in the store, with counts and rejects.
//!
//! One thread reads and parses: `read` cuts inputs into pieces, `parse` makes items of them, `entry`
//! reads the entries of Bundles into `step`s, `derive` gives ids to those without one. None of them needs the store.
//! The other thread writes: `run` takes the items, `settle` answers the searches of entries, `bundle`
//! carries the entries out, `apply` puts and deletes single resources, and `retry` resolves references
//! that found nothing at first. `transactions` says which inputs are committed together.

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
mod parse;
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
