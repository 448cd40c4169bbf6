//! The grammars of HTTP header fields: text in, values out.
//!
//! One file reads one family of headers, and `syntax` reads what they have in common: lists,
//! parameters, quoted strings and weights. Nothing here knows a request, so each grammar is tested
//! by a table of cases.

mod authorization;
mod coding;
mod date;
mod etag;
mod forwarded;
mod host;
mod media;
mod prefer;
mod range;
mod syntax;

pub use authorization::{BASIC, BEARER, INSUFFICIENT_SCOPE, INVALID_TOKEN, basic, bearer};
pub use coding::{is_identity, prefers_gzip};
pub use date::{http_date, read_http_date};
pub use etag::EntityTag;
pub use forwarded::{Hop, forwarded, x_forwarded};
pub use host::{host_name, is_authority, is_host, is_loopback_name, names_address};
pub use media::{
    AcceptedTypes, FHIR_JSON, MediaType, NDJSON, prefers_json, takes_json, takes_ndjson,
};
pub use prefer::Preferences;
pub use range::RequestedRange;
pub use syntax::list;
