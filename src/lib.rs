pub mod clock;
pub mod error;
pub mod export;
pub mod fhir;
pub mod http;
pub mod import;
pub mod source;
pub mod store;
