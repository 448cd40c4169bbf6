//! The parameters of `$export` as the Bulk Data IG has them, of a query or of a `Parameters`.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>. What is wrong with one of them
//! is an error, or, with `Prefer: handling=lenient`, a notice in the `error` file.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::oneup::{WHO, output_format};
use super::request::{Associated, ExportRequest, Level};
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment;
use crate::fhir::name::{local_reference, short};
use crate::fhir::outcome::Issue;
use crate::time::{Form, Instant, span};

/// Editions that differ in how one asks and is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Edition {
    /// STU1 to STU3.
    #[default]
    Stu3,
    /// The STU4 ballot.
    Stu4,
}

/// How parameters are to be read.
pub struct Asking<'a> {
    /// By which edition.
    pub edition: Edition,
    /// Whose data.
    pub level: Level,
    /// Parameters whose values are none that any parameter has.
    pub odd: &'a [String],
    /// Whether they came with a POST.
    pub is_post: bool,
    /// Whether what is wrong with them is only to be told.
    pub is_lenient: bool,
    /// Says whether there is such a type.
    pub is_type: &'a dyn Fn(&str) -> Result<bool>,
}

/// Reads names and values into a request.
///
/// # Errors
/// `Invalid`, naming each parameter that is wrong, its value and what would be right; with lenient
/// handling these are notices of the request.
pub fn read(pairs: &[(String, String)], asking: &Asking<'_>) -> Result<ExportRequest> {
    let mut reading = Reading {
        asking,
        request: ExportRequest { level: asking.level.clone(), ..ExportRequest::default() },
        faults: Vec::new(),
        beyond: 0,
    };
    for name in asking.odd {
        let what = "has a value that is neither simple, nor a Reference or a Coding, or has none";
        reading.fault("parameter", name, what);
        // Whose data was to be narrowed to somebody's; leaving that out must not widen it again.
        if name == "patient" && matches!(asking.level, Level::Patient | Level::Group(_)) {
            reading.request.patients.get_or_insert_default();
        }
    }
    for (name, value) in pairs {
        reading.take(name, value)?;
    }
    reading.check_sizes();
    let Reading { mut request, mut faults, beyond, .. } = reading;
    if beyond > 0 {
        faults.push(Issue::warning("invalid", format!("and {beyond} more are wrong")));
    }
    match faults.is_empty() || asking.is_lenient {
        true => {
            request.notices = faults;
            Ok(request)
        }
        false => {
            let texts: Vec<_> = faults.into_iter().map(|fault| fault.diagnostics).collect();
            Err(Error::new(Kind::Invalid, texts.join("; ")))
        }
    }
}

struct Reading<'a> {
    asking: &'a Asking<'a>,
    request: ExportRequest,
    faults: Vec<Issue>,
    /// How many more there are than are told.
    beyond: u64,
}

/// So many faults are told; a list may have a million parts.
const MOST_FAULTS: usize = 100;

impl Reading<'_> {
    fn fault(&mut self, name: &str, value: &str, what: impl AsRef<str>) {
        self.tell(format!("{name} {:?} {}", short(value), what.as_ref()));
    }

    fn tell(&mut self, text: String) {
        match self.faults.len() < MOST_FAULTS {
            true => self.faults.push(Issue::warning("invalid", text)),
            false => self.beyond += 1,
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "_outputFormat" => {
                if let Err(error) = output_format(value) {
                    self.tell(error.to_string());
                }
            }
            "_since" => {
                let time = self.instant(name, value, self.request.since);
                self.request.since = time;
            }
            "_until" => {
                let time = self.instant(name, value, self.request.until);
                self.request.until = time;
            }
            "_type" => {
                for name in self.list("_type", value) {
                    self.add_type(&name)?;
                }
            }
            "_elements" => {
                for entry in self.list("_elements", value) {
                    if let Err(error) = self.request.add_element(&entry) {
                        self.tell(error.to_string());
                    }
                }
            }
            "patient" => self.add_patients(value),
            "includeAssociatedData" => {
                for code in self.list(name, value) {
                    self.add_associated(&code);
                }
            }
            "organizeOutputBy" => match value {
                compartment::PATIENT => self.request.organize_by_patient = true,
                _ => self.fault(name, value, "is not supported; Patient is"),
            },
            "allowPartialManifests" => match value {
                "true" => self.request.partial_manifests = true,
                "false" => self.request.partial_manifests = false,
                _ => self.fault(name, value, "should be true or false"),
            },
            "_minimumFileSize" => self.request.minimum_file_size = self.size(name, value),
            "_maximumFileSize" => self.request.maximum_file_size = self.size(name, value),
            "_typeFilter" => {
                self.fault(name, value, "is not supported yet; leave it out, or filter what comes");
            }
            "_format" | "_pretty" => {}
            name if WHO.contains(&name) => {}
            _ => self.fault("parameter", name, format!("is not known here; {KNOWN} are")),
        }
        Ok(())
    }

    /// The parts of a value that may be a list.
    fn list(&mut self, name: &str, value: &str) -> Vec<String> {
        if self.asking.edition == Edition::Stu4 && value.contains(',') {
            self.fault(name, value, "is several values in one; repeat the parameter for each");
        }
        let parts: Vec<String> = value
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect();
        if parts.is_empty() {
            self.fault(name, value, "has no value; give one, or leave it out");
        }
        parts
    }

    fn instant(&mut self, name: &str, value: &str, before: Option<Instant>) -> Option<Instant> {
        if before.is_some() {
            self.fault(name, value, "is given twice; give it once");
            return before;
        }
        // A `+` in the zone arrives as a blank where a client did not encode it.
        let shape =
            "should be an instant such as 2021-01-01T12:30:00Z or 2021-01-01T12:30:00.000+02:00";
        let text = value.replace(' ', "+");
        match Instant::parse(&text).or_else(|| Some((span(&text)?.0, Form::Partial))) {
            Some((time, Form::Instant)) => Some(time),
            Some((time, Form::Partial)) => {
                let taken = if self.asking.is_lenient { "; it is taken as UTC" } else { "" };
                self.fault(name, value, format!("{shape}{taken}"));
                Some(time)
            }
            None => {
                self.fault(name, value, shape);
                None
            }
        }
    }

    fn add_type(&mut self, name: &str) -> Result<()> {
        // Once too many are wrong, nothing is looked up any more.
        if self.beyond == 0 && (self.asking.is_type)(name)? {
            self.request.types.get_or_insert_default().insert(name.to_owned());
        } else {
            // What is not known yields nothing; leaving it out must not yield everything.
            self.request.types.get_or_insert_default();
            self.fault("_type", name, "is no resource type of R4, and the store has none such");
        }
        Ok(())
    }

    fn add_patients(&mut self, value: &str) {
        if matches!(self.asking.level, Level::System | Level::OnePatient(_)) {
            let where_it_goes =
                "cannot be given here; Patient/$export and Group/[id]/$export take it";
            return self.fault("patient", value, where_it_goes);
        }
        if !self.asking.is_post {
            let taken = if self.asking.is_lenient { "; it is heeded" } else { "" };
            let shape = "can only be given by POST, in a Parameters resource";
            self.fault("patient", value, format!("{shape}{taken}"));
        }
        self.request.patients.get_or_insert_default();
        for one in value.split(',').map(str::trim) {
            match local_reference(one) {
                Some((compartment::PATIENT, id)) => {
                    self.request.patients.get_or_insert_default().insert(id.to_owned());
                }
                _ => self.fault("patient", one, "should be a reference such as Patient/123"),
            }
        }
    }

    fn add_associated(&mut self, code: &str) {
        let code = match code {
            "LatestProvenanceResources" => Associated::LatestProvenance,
            "RelevantProvenanceResources" => Associated::RelevantProvenance,
            _ => {
                let known = "is not supported; LatestProvenanceResources and RelevantProvenanceResources are";
                return self.fault("includeAssociatedData", code, known);
            }
        };
        // "If multiple conflicting values are included, the Data Provider SHALL apply the least
        // restrictive value."
        self.request.associated = self.request.associated.max(Some(code));
    }

    fn size(&mut self, name: &str, value: &str) -> Option<NonZeroU64> {
        let size = value.parse().ok().filter(|_| value.bytes().all(|b| b.is_ascii_digit()));
        if size.is_none() {
            self.fault(name, value, "should be a positive number of bytes, such as 1000000");
        }
        size
    }

    fn check_sizes(&mut self) {
        let ExportRequest { minimum_file_size, maximum_file_size, .. } = &self.request;
        if let (Some(minimum), Some(maximum)) = (*minimum_file_size, *maximum_file_size)
            && maximum <= minimum
        {
            let what = format!("should be greater than _minimumFileSize {minimum}");
            self.fault("_maximumFileSize", &maximum.to_string(), what);
        }
    }
}

const KNOWN: &str = "_outputFormat, _since, _until, _type, _elements, patient, includeAssociatedData, \
                     organizeOutputBy, allowPartialManifests, _minimumFileSize and _maximumFileSize";
