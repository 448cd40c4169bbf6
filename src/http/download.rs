//! Sends a file from the store: whole, a range of it, compressed, or 304 if the client has the file.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-file-request>. The bytes of a file
//! name never change, so its entity tag is strong. Ranges and conditional requests follow
//! <https://www.rfc-editor.org/rfc/rfc9110#section-13> and `#section-14`.

use std::io::Write;
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::authenticated::DownloadNote;
use super::counted::noted;
use super::header::{EntityTag, RequestedRange};
use super::message::{Body, Request, Response};
use crate::error::{Error, Kind, Result};

/// `Cache-Control` for files that every cache may keep: <https://www.rfc-editor.org/rfc/rfc8246>.
pub const NEVER_STALE: &str = "public, max-age=31536000, immutable";

/// Writes a range of a file.
type RangeWriter = Box<dyn FnOnce(Range<u64>, &mut dyn Write) -> Result<()> + Send>;

/// A file to send.
pub struct Download {
    /// Names the bytes: another name for other bytes.
    pub name: String,
    /// The media type.
    pub content_type: &'static str,
    /// The number of bytes.
    pub length: u64,
    /// `Cache-Control`.
    pub cache_control: &'static str,
    /// Writes the bytes.
    pub write: RangeWriter,
    /// The note for the audit.
    pub note: Option<DownloadNote>,
}

/// Answers with a file, or with the part that the client asks for.
pub fn send(request: &Request, download: Download) -> Result<Response> {
    let Download { name, content_type, length, cache_control, write, note } = download;
    let write: RangeWriter = Box::new(move |range, out| noted(note, out, |out| write(range, out)));
    // https://www.rfc-editor.org/rfc/rfc9110#section-14.2: only GET has ranges.
    let asked = request.header("range").filter(|_| request.method == "GET");
    let gzip = request.prefers_gzip() && asked.is_none() && request.takes_chunks;
    let plain_tag = EntityTag::of_bytes(name);
    let etag = if gzip { plain_tag.with_coding("gzip") } else { plain_tag };
    let with_validators = |response: Response| {
        response
            .with("ETag", etag.to_string())
            .with("Vary", "Accept-Encoding")
            .with("Cache-Control", cache_control)
    };
    if request.header("if-match").is_some_and(|known| !etag.is_match(&known)) {
        let error = Error::new(Kind::Invalid, "the file has another ETag, and always will");
        return Ok(Response::error(&error, &request.id).with_status(412));
    }
    if request.header("if-none-match").is_some_and(|known| etag.is_none_match(&known)) {
        return Ok(with_validators(Response::empty(304)));
    }
    let content = |status, body| Response {
        status,
        headers: vec![("Content-Type", content_type.to_owned())],
        body,
    };
    if gzip {
        let body = Body::Unknown(Box::new(move |out| compressed(write, length, out)));
        return Ok(with_validators(content(200, body).with("Content-Encoding", "gzip")));
    }
    let asked = asked
        .filter(|_| request.header("if-range").is_none_or(|known| etag.is_range(&known)))
        .map_or(RequestedRange::Whole, |header| RequestedRange::parse(&header, length));
    let part = |range: Range<u64>| {
        let count = range.end - range.start;
        Body::Exactly(count, Box::new(move |out| write(range, out)))
    };
    let response = match asked {
        RequestedRange::Whole => content(200, part(0..length)),
        RequestedRange::Part(range) => {
            let described = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            content(206, part(range)).with("Content-Range", described)
        }
        RequestedRange::Unsatisfiable => {
            let what = format!("the range is outside of the file's {length} bytes");
            let response =
                Response::error(&Error::new(Kind::Invalid, what), &request.id).with_status(416);
            return Ok(response.with("Content-Range", format!("bytes */{length}")));
        }
    };
    Ok(with_validators(response.with("Accept-Ranges", "bytes")))
}

/// Writes the whole file as gzip.
fn compressed(write: RangeWriter, length: u64, out: &mut dyn Write) -> Result<()> {
    let mut gzip = GzEncoder::new(out, Compression::fast());
    write(0..length, &mut gzip)?;
    gzip.finish().map(drop).map_err(|error| Error::io("the connection", error))
}
