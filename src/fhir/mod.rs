//! The vocabulary of FHIR: resources, Bundles, references, compartments, searches. Pure: no I/O, no
//! clock.

pub mod attachment;
#[cfg(feature = "page")]
pub mod attachment_list;
pub mod batch;
pub mod binary;
pub mod bundle;
#[cfg(feature = "page")]
pub mod care_event;
pub mod compartment;
#[cfg(feature = "page")]
pub mod concept;
pub mod definitions;
pub mod elements;
pub mod evidence;
pub mod full_url;
#[cfg(test)]
mod fuzzed;
pub mod given_parameter;
pub mod group;
mod head;
mod identifier;
pub mod json;
#[cfg(feature = "page")]
pub mod label;
mod link_kind;
mod link_strings;
#[cfg(feature = "page")]
pub mod measured;
pub mod mentions;
mod meta;
pub mod name;
mod narrative;
#[cfg(feature = "page")]
pub mod narrative_text;
pub mod no_data;
pub mod outcome;
pub mod parameters;
pub mod path;
#[cfg(feature = "page")]
pub mod person;
pub mod provenance;
pub mod reference;
pub mod resource;
pub mod search;
pub mod sql_library;
pub mod summary;
pub mod text_part;
pub mod version;
pub mod version_condition;
pub mod view;

pub use head::{ResourceIdentity, check_spelling};
pub use identifier::Identifier;
