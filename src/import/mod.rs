//! The way in: files → store, with counts and rejects. Each input is one transaction.

mod bundle;
mod parse;
mod report;
mod run;

pub use report::{Observer, Progress, Remark, Report};
pub use run::Import;
