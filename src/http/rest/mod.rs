//! FHIR's REST interactions beside Bulk Data: <https://hl7.org/fhir/R4/http.html>.

mod batch;
mod bundle;
mod everything;
#[cfg(feature = "page")]
mod found_all;
mod found_page;
mod history;
mod links;
mod paging;
mod read;
mod search;
mod search_request;
mod searched;
mod searchset;

pub use batch::batch;
pub use everything::everything;
#[cfg(feature = "page")]
pub use found_all::FoundAll;
#[cfg(feature = "page")]
pub use found_page::{FoundPage, PageSize};
pub use history::{history_of_all, history_of_resource, history_of_type};
#[cfg(feature = "page")]
pub use paging::id_segment;
#[cfg(feature = "page")]
pub use read::{current, version};
pub use read::{read, read_version};
pub use search::{posted, search};
pub use searched::{EVERY_TYPE, Searched};
