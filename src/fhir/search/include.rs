//! `_include` and `_revinclude`: which other resources come with those that a search finds.
//!
//! <https://hl7.org/fhir/R4/search.html#revinclude>. `Type:parameter`, perhaps with the type of the
//! target behind it; `*` stands for every reference parameter. `:iterate` follows what was included too;
//! `:recurse` is its older name. A reference to a version brings the version of the snapshot. Canonical
//! URLs are not followed.

use std::collections::HashSet;
use std::sync::Arc;

use super::criterion::{Criterion, Test};
use super::definition::SearchParameter;
use super::fault::SearchError;
use super::link::local_target;
use super::modifier::ParameterKind;
use super::query::Search;
use super::values::values;
use crate::fhir::definitions::is_of_any_version;
use crate::fhir::json::Tree;

/// The parameter for what found resources refer to.
const FORWARD: &str = "_include";
/// The parameter for what refers to found resources.
const REVERSE: &str = "_revinclude";
/// Every parameter, or every type.
const ALL: &str = "*";

/// Which resources come along.
#[derive(Clone, Debug)]
pub struct Include {
    /// The type with the references; `None` for every type.
    source: Option<String>,
    /// The parameters that find the references; none for all that a type has.
    parameters: Vec<&'static SearchParameter>,
    /// The type that is referred to; `None` for every type.
    target: Option<String>,
    /// True for resources that refer to what was found, false for those that it refers to.
    is_reverse: bool,
    /// True where it applies to what was included, too.
    iterates: bool,
}

impl Include {
    /// Reads a parameter by its name with its modifier; `None` where it is another parameter.
    ///
    /// # Errors
    /// What is wrong, with what there is.
    pub fn parse(name: &str, value: &str) -> Result<Option<Include>, SearchError> {
        let (code, modifier) = name.split_once(':').unwrap_or((name, ""));
        let is_reverse = match code {
            FORWARD => false,
            REVERSE => true,
            _ => return Ok(None),
        };
        let iterates = match modifier {
            "" => name.len() > code.len(),
            "iterate" | "recurse" => true,
            _ => false,
        };
        if !iterates && name.len() > code.len() || name.ends_with(':') {
            let what = format!("{code} has :iterate");
            return Err(SearchError::WrongName { name: name.to_owned(), what });
        }
        let wrong = |what: String| {
            let (name, value) = (name.to_owned(), value.to_owned());
            SearchError::WrongValue { name, value, what }
        };
        if value == ALL {
            if is_reverse {
                let what = "should name a type, as in Provenance:target or Observation:*";
                return Err(wrong(what.to_owned()));
            }
            let (source, parameters, target) = (None, Vec::new(), None);
            return Ok(Some(Include { source, parameters, target, is_reverse, iterates }));
        }
        let mut parts = value.split(':');
        let (source, code, target) = match (parts.next(), parts.next(), parts.next(), parts.next())
        {
            (Some(source), Some(code), target, None) => (source, code, target),
            _ => return Err(wrong("should be as in Observation:subject:Patient".to_owned())),
        };
        for named in [Some(source), target].into_iter().flatten() {
            if !is_of_any_version(named) {
                return Err(wrong(format!("names {named:?}, which is no type")));
            }
        }
        let all = references(source);
        let parameters: Vec<_> = match code {
            ALL => all,
            _ => all.iter().filter(|parameter| parameter.code == code).copied().collect(),
        };
        if parameters.is_empty() {
            let known: Vec<&str> =
                references(source).iter().map(|parameter| parameter.code).collect();
            return Err(wrong(format!(
                "names {code:?}, which is no reference of {source}; it has {}",
                known.join(", ")
            )));
        }
        if let Some(target) = target
            && !parameters.iter().any(|parameter| parameter.may_refer_to(target))
        {
            return Err(wrong(format!(
                "names {target:?}, to which {source}:{code} does not refer"
            )));
        }
        let (source, target) = (Some(source.to_owned()), target.map(str::to_owned));
        Ok(Some(Include { source, parameters, target, is_reverse, iterates }))
    }

    /// True for `_revinclude`.
    pub fn is_reverse(&self) -> bool {
        self.is_reverse
    }

    /// True where it applies to what was included, too.
    pub fn iterates(&self) -> bool {
        self.iterates
    }

    /// The one type whose resources it brings; `None` where there may be several.
    pub fn brings(&self) -> Option<&str> {
        if self.is_reverse {
            return self.source.as_deref();
        }
        match (&self.target, &self.parameters[..]) {
            (Some(target), _) => Some(target),
            (None, [parameter]) => match parameter.targets[..] {
                [target] => Some(target),
                _ => None,
            },
            _ => None,
        }
    }

    /// True where a resource of this type may bring others.
    pub fn follows(&self, resource_type: &str) -> bool {
        !self.is_reverse && self.source.as_deref().is_none_or(|source| source == resource_type)
    }

    /// What the references of a body name, as `Type/id`.
    ///
    /// # Errors
    /// Why an expression cannot be evaluated over the body.
    pub fn targets(&self, resource_type: &str, body: &Tree<'_>) -> Result<Vec<String>, String> {
        let mut targets = Vec::new();
        let all = if self.source.is_none() { references(resource_type) } else { Vec::new() };
        for parameter in self.parameters.iter().chain(&all) {
            let found = values(parameter, body)?;
            targets.extend(found.iter().filter_map(|found| local_target(found.tree)));
        }
        targets.retain(|name| self.may_be_target(name));
        Ok(targets)
    }

    /// The search for what refers to one of `names`, which are `Type/id`; `None` where nothing can.
    pub fn referring(&self, names: impl Iterator<Item = String>) -> Option<Search> {
        let source = self.source.as_deref().filter(|_| self.is_reverse)?;
        let may_lead = |name: &String| {
            let of_type = name.split('/').next().unwrap_or_default();
            self.may_be_target(name)
                && self.parameters.iter().any(|parameter| parameter.may_refer_to(of_type))
        };
        let names: HashSet<String> = names.filter(may_lead).collect();
        if names.is_empty() {
            return None;
        }
        let test = Test::RefersTo { parameters: self.parameters.clone(), names: Arc::new(names) };
        let mut search = Search::all(source);
        search.criteria.push(Criterion { name: String::new(), value: String::new(), test });
        Some(search)
    }

    fn may_be_target(&self, name: &str) -> bool {
        let is_of = |target: &str| name.split_once('/').is_some_and(|(of, _)| of == target);
        self.target.as_deref().is_none_or(is_of)
    }
}

/// The reference parameters of a type.
fn references(resource_type: &str) -> Vec<&'static SearchParameter> {
    let all = SearchParameter::all(resource_type).into_iter();
    all.filter(|parameter| parameter.kind == ParameterKind::Reference).collect()
}

/// The values of `_include` for resources of a type, as a CapabilityStatement lists them.
pub fn includes(resource_type: &str) -> Vec<String> {
    let own = references(resource_type).into_iter();
    let own = own.map(|parameter| format!("{resource_type}:{}", parameter.code));
    [ALL.to_owned()].into_iter().chain(own).collect()
}

/// The values of `_revinclude` by which resources of `sources` come with resources of a type.
pub fn revincludes<'s>(
    resource_type: &str,
    sources: impl IntoIterator<Item = &'s String>,
) -> Vec<String> {
    let of = |source: &'s String| {
        let may_lead = |found: &&SearchParameter| found.may_refer_to(resource_type);
        let leading = references(source).into_iter().filter(may_lead);
        leading.map(move |parameter| format!("{source}:{}", parameter.code))
    };
    sources.into_iter().flat_map(of).collect()
}

#[cfg(test)]
#[path = "include_tests.rs"]
mod tests;
