//! A file, straight from the store: whole, in part, packed, or not at all where it is known.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-output-file-request>. A file name never means other bytes, so its ETag is strong and holds for ever; Range and
//! conditional requests follow <https://www.rfc-editor.org/rfc/rfc9110#section-13> and `#section-14`.

use std::io::{self, Write};
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::message::{Body, Request, Response};
use super::visit::Fetched;
use crate::error::{Error, Kind, Result};

const NDJSON: &str = "application/fhir+ndjson";
/// For files that everybody may keep: <https://www.rfc-editor.org/rfc/rfc8246>.
pub const NEVER_STALE: &str = "public, max-age=31536000, immutable";

/// Writes a part of a file.
type WritePart = Box<dyn FnOnce(Range<u64>, &mut dyn Write) -> Result<()> + Send>;

/// A file on its way out.
pub struct Bytes {
    /// What all its bytes depend on, and nothing else does.
    pub name: String,
    /// How many they are.
    pub length: u64,
    /// `Cache-Control`.
    pub cache_control: &'static str,
    /// Writes them.
    pub write: WritePart,
    /// Notes how much of them was fetched.
    pub fetched: Option<Fetched>,
}

/// Answers with a file, or what of it is asked for.
pub fn send(request: &Request, bytes: Bytes) -> Result<Response> {
    let Bytes { name, length, cache_control, write, fetched } = bytes;
    let write: WritePart = Box::new(move |range, out| {
        let mut counted = Counted::new(out);
        let written = write(range, &mut counted);
        if let Some(fetched) = fetched {
            fetched.note(counted.bytes, written.is_ok());
        }
        written
    });
    // https://www.rfc-editor.org/rfc/rfc9110#section-14.2: only GET has ranges.
    let asked = request.header("range").filter(|_| request.method == "GET");
    let gzip = request.prefers_gzip() && asked.is_none() && request.takes_chunks;
    let etag = etag(&name, gzip);
    let with_validators = |response: Response| {
        response
            .with("ETag", etag.clone())
            .with("Vary", "Accept-Encoding")
            .with("Cache-Control", cache_control)
    };
    if request.header("if-match").is_some_and(|known| !names(&known, &etag)) {
        let error = Error::new(Kind::Invalid, "the file has another ETag, and always will");
        let mut response = Response::error(&error);
        response.status = 412;
        return Ok(response);
    }
    if request.header("if-none-match").is_some_and(|known| names(&known, &etag)) {
        return Ok(with_validators(Response::empty(304)));
    }
    let ndjson = |status, body| Response {
        status,
        headers: vec![("Content-Type", NDJSON.to_owned())],
        body,
    };
    if gzip {
        let body = Body::Unknown(Box::new(move |out| packed(write, length, out)));
        return Ok(with_validators(ndjson(200, body).with("Content-Encoding", "gzip")));
    }
    let range = asked
        .filter(|_| request.header("if-range").is_none_or(|known| known == etag))
        .and_then(|asked| requested(&asked, length));
    let (status, range, described) = match range {
        None => (200, 0..length, None),
        Some(Some(range)) => {
            let described = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            (206, range, Some(described))
        }
        Some(None) => {
            let error = Error::new(
                Kind::Invalid,
                format!("the range is outside of the file's {length} bytes"),
            );
            let mut response =
                Response::error(&error).with("Content-Range", format!("bytes */{length}"));
            response.status = 416;
            return Ok(response);
        }
    };
    let body = Body::Exactly(range.end - range.start, Box::new(move |out| write(range, out)));
    let mut response = ndjson(status, body);
    if let Some(described) = described {
        response = response.with("Content-Range", described);
    }
    Ok(with_validators(response.with("Accept-Ranges", "bytes")))
}

/// Counts what is written.
struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: u64,
}

impl<'a> Counted<'a> {
    /// Writes to `out`.
    fn new(out: &'a mut dyn Write) -> Counted<'a> {
        Counted { out, bytes: 0 }
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn packed(write: WritePart, length: u64, out: &mut dyn Write) -> Result<()> {
    let mut packed = GzEncoder::new(out, Compression::fast());
    write(0..length, &mut packed)?;
    packed.finish().map(drop).map_err(|error| Error::io("the connection", error))
}

fn etag(name: &str, gzip: bool) -> String {
    let hash = BASE64URL.encode(&Sha256::digest(name)[..15]);
    let coding = if gzip { "-gzip" } else { "" };
    format!("\"{hash}{coding}\"")
}

/// True if a list of entity tags (`If-None-Match`) names this one; comparison is weak.
pub fn names(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

/// Reads a `Range` header: `None` to leave it out of account (another unit, several ranges, not
/// understood), `Some(None)` where nothing of the file is in it.
fn requested(asked: &str, length: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Some(text.parse::<u64>().unwrap_or(u64::MAX)),
        false => None,
    };
    let range = match (first, last) {
        ("", count) => length.saturating_sub(number(count)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some((range.start < range.end).then_some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        assert_eq!(requested("bytes=0-0", 10), Some(Some(0..1)));
        assert_eq!(requested("bytes=3-", 10), Some(Some(3..10)));
        assert_eq!(requested("bytes=-4", 10), Some(Some(6..10)));
        assert_eq!(requested("bytes=-40", 10), Some(Some(0..10)));
        assert_eq!(requested("bytes=5-99999999999999999999999", 10), Some(Some(5..10)));
        assert_eq!(requested("bytes=10-", 10), Some(None));
        assert_eq!(requested("bytes=-0", 10), Some(None));
        for ignored in
            ["bytes=5-4", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=+1-2", "bytes=a-b"]
        {
            assert_eq!(requested(ignored, 10), None, "{ignored}");
        }
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        assert!(names("\"a\", W/\"b\"", "\"b\""));
        assert!(names("*", "\"b\""));
        assert!(!names("\"b-gzip\"", "\"b\""));
    }
}
