//! A search that should find exactly one resource: conditional references, `ifNoneExist`, and the
//! URLs of conditional updates and deletions.
//!
//! <https://hl7.org/fhir/R4/http.html#cond-update>, <https://hl7.org/fhir/R4/http.html#trules>

use percent_encoding::percent_decode_str;

use super::token::{SearchToken, tokens};
use crate::fhir::name::{is_id, is_type};

/// A search by `identifier` and `_id` for resources of one type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// The type searched.
    pub resource_type: String,
    /// The values of each `identifier` parameter. A resource must have one token of each list.
    pub identifiers: Vec<Vec<SearchToken>>,
    /// The value of `_id`, where given.
    pub id: Option<String>,
}

impl Condition {
    /// Reads `Type?query`. `None` for a text of another form.
    ///
    /// # Errors
    /// The reason, where the query asks for a search that is not supported here.
    pub fn parse(link: &str) -> Option<Result<Condition, String>> {
        let (resource_type, query) = link.split_once('?')?;
        is_type(resource_type).then(|| Condition::of(resource_type, query))
    }

    /// Reads the query of a search for `resource_type`. A `?` or `Type?` before it is skipped.
    ///
    /// # Errors
    /// The reason, where the query asks for a search that is not supported here.
    pub fn of(resource_type: &str, query: &str) -> Result<Condition, String> {
        let query = query.strip_prefix(resource_type).unwrap_or(query);
        let query = query.strip_prefix('?').unwrap_or(query);
        let mut condition = Condition::all(resource_type);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match name {
                "identifier" => condition.identifiers.push(tokens(&value)?),
                "_id" if is_id(&value) => condition.id = Some(value.into_owned()),
                _ => {
                    return Err(format!(
                        "{name:?} cannot be searched here; identifier and _id can"
                    ));
                }
            }
        }
        if condition.identifiers.is_empty() && condition.id.is_none() {
            return Err("it names neither an identifier nor an _id".to_owned());
        }
        Ok(condition)
    }

    /// A search by one `identifier` parameter, whose value is not percent-encoded.
    ///
    /// # Errors
    /// The reason, where a token of it has no value.
    pub fn by_identifier(resource_type: &str, value: &str) -> Result<Condition, String> {
        let mut condition = Condition::all(resource_type);
        condition.identifiers.push(tokens(value)?);
        Ok(condition)
    }

    fn all(resource_type: &str) -> Condition {
        Condition { resource_type: resource_type.to_owned(), identifiers: Vec::new(), id: None }
    }

    /// The ids of the resources that meet the condition. `has` says whether an id exists, `with`
    /// lists the ids of resources that have a token.
    ///
    /// # Errors
    /// Those of `has` and `with`.
    pub fn find<E>(
        &self,
        has: impl FnOnce(&str) -> Result<bool, E>,
        mut with: impl FnMut(&SearchToken) -> Result<Vec<String>, E>,
    ) -> Result<Vec<String>, E> {
        let mut found: Option<Vec<String>> = match &self.id {
            Some(id) => Some(has(id)?.then(|| id.clone()).into_iter().collect()),
            None => None,
        };
        for tokens in &self.identifiers {
            let mut ids = Vec::new();
            for token in tokens {
                ids.extend(with(token)?);
            }
            found = Some(match found {
                None => ids,
                Some(before) => before.into_iter().filter(|id| ids.contains(id)).collect(),
            });
        }
        Ok(found.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_tokens() {
        let read = |link| Condition::parse(link).unwrap();
        let token = |system: Option<&str>, value: &str| SearchToken {
            system: system.map(str::to_owned),
            value: value.to_owned(),
        };
        assert_eq!(
            read("Practitioner?identifier=http://x%2Fy|1").unwrap().identifiers,
            [[token(Some("http://x/y"), "1")]]
        );
        assert_eq!(
            read(r"A?identifier=|1\,2,3").unwrap().identifiers,
            [[token(Some(""), "1,2"), token(None, "3")]]
        );
        assert!(read("Patient?name=x").is_err());
        assert!(read("Patient?identifier=s|").is_err());
        assert!(read("Patient?").is_err());
        assert!(Condition::parse("http://x/Patient?identifier=1").is_none());
    }
}
