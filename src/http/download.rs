//! `GET /bulk-data/r4/$export/{Type}/{JWT}.ndjson`: a file, straight from the store.
//!
//! A file name never means other bytes, so its ETag is strong and holds for ever; Range and
//! conditional requests follow <https://www.rfc-editor.org/rfc/rfc9110#section-13> and `#section-14`.

use std::io::Write;
use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::message::{Body, Request, Response};
use super::route::Context;
use crate::error::{Error, Kind, Result};
use crate::export;
use crate::store::{Selection, Snapshot};

const NDJSON: &str = "application/fhir+ndjson";

/// Answers with the file `name` (with its `.ndjson`) of `resource_type`.
pub fn download(
    context: &Context,
    request: &Request,
    resource_type: &str,
    name: &str,
) -> Result<Response> {
    let Some(token) = name.strip_suffix(".ndjson") else {
        return Err(Error::new(Kind::NotFound, "file names end in .ndjson"));
    };
    let claims = context.signer.verify(token, resource_type)?;
    let time = context.store.now();
    let snapshot = context.store.snapshot_at(claims.snapshot(), time);
    let (selection, length) = file(&snapshot, &claims)?;

    // https://www.rfc-editor.org/rfc/rfc9110#section-14.2: only GET has ranges.
    let asked = request.header("range").filter(|_| request.method == "GET");
    let gzip = request.prefers_gzip() && asked.is_none() && request.takes_chunks;
    let etag = etag(token, gzip);
    let with_validators = |response: Response| {
        response
            .with("ETag", etag.clone())
            .with("Vary", "Accept-Encoding")
            .with("Cache-Control", "private, no-cache")
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
    if gzip {
        let body = Body::Unknown(Box::new(move |out| packed(&snapshot, &selection, length, out)));
        let response =
            Response { status: 200, headers: vec![("Content-Type", NDJSON.to_owned())], body };
        return Ok(with_validators(response.with("Content-Encoding", "gzip")));
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
    let size = range.end - range.start;
    let body =
        Body::Exactly(size, Box::new(move |out| export::write(&snapshot, &selection, range, out)));
    let mut response =
        Response { status, headers: vec![("Content-Type", NDJSON.to_owned())], body };
    if let Some(described) = described {
        response = response.with("Content-Range", described);
    }
    Ok(with_validators(response.with("Accept-Ranges", "bytes")))
}

/// What the file is and how long; an error where the store no longer has all of it.
fn file(snapshot: &Snapshot, claims: &export::Claims) -> Result<(Selection, u64)> {
    let gone = || {
        Error::new(Kind::NotFound, "the store no longer has all of this file; start a new export")
    };
    let selection = claims.selection().ok_or_else(gone)?;
    match snapshot.total(&selection)? {
        Some(total) if total.count == claims.total() => Ok((selection, total.bytes + total.count)),
        _ => Err(gone()),
    }
}

fn packed(
    snapshot: &Snapshot,
    selection: &Selection,
    length: u64,
    out: &mut dyn Write,
) -> Result<()> {
    let mut packed = GzEncoder::new(out, Compression::fast());
    export::write(snapshot, selection, 0..length, &mut packed)?;
    packed.finish().map(drop).map_err(|error| Error::io("the connection", error))
}

/// The file's name says all that its bytes depend on.
fn etag(token: &str, gzip: bool) -> String {
    let hash = BASE64URL.encode(&Sha256::digest(token)[..15]);
    let coding = if gzip { "-gzip" } else { "" };
    format!("\"{hash}{coding}\"")
}

/// True if a list of entity tags (`If-None-Match`) names this one; comparison is weak.
fn names(list: &str, etag: &str) -> bool {
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
