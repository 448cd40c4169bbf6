//! `GET [base]/[Type]/[id]` and `…/_history/[vid]`: one resource.
//!
//! <https://hl7.org/fhir/R4/http.html#read>. The answer for a Binary is its content unless the client
//! asks for FHIR JSON, by <https://hl7.org/fhir/R4/binary.html#rest>: clients fetch attachments so.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::binary::BINARY;
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::header::{EntityTag, FHIR_JSON, MediaType, http_date};
use crate::http::message::{Request, Response};
use crate::store::{ReadOutcome, StoredVersion};

/// Answers with the current version.
pub fn read(request: &AuthenticatedRequest<'_>, resource_type: &str, id: &str) -> Result<Response> {
    let name = format!("{}/{}", short(resource_type), short(id));
    match current(request, resource_type, id)? {
        ReadOutcome::Here(kept) => answer(request, resource_type, kept),
        ReadOutcome::Deleted => Err(Error::new(Kind::Gone, format!("{name} was deleted"))),
        ReadOutcome::Nothing => Err(Error::new(Kind::NotFound, format!("{name} is not here"))),
    }
}

/// Finds the current version.
///
/// # Errors
/// `Forbidden` where the caller may not read it; where the store cannot be read.
pub fn current(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
) -> Result<ReadOutcome> {
    check(request, resource_type, id)?;
    request.seen.read(resource_type, id)
}

/// Answers with a version.
pub fn read_version(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
    version_id: &str,
) -> Result<Response> {
    let kept = version(request, resource_type, id, version_id)?;
    answer(request, resource_type, kept)
}

/// Finds a version.
///
/// # Errors
/// `Forbidden` where the caller may not read it, `NotFound` where there is none; where the store cannot be read.
pub fn version(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
    version_id: &str,
) -> Result<StoredVersion> {
    check(request, resource_type, id)?;
    request.seen.read_version(resource_type, id, version_id)?.ok_or_else(|| {
        let (name, version) =
            (format!("{}/{}", short(resource_type), short(id)), short(version_id));
        let what = format!("version {version} of {name} is not here, or not any more");
        Error::new(Kind::NotFound, what)
    })
}

/// Checks that the caller may read a resource. Who may read a resource may read the Binaries that its
/// attachments lead to as well: "the URL location SHALL be accessible by a Data Consumer with a valid
/// access token" (<https://hl7.org/fhir/uv/bulkdata/export.html#attachments>).
fn check(request: &AuthenticatedRequest<'_>, resource_type: &str, id: &str) -> Result<()> {
    let checked = request.check(resource_type, Interaction::Read);
    if checked.is_err() && resource_type == BINARY {
        let base = format!("{}{FHIR}/", request.base());
        let holders = request.seen.types_with_attachment(id, &base)?;
        if holders.iter().any(|holder| request.check(holder, Interaction::Read).is_ok()) {
            return Ok(());
        }
    }
    checked
}

/// Answers with a version as FHIR JSON, or with the content of a Binary.
fn answer(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    kept: StoredVersion,
) -> Result<Response> {
    let content = if resource_type == BINARY { content(request, &kept.body) } else { None };
    if content.is_none() {
        request.check_takes_json()?;
    }
    let etag = etag(&kept);
    let with_validators = |response: Response| {
        let response = response.with("ETag", etag.to_string()).with("Vary", "Accept");
        // A shared cache must not give one client's resource to another.
        let response = if request.context.access.is_required() {
            response.with("Cache-Control", "private, no-cache")
        } else {
            response
        };
        // In a header a year has four digits.
        match kept.last_updated.to_string().len() {
            24 => response.with("Last-Modified", http_date(kept.last_updated)),
            _ => response,
        }
    };
    let known = request.header("if-none-match");
    if known.is_some_and(|known| etag.is_none_match(&known)) {
        return Ok(with_validators(Response::empty(304)));
    }
    let length = content.as_ref().map_or(kept.body.len(), |(_, bytes)| bytes.len());
    request.note_read("read", &[], length)?;
    Ok(with_validators(match content {
        // A browser must not run the content as if it were a page of this server.
        Some((media, bytes)) => Response::new(200, &media, bytes)
            .with("Content-Security-Policy", "sandbox")
            .with("X-Content-Type-Options", "nosniff"),
        None => Response::new(200, FHIR_JSON, kept.body.into_bytes()),
    }))
}

/// The tag of a version. A versionId may have characters that a header cannot have.
pub(super) fn etag(version: &StoredVersion) -> EntityTag {
    let is_plain = version.version_id.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    EntityTag::weak(if is_plain { version.version_id.clone() } else { version.seq.to_string() })
}

#[derive(Deserialize)]
struct Binary {
    #[serde(rename = "contentType")]
    content_type: String,
    /// DSTU2 and STU3 call it `content`.
    #[serde(default, alias = "content")]
    data: Option<String>,
}

/// The content of a Binary and its media type; `None` if the client wants the resource, or if the
/// Binary has no content that can be sent.
fn content(request: &Request, body: &str) -> Option<(String, Vec<u8>)> {
    let binary: Binary = serde_json::from_str(body).ok()?;
    let media = binary.content_type;
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.3: a header has a media type only.
    if !media.bytes().all(|b| (b' '..=b'~').contains(&b)) || !media.contains('/') {
        return None;
    }
    if request.prefers_json(&MediaType::parse(&media)) {
        return None;
    }
    let data: String =
        binary.data.unwrap_or_default().chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some((media, BASE64_STANDARD.decode(data).ok()?))
}
