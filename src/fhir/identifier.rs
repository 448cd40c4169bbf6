//! Business identifiers: what searches by `identifier` look up.
//!
//! <https://hl7.org/fhir/R4/datatypes.html#Identifier>

use serde::Deserialize;
use serde_json::value::RawValue;

/// One business identifier of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Identifier {
    /// The namespace; absent or empty where the identifier has none.
    #[serde(default)]
    pub system: Option<String>,
    /// The identifier within the namespace.
    #[serde(default)]
    pub value: Option<String>,
}

impl Identifier {
    /// Reads the `identifier` element of a resource: a list in most types, one object in some.
    ///
    /// An identifier of another form, or one without a value, is left out; the others are kept.
    pub(super) fn all_of(element: &str) -> Vec<Identifier> {
        let each: Vec<&str> = match serde_json::from_str::<Vec<&RawValue>>(element) {
            Ok(list) => list.into_iter().map(RawValue::get).collect(),
            Err(_) => vec![element],
        };
        each.into_iter()
            .filter(|one| one.starts_with('{'))
            .filter_map(|one| serde_json::from_str::<Identifier>(one).ok())
            .filter(|identifier| identifier.value.is_some())
            .collect()
    }
}
