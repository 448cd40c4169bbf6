//! The way out: a request → a plan (files as ranges or lists, with counts and exact lengths) → NDJSON.
//!
//! Nothing is materialised: a file is a query on a snapshot. `plan` works out which files there are,
//! by what `scope` finds in an export of patients; `lines` writes them, in a `shape`.

mod blocks;
mod file;
mod folder;
mod jobs;
mod lines;
mod manifest;
mod members;
mod oneup;
mod parameters;
mod permission;
mod plan;
mod provenance;
mod request;
mod rows;
mod scope;
mod shape;
mod token;
mod work;

pub use file::{File, Purpose};
pub use folder::{Folder, Written};
pub use jobs::{JobStatus, Jobs, KickOff, Opened};
pub use lines::write;
pub use manifest::{Frame, Manifest, Output};
pub use parameters::{Asking, Edition, read};
pub use permission::Permission;
pub use plan::Plan;
pub use request::{Associated, ExportRequest, Level, instant};
pub use token::{FileClaims, Signer};
