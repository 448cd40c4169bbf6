//! What a request is about: a ViewDefinition or a Library with SQL, and how the request names it.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLRun.html#subject-clarification>. What is stored is read as far as the
//! caller sees the store and may read the type. Nothing is fetched from other servers.

use super::artefact::{Artefact, of_canonical, of_reference};
use super::input::SqlInput;
use super::refusal::{SqlOutcome, SqlRefusal};
use crate::fhir::given_parameter::GivenParameter;
use crate::fhir::name::short;
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::store::Snapshot;

/// The path of an operation: below it the operation stands.
#[derive(Clone, Copy, Debug)]
pub enum SubjectPlace<'p> {
    /// The base, or a type: the request names the subject.
    Open,
    /// A resource, which is then the subject.
    Instance(&'p str, &'p str),
}

/// How a request names its subject.
#[derive(Clone, Debug)]
pub enum NamedSubject {
    /// By its canonical URL.
    Canonical(String),
    /// By a literal reference.
    Reference(String),
    /// By either, as version 2 does.
    Either(String),
    /// By itself, as JSON.
    Resource(String),
}

/// Makes a subject of the text or the resource that names it.
type MakeSubject = fn(String) -> NamedSubject;

/// The names of a subject: parameters of `$sql-run`, parts of a `subject` or a `view`.
const NAMES: [(&str, MakeSubject); 7] = [
    ("subjectCanonical", NamedSubject::Canonical),
    ("subjectReference", NamedSubject::Reference),
    ("subjectResource", NamedSubject::Resource),
    ("viewReference", NamedSubject::Either),
    ("viewResource", NamedSubject::Resource),
    ("queryReference", NamedSubject::Either),
    ("queryResource", NamedSubject::Resource),
];

/// What an operation makes rows of.
pub enum Subject {
    /// A view, and its JSON.
    View(Box<ViewDefinition>, String),
    /// A Library with SQL, as JSON.
    Query(String),
}

impl NamedSubject {
    /// The subject of a `$sql-run`, and the parameter that names it.
    ///
    /// # Errors
    /// A refusal where there is none, or more than one.
    pub fn of_run(
        input: &SqlInput<'_>,
        place: SubjectPlace<'_>,
    ) -> SqlOutcome<(NamedSubject, &'static str)> {
        let mut found = Vec::new();
        if let SubjectPlace::Instance(resource_type, id) = place {
            found.push((NamedSubject::Reference(format!("{resource_type}/{id}")), ""));
        }
        for (name, make) in NAMES {
            found.extend(input.all(name).filter_map(|one| Some((make(content(one)?), name))));
        }
        one_of(found, "subject")
    }

    /// True for a name of a subject.
    pub fn is_named_by(name: &str) -> bool {
        NAMES.iter().any(|(known, _)| *known == name)
    }

    /// The subject that the parts of a parameter name, and the part that names it. `place` names the parameter.
    ///
    /// # Errors
    /// A refusal where there is none, or more than one.
    pub fn of_parts(
        parts: &[GivenParameter<'_>],
        place: &str,
    ) -> SqlOutcome<(NamedSubject, &'static str)> {
        let mut found = Vec::new();
        for part in parts {
            let known = NAMES.iter().find(|(name, _)| *name == part.name);
            found.extend(known.and_then(|(name, make)| Some((make(content(part)?), *name))));
        }
        one_of(found, place)
    }

    /// Finds the subject; `expression` names it in a refusal.
    ///
    /// # Errors
    /// A refusal with 404 for what is not here, with 422 for what is neither a view nor a Library with SQL, or has faults.
    /// `Forbidden` where the caller may not read the type.
    pub fn resolve(
        &self,
        request: &AuthenticatedRequest<'_>,
        snapshot: &Snapshot,
        expression: &str,
    ) -> SqlOutcome<Subject> {
        let found = match self {
            NamedSubject::Canonical(url) => of_canonical(request, snapshot, url)?,
            NamedSubject::Reference(reference) => of_reference(request, snapshot, reference)?,
            NamedSubject::Either(text) => match of_reference(request, snapshot, text)? {
                None => of_canonical(request, snapshot, text)?,
                found => found,
            },
            NamedSubject::Resource(json) => Some(Artefact::of(json.clone())),
        };
        let Some(artefact) = found else {
            let what = format!("{} is not here{}", short(self.shown()), self.remedy());
            return Err(SqlRefusal::new(404, "not-found", expression, what));
        };
        match artefact {
            Artefact::View(json) => match ViewDefinition::from_json(&json) {
                Ok(view) => Ok(Subject::View(Box::new(view), json)),
                Err(faults) => Err(SqlRefusal::of_view(expression, &faults)),
            },
            Artefact::Query(json) => Ok(Subject::Query(json)),
            Artefact::Other(kind) => {
                let what = format!(
                    "{} is neither a ViewDefinition nor a Library of the type sql-query",
                    short(&kind)
                );
                Err(SqlRefusal::new(422, "invalid", expression, what))
            }
        }
    }

    fn shown(&self) -> &str {
        match self {
            NamedSubject::Canonical(text)
            | NamedSubject::Reference(text)
            | NamedSubject::Either(text) => text,
            NamedSubject::Resource(_) => "the resource",
        }
    }

    /// What to do about a subject that is not here.
    fn remedy(&self) -> &'static str {
        match self {
            NamedSubject::Canonical(_) => {
                "; a canonical URL is that of a view or Library in the store"
            }
            NamedSubject::Reference(_) => {
                "; a reference is ViewDefinition/id, Library/id or the name of a view in the store; subjectCanonical takes URLs"
            }
            NamedSubject::Either(_) | NamedSubject::Resource(_) => "",
        }
    }
}

/// The text of a parameter, or its resource.
fn content(one: &GivenParameter<'_>) -> Option<String> {
    match one.resource {
        Some(resource) => Some(resource.to_owned()),
        None => one.value.as_ref()?.text.clone(),
    }
}

fn one_of(
    mut found: Vec<(NamedSubject, &'static str)>,
    place: &str,
) -> SqlOutcome<(NamedSubject, &'static str)> {
    match (found.pop(), found.is_empty()) {
        (Some(subject), true) => Ok(subject),
        (Some(_), false) => {
            let what = "more than one subject is named; give one of subjectCanonical, subjectReference and subjectResource";
            Err(SqlRefusal::invalid(place, what))
        }
        (None, _) => {
            let what = "no subject is named; give one of subjectCanonical, subjectReference and subjectResource";
            let code = if place == "subject" { "required" } else { "invalid" };
            Err(SqlRefusal::new(400, code, place, what))
        }
    }
}
