//! A Provenance: what it is about, and when it was recorded.
//!
//! <https://hl7.org/fhir/R4/provenance.html>. Only these elements have a meaning here.

use serde::Deserialize;

use super::name::local_reference;
use crate::time::{Instant, span};

/// The type.
pub const PROVENANCE: &str = "Provenance";

/// What a Provenance says about itself.
#[derive(Default)]
pub struct Provenance {
    /// Types and ids of its targets, in order.
    pub targets: Vec<(String, String)>,
    /// The time at which it was recorded.
    pub recorded: Option<Instant>,
}

#[derive(Deserialize)]
struct ProvenanceBody {
    #[serde(default)]
    target: Vec<ProvenanceTarget>,
    #[serde(default)]
    recorded: Option<String>,
}

#[derive(Deserialize)]
struct ProvenanceTarget {
    #[serde(default)]
    reference: Option<String>,
}

impl Provenance {
    /// Reads the text of a Provenance. It has no targets if its text cannot be read.
    pub fn read(text: &str) -> Provenance {
        let Ok(ProvenanceBody { target, recorded }) = serde_json::from_str(text) else {
            return Provenance::default();
        };
        let links =
            target.iter().filter_map(|target| local_reference(target.reference.as_deref()?));
        Provenance {
            targets: links.map(|(name, id)| (name.to_owned(), id.to_owned())).collect(),
            recorded: recorded.and_then(|text| span(&text)).map(|(first, _)| first),
        }
    }
}
