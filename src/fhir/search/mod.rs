//! What a search says: parameter names, prefixes, date bounds, tokens, conditions.
//!
//! <https://hl7.org/fhir/R4/search.html>. Pure: a search is read and held against a resource here;
//! the store is asked elsewhere. HTTP searches, conditional references and requests of a Bundle
//! share these rules.

mod condition;
mod criteria;
mod date;
mod parameter;
mod text;
mod token;

pub use condition::Condition;
pub use criteria::Criteria;
pub use parameter::SearchParameter;
pub use token::SearchToken;
