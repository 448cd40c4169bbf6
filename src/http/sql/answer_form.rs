//! The form of rows in an answer: `_format` before `Accept`; raw, or within a Binary resource.
//!
//! <https://sql-on-fhir.org/ig/operations-common.html#content-negotiation>. A client that accepts FHIR JSON alone gets a
//! Binary whose `data` are the bytes.

use super::input::SqlInput;
use super::refusal::{SqlOutcome, SqlRefusal};
use crate::fhir::name::short;
use crate::http::header::{AcceptedTypes, FHIR_JSON};
use crate::http::message::Request;
use crate::view::ViewFormat;

/// The media type of bytes of any kind.
const BYTES: &str = "application/octet-stream";

/// The form of rows in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerForm {
    /// The form of the rows.
    pub format: ViewFormat,
    /// Whether they stand in a Binary.
    pub is_enveloped: bool,
}

impl AnswerForm {
    /// Reads the form that a request asks for; NDJSON where it names none.
    ///
    /// # Errors
    /// A refusal for a form that there is not.
    pub fn read(request: &Request, input: &SqlInput<'_>) -> SqlOutcome<AnswerForm> {
        let accept = request.accept();
        let asked = named_format(input)?;
        let format = asked.or_else(|| accept.as_ref().and_then(accepted));
        let format = with_header(format.unwrap_or(ViewFormat::Ndjson), input)?;
        let is_enveloped = accept.is_some_and(|accept| {
            let raw = accept.weight(format.media_type()).max(accept.weight(BYTES));
            accept.weight(FHIR_JSON) > raw
        });
        Ok(AnswerForm { format, is_enveloped })
    }

    /// The media type of the answer.
    pub fn media_type(self) -> &'static str {
        if self.is_enveloped { FHIR_JSON } else { self.format.media_type() }
    }
}

/// The form that `_format` names, with or without a header.
///
/// # Errors
/// A refusal for a form that there is not.
pub fn named_format(input: &SqlInput<'_>) -> SqlOutcome<Option<ViewFormat>> {
    let Some(text) = input.text("_format") else { return Ok(None) };
    // A `+` arrives as a blank if a client did not encode it; parameters of a media type do not matter.
    let name = text.replace(' ', "+");
    let name = name.split(';').next().unwrap_or_default().trim_end_matches('+');
    let found = ViewFormat::named(name).filter(|_| !name.eq_ignore_ascii_case(FHIR_JSON));
    let is_there =
        |format: &ViewFormat| cfg!(feature = "parquet") || !matches!(format, ViewFormat::Parquet);
    match found.filter(is_there) {
        Some(format) => Ok(Some(with_header(format, input)?)),
        None => {
            let names = ViewFormat::names().join(", ");
            let what = format!("_format {:?} is not supported; {names} are", short(text));
            Err(SqlRefusal::new(400, "not-supported", "_format", what))
        }
    }
}

fn with_header(format: ViewFormat, input: &SqlInput<'_>) -> SqlOutcome<ViewFormat> {
    let header = input.flag("header")?;
    Ok(match format {
        ViewFormat::Csv { .. } => ViewFormat::Csv { header },
        other => other,
    })
}

/// The form that `Accept` names with the greatest weight; `None` where it names none.
fn accepted(accept: &AcceptedTypes) -> Option<ViewFormat> {
    let types = [
        "text/csv",
        "application/x-ndjson",
        "application/ndjson",
        "application/fhir+ndjson",
        "application/json",
        "application/vnd.apache.parquet",
    ];
    let mut best: Option<(u16, &str)> = None;
    for name in types.into_iter().filter(|name| accept.names(name)) {
        let weight = accept.weight(name);
        if best.is_none_or(|(most, _)| weight > most) {
            best = Some((weight, name));
        }
    }
    best.and_then(|(_, name)| ViewFormat::named(name))
}
