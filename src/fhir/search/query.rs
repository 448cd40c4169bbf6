//! A whole search: what resources of one type must meet to be found.
//!
//! <https://hl7.org/fhir/R4/search.html#combining>: the parameters must all be met, the values of one
//! are alternatives. Pages, order and form of the results are read elsewhere.

use std::collections::BTreeSet;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::answers::{Answer, Answers};
use super::bound::SearchContext;
use super::criterion::{Criterion, Test};
use super::definition::SearchParameter;
use super::fault::SearchError;
use super::link::local_target;
use super::modifier::{Modifier, ParameterKind};
use super::values::{Candidate, values};
use crate::fhir::compartment::PATIENT;
use crate::time::Instant;

/// The most searches within a search: each may look at every resource of a type.
const MOST_INNER: usize = 20;
/// What is encoded in a query: everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The parameter for resources that others refer to.
const HAS: &str = "_has";
/// Parameters that say how results are given (<https://hl7.org/fhir/R4/search.html#return>).
const OF_RESULT: [&str; 12] = [
    "_contained",
    "_containedType",
    "_count",
    "_elements",
    "_format",
    "_include",
    "_pretty",
    "_revinclude",
    "_sort",
    "_summary",
    "_total",
    "_type",
];

/// What resources of one type must meet.
#[derive(Clone, Debug)]
pub struct Search {
    resource_type: String,
    pub(super) criteria: Vec<Criterion>,
    inner: Vec<InnerSearch>,
    /// The patient in whose compartment the resources must be.
    compartment: Option<String>,
}

/// A search whose result another search needs.
#[derive(Clone, Debug)]
pub struct InnerSearch {
    /// What is searched for.
    pub search: Search,
    /// Of `_has`: the parameter whose references lead to the resources of the outer search.
    via: Option<&'static SearchParameter>,
}

/// A search that was read, and what was left out of it.
#[derive(Clone, Debug)]
pub struct ReadSearch {
    /// The search.
    pub search: Search,
    /// Why parameters are ignored. Without them the search finds more: the caller decides whether it
    /// may.
    pub ignored: Vec<SearchError>,
}

impl Search {
    /// A search that finds all resources of a type.
    pub fn all(resource_type: &str) -> Search {
        let resource_type = resource_type.to_owned();
        Search { resource_type, criteria: Vec::new(), inner: Vec::new(), compartment: None }
    }

    /// The same search for resources in the compartment of this patient. The patient itself is there
    /// too.
    #[must_use = "the search is the returned one"]
    pub fn in_compartment_of(mut self, patient: &str) -> Search {
        if self.resource_type == PATIENT {
            let (ids, is_negated) = (BTreeSet::from([patient.to_owned()]), false);
            let test = Test::Id { ids, is_negated };
            self.criteria.push(Criterion { name: String::new(), value: String::new(), test });
        } else {
            self.compartment = Some(patient.to_owned());
        }
        self
    }

    /// The patient in whose compartment the resources must be. The store says which those are:
    /// [`Search::matches`] does not look.
    pub fn compartment(&self) -> Option<&str> {
        self.compartment.as_deref()
    }

    /// True where every resource of the type is found.
    pub fn finds_all(&self) -> bool {
        self.criteria.is_empty() && self.compartment.is_none()
    }

    /// Reads the names and values of a query, without percent-encoding.
    ///
    /// # Errors
    /// The first parameter that is wrong. With lenient handling unknown parameters are no errors.
    pub fn parse<'p>(
        resource_type: &str,
        pairs: impl IntoIterator<Item = (&'p str, &'p str)>,
        context: &SearchContext<'_>,
    ) -> Result<ReadSearch, SearchError> {
        let mut search = Search::all(resource_type);
        let mut ignored = Vec::new();
        for (name, value) in pairs {
            match search.read(name, value, context) {
                Ok(_) if search.inner.len() > MOST_INNER => {
                    return Err(wrong_name(name, "the search has too many chains"));
                }
                Ok(test) => {
                    let (name, value) = (name.to_owned(), value.to_owned());
                    search.criteria.push(Criterion { name, value, test });
                }
                Err(error) if context.is_lenient && error.may_be_ignored() => ignored.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(ReadSearch { search, ignored })
    }

    /// The type whose resources are searched.
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// The names and values that are applied, as they were given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.criteria.iter().map(|criterion| (criterion.name.as_str(), criterion.value.as_str()))
    }

    /// The searches whose answers [`Search::matches`] needs, in the order of the answers.
    pub fn inner(&self) -> &[InnerSearch] {
        &self.inner
    }

    /// True where a body must be read to say whether its resource is found.
    pub fn needs_body(&self) -> bool {
        self.criteria.iter().any(|criterion| criterion.test.needs_body())
    }

    /// False where id and time alone say that a resource is not found.
    pub fn may_match(&self, id: &str, last_updated: Instant) -> bool {
        self.criteria.iter().all(|criterion| criterion.test.may_hold(id, last_updated))
    }

    /// True where a resource is found. `answers` are those to [`Search::inner`].
    ///
    /// # Errors
    /// Why an expression cannot be evaluated over the body.
    pub fn matches(&self, candidate: &Candidate<'_>, answers: &Answers) -> Result<bool, String> {
        for criterion in &self.criteria {
            if !criterion.test.holds(&self.resource_type, candidate, answers)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads one parameter. An inner search that it needs is added.
    fn read(
        &mut self,
        name: &str,
        value: &str,
        context: &SearchContext<'_>,
    ) -> Result<Test, SearchError> {
        if let Some(rest) = name.strip_prefix(HAS).and_then(|rest| rest.strip_prefix(':')) {
            return self.read_has(rest, (name, value), context);
        }
        if let Some((reference, tail)) = name.split_once('.') {
            return self.read_chain(reference, tail, (name, value), context);
        }
        let (code, modifier) = split_modifier(name);
        let parameter = find(&self.resource_type, code, name)?;
        Test::parse(parameter, modifier, (name, value), context)
    }

    /// Reads `_has:Type:reference:parameter`, of which `rest` stands behind `_has:`.
    fn read_has(
        &mut self,
        rest: &str,
        (name, value): (&str, &str),
        context: &SearchContext<'_>,
    ) -> Result<Test, SearchError> {
        let mut parts = rest.splitn(3, ':');
        let (Some(of_type), Some(code), Some(tail)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong_name(name, "it should be _has:Type:reference:parameter"));
        };
        let via = find(of_type, code, name)?;
        if !via.may_refer_to(&self.resource_type) {
            let what = format!("{code} of {of_type} does not refer to {}", self.resource_type);
            return Err(wrong_name(name, &what));
        }
        let search = inner_search(of_type, tail, (name, value), context)?;
        self.inner.push(InnerSearch { search, via: Some(via) });
        Ok(Test::Has { inner: self.inner.len() - 1 })
    }

    /// Reads `reference.parameter` or `reference:Type.parameter`.
    fn read_chain(
        &mut self,
        reference: &str,
        tail: &str,
        (name, value): (&str, &str),
        context: &SearchContext<'_>,
    ) -> Result<Test, SearchError> {
        let (code, modifier) = split_modifier(reference);
        let parameter = find(&self.resource_type, code, name)?;
        if parameter.kind != ParameterKind::Reference {
            return Err(wrong_name(name, &format!("{code} is no reference that can be followed")));
        }
        let of_type = match modifier.map(|modifier| Modifier::parse(parameter.kind, modifier)) {
            None => None,
            Some(Ok(Modifier::Type(of_type))) if parameter.may_refer_to(&of_type) => Some(of_type),
            Some(_) => {
                return Err(wrong_name(
                    name,
                    "only a type that it refers to may stand before the point",
                ));
            }
        };
        let types: Vec<&str> = match &of_type {
            Some(of_type) => vec![of_type],
            None => parameter.targets.clone(),
        };
        if types.is_empty() {
            let what = format!("it should name a type, as in {code}:Patient.{tail}");
            return Err(wrong_name(name, &what));
        }
        let start = self.inner.len();
        let mut fault: Option<SearchError> = None;
        for of_type in types {
            match inner_search(of_type, tail, (name, value), context) {
                Ok(search) => self.inner.push(InnerSearch { search, via: None }),
                // Of several types only some have the parameter.
                Err(error) if fault.as_ref().is_none_or(SearchError::may_be_ignored) => {
                    fault = Some(error);
                }
                Err(_) => {}
            }
        }
        match fault {
            Some(fault) if self.inner.len() == start => Err(fault),
            _ => Ok(Test::Chain { parameter, inner: start..self.inner.len() }),
        }
    }
}

impl InnerSearch {
    /// Adds to the answer what follows from a resource that the inner search found.
    ///
    /// # Errors
    /// Why the expression of the reference cannot be evaluated.
    pub fn collect(&self, found: &Candidate<'_>, answer: &mut Answer) -> Result<(), String> {
        match self.via {
            None => {
                answer.0.insert(format!("{}/{}", self.search.resource_type(), found.id));
            }
            Some(via) => {
                let references = values(via, found.body)?;
                answer.0.extend(references.iter().filter_map(|found| local_target(found.tree)));
            }
        }
        Ok(())
    }

    /// True where [`InnerSearch::collect`] looks at the body of a resource.
    pub fn collects_from_body(&self) -> bool {
        self.via.is_some()
    }
}

/// Writes the query as a link has it, percent-encoded.
impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.pairs().enumerate() {
            let separator = if at == 0 { "" } else { "&" };
            let encoded = |text| utf8_percent_encode(text, RESERVED);
            write!(f, "{separator}{}={}", encoded(name), encoded(value))?;
        }
        Ok(())
    }
}

fn wrong_name(name: &str, what: &str) -> SearchError {
    SearchError::WrongName { name: name.to_owned(), what: what.to_owned() }
}

fn split_modifier(name: &str) -> (&str, Option<&str>) {
    match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    }
}

/// The parameter that a code means in a search for a type; `name` is what the client wrote.
fn find(
    resource_type: &str,
    code: &str,
    name: &str,
) -> Result<&'static SearchParameter, SearchError> {
    if OF_RESULT.contains(&code) {
        return Err(SearchError::OfResult { name: name.to_owned() });
    }
    let (name, resource_type) = (name.to_owned(), resource_type.to_owned());
    let Some(parameter) = SearchParameter::of(&resource_type, code) else {
        return Err(SearchError::Unknown { name, resource_type });
    };
    match parameter.unsupported() {
        Some(why) => Err(SearchError::Unsupported { name, why: why.to_owned() }),
        None => Ok(parameter),
    }
}

/// Reads the parameter of an inner search, which may not have one itself.
fn inner_search(
    of_type: &str,
    tail: &str,
    (name, value): (&str, &str),
    context: &SearchContext<'_>,
) -> Result<Search, SearchError> {
    if tail.contains('.') || tail.starts_with(HAS) {
        return Err(wrong_name(name, "a search within a search cannot have another one"));
    }
    let mut search = Search::all(of_type);
    let test = search.read(tail, value, context).map_err(|error| error.under(name))?;
    search.criteria.push(Criterion { name: tail.to_owned(), value: value.to_owned(), test });
    Ok(search)
}

#[cfg(test)]
#[path = "inner_tests.rs"]
mod inner_tests;
#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
