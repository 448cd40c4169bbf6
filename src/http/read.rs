//! `GET [base]/[Type]/[id]` and `…/_history/[vid]`: one resource.
//!
//! <https://hl7.org/fhir/R4/http.html#read>. A Binary is its content, as
//! <https://hl7.org/fhir/R4/binary.html#rest> has it, unless FHIR JSON is asked for: that is how
//! clients fetch attachments.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::download::names;
use super::message::{FHIR_JSON, Request, Response, http_date};
use super::prefer::{accepted, takes_json};
use super::visit::Visit;
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::store::{ReadOutcome, StoredVersion};

/// Answers with the current version.
pub fn read(visit: &Visit<'_>, resource_type: &str, id: &str) -> Result<Response> {
    visit.check(resource_type, Interaction::Read)?;
    let name = format!("{}/{}", short(resource_type), short(id));
    match visit.seen.read(resource_type, id)? {
        ReadOutcome::Here(kept) => answer(visit, resource_type, kept),
        ReadOutcome::Deleted => Err(Error::new(Kind::Gone, format!("{name} was deleted"))),
        ReadOutcome::Nothing => Err(Error::new(Kind::NotFound, format!("{name} is not here"))),
    }
}

/// Answers with one of its versions.
pub fn read_version(
    visit: &Visit<'_>,
    resource_type: &str,
    id: &str,
    version_id: &str,
) -> Result<Response> {
    visit.check(resource_type, Interaction::Read)?;
    match visit.seen.read_version(resource_type, id, version_id)? {
        Some(kept) => answer(visit, resource_type, kept),
        None => {
            let (name, version) =
                (format!("{}/{}", short(resource_type), short(id)), short(version_id));
            let what = format!("version {version} of {name} is not here, or not any more");
            Err(Error::new(Kind::NotFound, what))
        }
    }
}

fn answer(visit: &Visit<'_>, resource_type: &str, kept: StoredVersion) -> Result<Response> {
    let request = visit.request;
    let content = match resource_type {
        "Binary" => content(request, &kept.body),
        _ => None,
    };
    if content.is_none() {
        takes_json(request)?;
    }
    // What stands in a header must be of its characters; a versionId may be anything.
    let is_plain = kept.version_id.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    let version = if is_plain { kept.version_id } else { kept.seq.to_string() };
    let etag = format!("W/\"{version}\"");
    let with_validators = |response: Response| {
        let response = response.with("ETag", etag.clone()).with("Vary", "Accept");
        // What is for one client is not for a cache that serves others.
        let response = match visit.context.access.is_required() {
            true => response.with("Cache-Control", "private, no-cache"),
            false => response,
        };
        // A year has four digits there.
        match kept.last_updated.to_string().len() {
            24 => response.with("Last-Modified", http_date(kept.last_updated)),
            _ => response,
        }
    };
    let known = request.header("if-none-match");
    if known.is_some_and(|known| names(&known, etag.trim_start_matches("W/"))) {
        return Ok(with_validators(Response::empty(304)));
    }
    let length = content.as_ref().map_or(kept.body.len(), |(_, bytes)| bytes.len());
    visit.note_read("read", &[], length);
    Ok(with_validators(match content {
        // Whatever it says it is: a browser is not to run it as if it were ours.
        Some((media, bytes)) => Response::new(200, &media, bytes)
            .with("Content-Security-Policy", "sandbox")
            .with("X-Content-Type-Options", "nosniff"),
        None => Response::new(200, FHIR_JSON, kept.body.into_bytes()),
    }))
}

#[derive(Deserialize)]
struct Binary {
    #[serde(rename = "contentType")]
    content_type: String,
    #[serde(default)]
    data: Option<String>,
}

/// The content of a Binary and its media type; `None` where the resource is wanted, or where it
/// holds none that could be read.
fn content(request: &Request, body: &str) -> Option<(String, Vec<u8>)> {
    let binary: Binary = serde_json::from_str(body).ok()?;
    let media = binary.content_type;
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.3: in a header it must be one.
    if !media.bytes().all(|b| (b' '..=b'~').contains(&b)) || !media.contains('/') {
        return None;
    }
    let of_fhir = |range: &str| range == FHIR_JSON || range == "application/json+fhir";
    let is_own = |range: &str| media.split(';').next().is_some_and(|own| own.trim() == range);
    let format =
        request.query.iter().find(|(name, _)| name == "_format").map(|(_, value)| value.as_str());
    let ranges = accepted(request).unwrap_or_default();
    let wants_fhir = match format {
        Some(format) => of_fhir(format) || format == "json",
        None => {
            ranges.iter().any(|range| of_fhir(range) || range == "application/json")
                && !ranges.iter().any(|range| is_own(range))
        }
    };
    if wants_fhir {
        return None;
    }
    let data: String =
        binary.data.unwrap_or_default().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((media, BASE64_STANDARD.decode(data).ok()?))
}
