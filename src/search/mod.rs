//! Searches over a store: what is indexed narrows a search, and the rest is held against each body.
//!
//! What a search means is in `fhir/search`; this folder knows what the store can answer.

mod answered;
mod by_query;
mod finder;
mod included;
mod page;
mod ranked;
mod recipient;
mod scan;

pub use answered::AnsweredSearch;
pub use by_query::search;
pub use finder::Finder;
pub use included::{IncludeRequest, IncludedResources};
pub use page::{PageRequest, ResultPage};
pub use recipient::FoundResource;
