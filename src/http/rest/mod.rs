//! FHIR's REST interactions beside Bulk Data: <https://hl7.org/fhir/R4/http.html>.

mod links;
mod read;
mod search;
mod search_request;
mod searched;
mod searchset;

pub use read::{read, read_version};
pub use search::{posted, search};
pub use searched::{EVERY_TYPE, Searched};
