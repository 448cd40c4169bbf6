//! What is searched: resources of a type, of several types, or those of a patient's compartment.
//!
//! <https://hl7.org/fhir/R4/http.html#search>,
//! <https://hl7.org/fhir/R4/http.html#vsearch>. The compartments of patients can be searched, no others.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment;
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::message::Request;

/// Stands for every type of a compartment.
pub const EVERY_TYPE: &str = "*";
/// The parameter that names types.
pub(super) const TYPE: &str = "_type";

/// What is searched.
#[derive(Clone, Copy, Debug)]
pub struct Searched<'s> {
    /// The one type; `None` where `_type` names types, or the store.
    resource_type: Option<&'s str>,
    /// The patient in whose compartment the resources are.
    patient: Option<&'s str>,
}

/// The types of a search.
pub(super) struct SearchedTypes {
    pub(super) names: Vec<String>,
    /// True where the types are those of the store: then a search has the parameters that every type has.
    pub(super) is_open: bool,
}

impl<'s> Searched<'s> {
    /// Resources of a type.
    pub fn of_type(resource_type: &'s str) -> Searched<'s> {
        Searched { resource_type: Some(resource_type), patient: None }
    }

    /// All resources.
    pub fn everything() -> Searched<'s> {
        Searched { resource_type: None, patient: None }
    }

    /// The compartment of a patient: resources of a type, or of [`EVERY_TYPE`].
    pub fn compartment(patient: &'s str, resource_type: &'s str) -> Searched<'s> {
        let resource_type = (resource_type != EVERY_TYPE).then_some(resource_type);
        Searched { resource_type, patient: Some(patient) }
    }

    /// The patient in whose compartment the resources are.
    pub(super) fn patient(&self) -> Option<&'s str> {
        self.patient
    }

    /// True where `_type` names the types.
    pub(super) fn takes_types(&self) -> bool {
        self.resource_type.is_none()
    }

    /// The path of the search.
    pub(super) fn path(&self) -> String {
        let resource_type = self.resource_type;
        match self.patient {
            Some(patient) => {
                let patient = utf8_percent_encode(patient, NON_ALPHANUMERIC);
                format!("{FHIR}/Patient/{patient}/{}", resource_type.unwrap_or(EVERY_TYPE))
            }
            None => resource_type.map_or_else(|| FHIR.to_owned(), |name| format!("{FHIR}/{name}")),
        }
    }

    /// The types that are searched, by name and each once. Without names these are those of `all` that the caller may
    /// search.
    ///
    /// # Errors
    /// `Forbidden` where the scope does not cover a type that is named, `Invalid` where a name is none of a type; those
    /// of `all`.
    pub(super) fn types(
        &self,
        authenticated: &AuthenticatedRequest<'_>,
        request: &Request,
        all: impl FnOnce() -> Result<Vec<String>>,
    ) -> Result<SearchedTypes> {
        if let Some(name) = self.resource_type {
            authenticated.check(name, Interaction::Search)?;
            return Ok(SearchedTypes { names: vec![name.to_owned()], is_open: false });
        }
        let is_meant = |name: &str| self.patient.is_none() || compartment::has(name);
        let values = request.query.iter().filter(|(name, _)| name == TYPE);
        let named: BTreeSet<&str> = values.flat_map(|(_, value)| value.split(',')).collect();
        for name in &named {
            if !authenticated.is_type(name)? {
                let what = format!("{TYPE} names {:?}, which is no type here", short(name));
                return Err(Error::new(Kind::Invalid, what));
            }
            authenticated.check(name, Interaction::Search)?;
        }
        if !named.is_empty() {
            let names = named.into_iter().filter(|name| is_meant(name)).map(str::to_owned);
            return Ok(SearchedTypes { names: names.collect(), is_open: false });
        }
        let mut names = all()?;
        names.retain(|name| {
            is_meant(name) && authenticated.check(name, Interaction::Search).is_ok()
        });
        Ok(SearchedTypes { names, is_open: true })
    }
}
