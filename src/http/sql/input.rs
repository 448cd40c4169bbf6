//! What a request of SQL on FHIR asks for: the parameters of its query and of its body.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html#http-methods>. A parameter that is not known is refused,
//! because without it the answer would have more than was asked for; `Prefer: handling=lenient` lets unknown ones be,
//! and none of those that would narrow the rows.

use super::parameter::{Holds, SqlOperation, SqlParameter};
use super::refusal::{SqlIssue, SqlOutcome, SqlRefusal};
use crate::fhir::given_parameter::{GivenParameter, GivenValue, given};
use crate::fhir::name::short;
use crate::http::message::Request;
use crate::http::posted;

/// Parameters that are refused even with lenient handling: without them the answer would be about other data.
const NEVER_IGNORED: [&str; 2] = ["source", "context"];
/// A parameter that changes nothing here.
const PRETTY: &str = "_pretty";

/// The parameters of a request. Each is one that its operation takes.
pub struct SqlInput<'r>(Vec<GivenParameter<'r>>);

impl<'r> SqlInput<'r> {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// A refusal with each parameter that is not known, not taken in this way, or given too often; a body that is no
    /// Parameters.
    pub fn read(request: &'r Request, operation: SqlOperation) -> SqlOutcome<SqlInput<'r>> {
        let in_query = |(name, value): &(String, String)| GivenParameter {
            name: name.clone(),
            value: Some(GivenValue { element: String::new(), text: Some(value.clone()) }),
            ..GivenParameter::default()
        };
        let mut all: Vec<GivenParameter<'r>> = request.query.iter().map(in_query).collect();
        if !request.body.is_empty() {
            let text = posted::resource(request, "Parameters")?;
            all.extend(given(text).map_err(|why| posted::not_of("Parameters", why))?);
        }
        let is_lenient = request.preferences().is_lenient();
        let (mut taken, mut faults): (Vec<GivenParameter<'r>>, Vec<SqlIssue>) = Default::default();
        for one in all {
            match fault(&one, operation, &taken) {
                None if one.name == PRETTY => {}
                None => taken.push(one),
                Some(ParameterFault::Unknown(_)) if is_lenient && !never_ignored(&one.name) => {}
                Some(ParameterFault::Unknown(issue) | ParameterFault::Wrong(issue)) => {
                    faults.push(issue)
                }
            }
        }
        match faults.is_empty() {
            true => Ok(SqlInput(taken)),
            false => Err(SqlRefusal::Told { status: 400, issues: faults }),
        }
    }

    /// The parameters with this name.
    pub fn all<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'i GivenParameter<'r>> {
        self.0.iter().filter(move |one| one.name == name)
    }

    /// The values of a parameter, as text.
    pub fn texts<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'i str> {
        self.all(name).filter_map(|one| one.value.as_ref()?.text.as_deref())
    }

    /// The value of a parameter that is given once at most.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|one| one.name == name)?.value.as_ref()?.text.as_deref()
    }

    /// The resources of a parameter, as JSON.
    pub fn resources<'i>(&'i self, name: &'i str) -> impl Iterator<Item = &'r str> + 'i {
        self.all(name).filter_map(|one| one.resource)
    }

    /// True if a parameter is given.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|one| one.name == name)
    }

    /// A boolean; `true` where it is not given.
    ///
    /// # Errors
    /// A refusal where it is neither `true` nor `false`.
    pub fn flag(&self, name: &str) -> SqlOutcome<bool> {
        match self.text(name) {
            None | Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some(other) => {
                let what = format!("{name} {:?} should be true or false", short(other));
                Err(SqlRefusal::invalid(name, what))
            }
        }
    }

    /// A number, where one is given.
    ///
    /// # Errors
    /// A refusal where it is no whole number, or a negative one.
    pub fn number(&self, name: &str) -> SqlOutcome<Option<u64>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
        let what = || format!("{name} {:?} should be a number such as 100", short(text));
        number.map(Some).ok_or_else(|| SqlRefusal::invalid(name, what()))
    }

    /// The simple parameters, for the audit: the bodies of resources are left out.
    pub fn noted(&self) -> Vec<(String, String)> {
        let value = |one: &GivenParameter<'_>| match (&one.value, one.resource) {
            (Some(GivenValue { element, .. }), _) if element.is_empty() => None,
            (Some(value), _) => value.text.clone(),
            (None, Some(resource)) => Some(short(resource)),
            (None, None) => Some(String::new()),
        };
        self.0.iter().filter_map(|one| Some((one.name.clone(), value(one)?))).collect()
    }
}

/// What is wrong with a parameter.
enum ParameterFault {
    Unknown(SqlIssue),
    Wrong(SqlIssue),
}

fn never_ignored(name: &str) -> bool {
    let operations = [SqlOperation::Run, SqlOperation::Export];
    NEVER_IGNORED.contains(&name)
        || operations.iter().any(|each| SqlParameter::named(name, *each).is_some())
}

/// What is wrong with a parameter, apart from its value; `before` are those that stand before it.
fn fault(
    one: &GivenParameter<'_>,
    operation: SqlOperation,
    before: &[GivenParameter<'_>],
) -> Option<ParameterFault> {
    let name = one.name.as_str();
    if name == PRETTY {
        return None;
    }
    let wrong = |what: String| Some(ParameterFault::Wrong(SqlIssue::new("invalid", name, what)));
    let Some(parameter) = SqlParameter::named(name, operation) else {
        let shown = short(name);
        let what = match (name, operation) {
            ("source", _) => {
                "the server does not support the parameter source: rows are made of the store that it serves".to_owned()
            }
            ("_limit", SqlOperation::Export) | ("resource", SqlOperation::Export) => {
                return wrong(format!("{name} is a parameter of $sql-run; leave it out"));
            }
            _ => {
                let listed: Vec<&str> = SqlParameter::listed(operation).map(|one| one.name).collect();
                format!(
                    "the server does not support the parameter {shown:?}; it does {}",
                    listed.join(", ")
                )
            }
        };
        return Some(ParameterFault::Unknown(SqlIssue::new("not-supported", &shown, what)));
    };
    let is_in_query = one.value.as_ref().is_some_and(|value| value.element.is_empty());
    match parameter.holds {
        Holds::Resource | Holds::Parts if is_in_query => {
            return wrong(format!("{name} can only be given by POST, in a Parameters resource"));
        }
        Holds::Resource if one.resource.is_none() => {
            return wrong(format!("{name} has no resource; give one in its element resource"));
        }
        Holds::Parts if one.parts.is_empty() => {
            return wrong(format!("{name} has no parts; give one of its names for a view"));
        }
        Holds::Value if one.value.as_ref().is_none_or(|value| value.text.is_none()) => {
            return wrong(format!("{name} has no value that is simple, or a Reference"));
        }
        _ => {}
    }
    if !parameter.is_repeated && before.iter().any(|other| other.name == name) {
        return match name {
            "group" => {
                let what = "the server takes one group; ask once for each";
                Some(ParameterFault::Wrong(SqlIssue::new("not-supported", name, what)))
            }
            _ => wrong(format!("{name} is given twice; give it once")),
        };
    }
    None
}
