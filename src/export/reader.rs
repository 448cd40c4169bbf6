//! Reads the values of export parameters, and collects what is wrong with them.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. A fault is an error; with
//! `Prefer: handling=lenient` it is a notice in the `error` file instead.

use std::collections::HashSet;
use std::num::NonZeroU64;

use super::edition::Edition;
use super::request::{ExportRequest, Level};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::{short, type_and_id};
use crate::fhir::outcome::Issue;
use crate::time::{Instant, InstantForm, span};

/// The number of faults that are told one by one; a list may have a million parts.
const MOST_FAULTS: usize = 100;

/// Says whether a resource type exists.
pub type TypeCheck<'a> = &'a dyn Fn(&str) -> Result<bool>;

/// The rules of one kick-off.
pub struct KickOffRules<'a> {
    /// The edition that the client speaks.
    pub edition: Edition,
    /// The level of the export.
    pub level: Level,
    /// The names of parameters in the body whose values cannot be read.
    pub unreadable: &'a [String],
    /// Whether the kick-off is a POST.
    pub is_post: bool,
    /// Whether a fault becomes a notice: `Prefer: handling=lenient`.
    pub is_lenient: bool,
    /// Says whether a resource type exists.
    pub is_type: TypeCheck<'a>,
}

/// Where parameters come from, and so how strictly they are read.
#[derive(Clone, Copy)]
pub enum ParameterSource<'a> {
    /// A kick-off of the HL7 base.
    KickOff(&'a KickOffRules<'a>),
    /// A query of the 1upHealth dialect: a date will do for an instant, any type is taken.
    OneUp,
    /// Options of `fhirlite export`: like 1upHealth, but types must exist, and an id will do for a
    /// reference. The function says whether a type exists.
    CommandLine(TypeCheck<'a>),
}

/// Reads parameters into a request, one after the other.
pub struct ParameterReader<'a> {
    pub source: ParameterSource<'a>,
    pub request: ExportRequest,
    /// The parameter being read, as messages name it.
    pub label: String,
    /// The types that were looked up and exist: a list may name one a million times.
    pub known_types: HashSet<String>,
    faults: Vec<Issue>,
    /// The number of faults beyond the last one told.
    beyond: u64,
}

impl<'a> ParameterReader<'a> {
    /// A reader that has read nothing yet.
    pub fn new(source: ParameterSource<'a>, level: Level) -> ParameterReader<'a> {
        ParameterReader {
            source,
            request: ExportRequest::at(level),
            label: String::new(),
            known_types: HashSet::new(),
            faults: Vec::new(),
            beyond: 0,
        }
    }

    /// Begins with the next parameter; messages name it `label`.
    pub fn begin(&mut self, label: &str) {
        label.clone_into(&mut self.label);
    }

    /// The rules, for a kick-off of the HL7 base.
    pub fn rules(&self) -> Option<&'a KickOffRules<'a>> {
        match self.source {
            ParameterSource::KickOff(rules) => Some(rules),
            _ => None,
        }
    }

    /// Says whether a resource type exists; `None` where any type is taken.
    pub fn type_check(&self) -> Option<TypeCheck<'a>> {
        match self.source {
            ParameterSource::KickOff(rules) => Some(rules.is_type),
            ParameterSource::CommandLine(is_type) => Some(is_type),
            ParameterSource::OneUp => None,
        }
    }

    /// True where a fault becomes a notice.
    pub fn is_lenient(&self) -> bool {
        self.rules().is_some_and(|rules| rules.is_lenient)
    }

    /// True while faults are still told one by one.
    pub fn tells_faults(&self) -> bool {
        self.beyond == 0
    }

    /// Notes a fault of the parameter: its name, the value, then `what`.
    pub fn fault(&mut self, value: &str, what: &str) {
        if self.faults.len() >= MOST_FAULTS {
            self.beyond += 1;
            return;
        }
        self.tell(format!("{} {:?} {what}", self.label, short(value)));
    }

    /// Notes a fault that does not keep the value from being read: a lenient kick-off uses it `so`.
    pub fn fault_but_read(&mut self, value: &str, what: &str, so: &str) {
        let so = if self.is_lenient() { so } else { "" };
        self.fault(value, &format!("{what}{so}"));
    }

    /// Notes a fault.
    pub fn tell(&mut self, text: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Issue::warning("invalid", text));
        } else {
            self.beyond += 1;
        }
    }

    /// The request, once everything is read.
    ///
    /// # Errors
    /// `Invalid` with all faults; for a lenient kick-off they are notices of the request.
    pub fn finish(mut self) -> Result<ExportRequest> {
        if self.beyond > 0 {
            let text = format!("and {} more are wrong", self.beyond);
            self.faults.push(Issue::warning("invalid", text));
        }
        if self.faults.is_empty() || self.is_lenient() {
            self.request.notices = self.faults;
            return Ok(self.request);
        }
        let texts: Vec<_> = self.faults.into_iter().map(|fault| fault.diagnostics).collect();
        Err(Error::new(Kind::Invalid, texts.join("; ")))
    }

    /// Reads a comma-separated list.
    pub fn list(&mut self, value: &str) -> Vec<String> {
        let is_stu4 = self.rules().is_some_and(|rules| rules.edition == Edition::Stu4);
        if is_stu4 && value.contains(',') {
            self.fault(value, "is several values in one; repeat the parameter for each");
        }
        let parts = value.split(',').map(|part| part.trim().to_owned());
        let parts: Vec<String> = parts.filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            self.fault(value, "has no value; give one, or leave it out");
        }
        parts
    }

    /// Reads an instant, given at most once. A kick-off takes no date.
    pub fn instant(&mut self, value: &str, before: Option<Instant>) -> Option<Instant> {
        if before.is_some() {
            self.fault(value, "is given twice; give it once");
            return before;
        }
        // A `+` in the zone arrives as a blank if a client did not encode it.
        let text = value.replace(' ', "+");
        if self.rules().is_none() {
            let read = instant(&self.label, &text);
            return read.map_err(|error| self.tell(error.to_string())).ok();
        }
        let shape =
            "should be an instant such as 2021-01-01T12:30:00Z or 2021-01-01T12:30:00.000+02:00";
        match Instant::parse(&text).or_else(|| Some((span(&text)?.0, InstantForm::Partial))) {
            Some((time, InstantForm::Instant)) => Some(time),
            Some((time, InstantForm::Partial)) => {
                self.fault_but_read(value, shape, "; it is taken as UTC");
                Some(time)
            }
            None => {
                self.fault(value, shape);
                None
            }
        }
    }

    /// Reads a number of bytes.
    pub fn size(&mut self, value: &str) -> Option<NonZeroU64> {
        let size = value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()));
        if size.is_none() {
            self.fault(value, "should be a positive number of bytes, such as 1000000");
        }
        size
    }
}

/// Reads a date or an instant; `name` is the parameter's.
///
/// # Errors
/// `Invalid`, with the right form.
pub fn instant(name: &str, value: &str) -> Result<Instant> {
    match Instant::parse(value) {
        Some((instant, _)) => Ok(instant),
        None => Err(Error::new(
            Kind::Invalid,
            format!(
                "{name} {:?} is not a time; it should look like 2021-01-01 or 2021-01-01T12:30:00.000Z \
                 (or with an offset such as +02:00)",
                short(value)
            ),
        )),
    }
}

/// Reads an id on the command line, given alone or as `Type/id`.
///
/// # Errors
/// `Usage` if it is neither.
pub fn id_of(resource_type: &str, text: &str) -> Result<String> {
    match type_and_id(text) {
        None if !text.contains('/') => Ok(text.to_owned()),
        Some((named, id)) if named == resource_type => Ok(id.to_owned()),
        _ => Err(Error::new(Kind::Usage, format!("{text}: is no id of a {resource_type}"))),
    }
}
