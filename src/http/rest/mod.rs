//! FHIR's REST interactions beside Bulk Data: <https://hl7.org/fhir/R4/http.html>.

mod read;
mod search;
mod searchset;

pub use read::{read, read_version};
pub use search::{posted, search};
