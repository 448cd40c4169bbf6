//! The way in: files become resources in the store, with counts and rejects.
//!
//! One thread reads and parses: `read` cuts inputs into pieces, `parse` makes items of them, `entry`
//! reads the entries of Bundles. None of the three needs the store. The other thread writes: `run`
//! takes the items, `bundle` carries out entries, `apply` puts and deletes single resources, and
//! `retry` resolves conditional references that found nothing at first. `transactions` says which inputs
//! are committed together.

mod apply;
mod bundle;
mod conditional;
mod entry;
mod history;
mod lines;
mod parse;
mod read;
mod report;
mod retry;
mod run;
mod siblings;
mod transactions;

pub use report::{Observer, Progress, Remark, Report};
pub use run::Import;
