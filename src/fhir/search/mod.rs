//! What a search says, and whether a resource meets it: parameters, modifiers, prefixes, values.
//!
//! <https://hl7.org/fhir/R4/search.html>. Pure: a search is read and held against a resource here;
//! the store is asked elsewhere. HTTP searches, filters of exports, conditional references and requests
//! of a Bundle share these rules.
//!
//! [`ResultParameters`] says how the results are given: their order, how many, with what else.
//!
//! [`Search`] is the way in. [`Search::inner`] says which searches must be answered first,
//! [`Search::ids`] and its neighbours what an index can answer, [`Search::needles`] which bodies need
//! not be read, and [`Search::matches`] whether a resource is found.

mod answers;
mod bound;
mod coded;
mod condition;
mod criterion;
mod date;
mod definition;
mod escape;
mod fault;
#[cfg(test)]
mod fixture;
mod fold;
mod include;
mod index_entry;
mod index_lookup;
mod indexed;
mod link;
mod lookup;
mod measure;
mod modifier;
mod needle;
mod number;
mod quantity;
mod query;
mod results;
mod sort;
mod span;
mod string;
mod token;
mod uri;
mod values;

pub use answers::{Answer, Answers};
pub use bound::SearchContext;
pub use condition::Condition;
pub use definition::{EVERY_RESOURCE, SearchParameter};
pub use fault::SearchError;
pub use include::{Include, includes, revincludes};
pub use index_entry::{INDEX_RULES, IndexEntry, RangeEnd, unindexable};
pub use index_lookup::{IndexLookup, IndexQuestion};
pub use indexed::{IndexedParameters, MadeEntries};
pub use needle::Needles;
pub use query::{InnerSearch, ReadSearch, Search};
pub use results::{ResultParameters, TotalMode};
pub use sort::{SortOrder, SortPlace};
pub use token::SearchToken;
pub use values::Candidate;
