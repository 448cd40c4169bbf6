//! JSON as text that keeps its bytes: finding strings and members, removing white space, replacing
//! parts.
//!
//! `serde_json` says whether a text is JSON; the functions here then work on the text itself. A
//! parsed value would lose the lexemes of numbers, the order of keys and the spelling of escapes.
//! Nothing recurses, so depth costs no stack.

mod cursor;
mod edits;
mod members;
mod scan;
mod space;
mod strings;
mod tree;
mod value;
mod wanted;

pub(in crate::fhir) use cursor::JsonCursor;
pub use edits::Edits;
pub use members::{ObjectMember, members};
pub use scan::{JsonPart, JsonTraits, scan};
pub use space::{minified, one_line};
pub use strings::{
    StringValue, each_string, lone_surrogate, quoted, raw_string, unescaped, unescaped_at,
};
pub use tree::Tree;
pub use value::{MAX_DEPTH, cause, fault, place, present, string_of, too_deep};
pub use wanted::{WantedAt, WantedMembers};
