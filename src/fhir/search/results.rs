//! How the results of a search are given: their order, how many of them, how much of each, and what
//! comes along.
//!
//! <https://hl7.org/fhir/R4/search.html#return>. Contained resources are not given for themselves, so
//! `_contained` is not among these parameters.

use std::borrow::Cow;

use super::fault::SearchError;
use super::include::Include;
use super::sort::SortOrder;
use crate::fhir::elements::Elements;
use crate::fhir::summary::SummaryMode;
use crate::fhir::version::FhirVersion;

/// The most `_include` and `_revinclude` of a search: each may look at every resource of a type.
const MOST_INCLUDES: usize = 50;

/// Whether the number of all resources that match is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TotalMode {
    /// Where it costs nothing.
    #[default]
    Cheap,
    /// `none`: no.
    None,
    /// `accurate` or `estimate`: yes. An estimate is exact here.
    Exact,
}

/// What a search says about its results.
#[derive(Clone, Debug, Default)]
pub struct ResultParameters {
    /// `_count`: how many resources are wanted, or how many on a page.
    pub count: Option<usize>,
    /// `_summary`: how much of each.
    pub summary: SummaryMode,
    /// `_elements`: which root elements.
    pub elements: Elements,
    /// `_total`: whether the number of all is wanted.
    pub total: TotalMode,
    /// `_sort`: their order.
    pub order: SortOrder,
    /// `_include`, `_revinclude`: what comes along.
    pub includes: Vec<Include>,
}

impl ResultParameters {
    /// Reads a parameter of a search for these types. False where it says something else.
    ///
    /// # Errors
    /// What is wrong with the value or the modifier.
    pub fn read(&mut self, name: &str, value: &str, types: &[String]) -> Result<bool, SearchError> {
        let wrong = |what: &str| SearchError::WrongValue {
            name: name.to_owned(),
            value: value.to_owned(),
            what: what.to_owned(),
        };
        match name {
            "_count" => {
                let count = value.parse::<usize>();
                self.count = Some(count.map_err(|_| wrong("should be a number"))?);
            }
            "_summary" => {
                let shape = format!("should be one of {}", SummaryMode::VALUES.join(", "));
                self.summary = SummaryMode::parse(value).ok_or_else(|| wrong(&shape))?;
            }
            "_elements" => {
                for element in value.split(',') {
                    self.elements
                        .add(element.trim())
                        .map_err(|what| wrong(&format!("is wrong: {what}")))?;
                }
            }
            "_total" => {
                self.total = match value {
                    "none" => TotalMode::None,
                    "accurate" | "estimate" => TotalMode::Exact,
                    _ => return Err(wrong("should be none, estimate or accurate")),
                }
            }
            "_sort" => {
                if !self.order.is_empty() {
                    return Err(wrong("is a second one; one has several keys: birthdate,-_id"));
                }
                self.order = SortOrder::parse(value, types)?;
            }
            _ => match Include::parse(name, value)? {
                None => return Ok(false),
                Some(_) if self.includes.len() == MOST_INCLUDES => {
                    let what = format!("is one too many; a search has {MOST_INCLUDES} at most");
                    return Err(wrong(&what));
                }
                Some(include) => self.includes.push(include),
            },
        }
        Ok(true)
    }

    /// Says whether the parameters go together.
    ///
    /// # Errors
    /// Which do not.
    pub fn check(&self) -> Result<(), SearchError> {
        let apart = |name: &str, what: &str| {
            Err(SearchError::WrongName { name: name.to_owned(), what: what.to_owned() })
        };
        let is_cut = !matches!(self.summary, SummaryMode::Whole | SummaryMode::Count);
        if is_cut && !self.elements.is_empty() {
            return apart("_elements", "_summary says already which elements are wanted");
        }
        // https://hl7.org/fhir/R4/search.html#summary
        if self.summary == SummaryMode::Text && !self.includes.is_empty() {
            return apart("_include", "it cannot be mixed with _summary=text");
        }
        Ok(())
    }

    /// Cuts a resource down to what is wanted of it.
    pub fn cut<'b>(
        &self,
        version: FhirVersion,
        resource_type: &str,
        body: &'b str,
    ) -> Cow<'b, str> {
        match self.elements.is_empty() {
            true => self.summary.subset(version, resource_type, body),
            false => self.elements.subset(version, resource_type, body),
        }
    }

    /// Cuts a resource down that comes along. Names of elements without a type are of what is searched for.
    pub fn cut_included<'b>(
        &self,
        version: FhirVersion,
        resource_type: &str,
        body: &'b str,
    ) -> Cow<'b, str> {
        match self.elements.names_type(resource_type) {
            false if !self.elements.is_empty() => Cow::Borrowed(body),
            _ => self.cut(version, resource_type, body),
        }
    }

    /// True where no resources are wanted, only their number.
    pub fn wants_total_alone(&self) -> bool {
        self.summary == SummaryMode::Count || self.count == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<ResultParameters, SearchError> {
        let mut parameters = ResultParameters::default();
        for (name, value) in pairs {
            assert!(parameters.read(name, value, &["Patient".to_owned()])?, "{name}");
        }
        parameters.check()?;
        Ok(parameters)
    }

    #[test]
    fn each_parameter_says_one_thing() {
        let read_all = read(&[
            ("_count", "5"),
            ("_elements", "name,Patient.birthDate"),
            ("_total", "estimate"),
            ("_sort", "-birthdate,_id"),
            ("_include", "Patient:organization"),
            ("_revinclude:iterate", "Observation:subject"),
            ("_summary", "false"),
        ]);
        let all = read_all.unwrap();
        assert_eq!((all.count, all.total, all.includes.len()), (Some(5), TotalMode::Exact, 2));
        assert!(all.elements.cut("Patient") && !all.order.is_empty() && !all.wants_total_alone());
        assert!(read(&[("_summary", "count")]).unwrap().wants_total_alone());
        assert!(read(&[("_count", "0")]).unwrap().wants_total_alone());
        let mut other = ResultParameters::default();
        assert_eq!(other.read("gender", "male", &[]), Ok(false));
    }

    #[test]
    fn what_is_wrong_or_does_not_go_together_is_named() {
        for (pairs, named) in [
            (&[("_count", "-1")][..], "_count"),
            (&[("_summary", "some")], "true, text, data, count, false"),
            (&[("_elements", "name.family")], "_elements"),
            (&[("_total", "all")], "none, estimate or accurate"),
            (&[("_sort", "_id"), ("_sort", "gender")], "second"),
            (&[("_summary", "true"), ("_elements", "name")], "_summary says already"),
            (&[("_summary", "text"), ("_include", "*")], "_summary=text"),
            (&[("_include", "*"); 51], "50 at most"),
        ] {
            let error = read(pairs).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
