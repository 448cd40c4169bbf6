//! The way out: a request → a plan (files as ranges, with counts and exact lengths) → NDJSON.
//!
//! Nothing is materialised: a file is a query on a snapshot, its name a signed range.

mod folder;
mod lines;
mod manifest;
mod plan;
mod request;
mod token;

pub use folder::{Folder, Written};
pub use lines::write;
pub use manifest::{Manifest, Output};
pub use plan::{File, Plan};
pub use request::{Request, instant};
pub use token::{Claims, Signer};
