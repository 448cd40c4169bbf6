//! Changes what the server answers, as rules ask for it: status and headers, manifests, and bodies.

use std::io::Write;

use serde_json::Value as Json;

use super::asked::AskedRequest;
use crate::error::{Error, Result};
use crate::http::message::{Body, Request, Response};
use crate::http::shaped::{BodyOut, ShapedBody};
use crate::http::simulate::{
    BodyFault, FaultDecision, FaultPlace, FaultyWriter, ManifestPlace, PlainAnswer, RowPart,
    change_manifest, page_of,
};
use crate::time::Instant;

/// Headers that are about the bytes of a file, and not true of others.
const OF_BYTES: [&str; 3] = ["ETag", "Accept-Ranges", "Content-Range"];
/// Headers of a request that ask for a part of these bytes, or know them already.
const ABOUT_BYTES: [&str; 5] =
    ["accept-encoding", "range", "if-range", "if-match", "if-none-match"];
/// Those of them that are about ranges.
const ABOUT_RANGES: [&str; 2] = ["range", "if-range"];

/// An answer of the rules as a response.
pub fn response(answer: PlainAnswer) -> Response {
    let PlainAnswer { status, headers, body } = answer;
    Response { status, headers, body: Body::Bytes(body) }
}

/// What is wrong with the body of the answer to a request. Takes out of the request what the answer cannot obey.
pub fn body_fault(asked: &mut AskedRequest, decision: &FaultDecision) -> BodyFault {
    let rules = || decision.rules.iter().map(AsRef::as_ref);
    let request = &mut asked.request;
    let part = match asked.place {
        Some(FaultPlace::File) => RowPart::of_query(&request.query),
        _ => RowPart::default(),
    };
    let fault = BodyFault::new(rules(), part.clone(), false);
    if fault.changes_content() {
        let prefers_gzip = request.prefers_gzip() && request.takes_chunks;
        remove(request, &ABOUT_BYTES);
        return BodyFault::new(rules(), part, prefers_gzip);
    }
    if fault.ignores_ranges {
        remove(request, &ABOUT_RANGES);
    }
    fault
}

fn remove(request: &mut Request, names: &[&str]) {
    request.headers.retain(|(name, _)| !names.contains(&name.as_str()));
}

/// Changes an answer's status and headers, and its body where that is a manifest.
///
/// # Errors
/// Where a manifest that was put aside cannot be read.
pub fn changed(
    mut answer: Response,
    asked: &AskedRequest,
    decision: &FaultDecision,
    now: Instant,
) -> Result<Response> {
    let mut head = PlainAnswer {
        status: answer.status,
        headers: std::mem::take(&mut answer.headers),
        body: Vec::new(),
    };
    decision.apply(&mut head, asked.answer_place(now));
    let is_manifest = asked.place == Some(FaultPlace::Status) || asked.is_manifest_at_once;
    let is_json = head.header("Content-Type").is_some_and(|media| media.contains("json"));
    let mut body = answer.body;
    if is_manifest && is_json && head.status == 200 && !decision.rules.is_empty() {
        body = Body::Bytes(changed_manifest(bytes_of(body)?, asked, decision));
    }
    Ok(Response { status: head.status, headers: head.headers, body })
}

fn changed_manifest(bytes: Vec<u8>, asked: &AskedRequest, decision: &FaultDecision) -> Vec<u8> {
    let Ok(mut manifest) = serde_json::from_slice::<Json>(&bytes) else { return bytes };
    let place = ManifestPlace {
        url: &asked.url,
        files: &asked.files,
        page: page_of(&asked.request.query),
        // Only such a manifest has the list.
        has_since: manifest.get("deleted").is_some(),
    };
    let plain = manifest.clone();
    for rule in &decision.rules {
        change_manifest(rule, &mut manifest, place);
    }
    if manifest == plain {
        return bytes;
    }
    let mut text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    text.push(b'\n');
    text
}

/// Sends the body of an answer with a fault.
pub fn with_fault(answer: Response, fault: BodyFault) -> Response {
    let is_file = matches!(answer.status, 200 | 206);
    if fault.is_none() || (fault.changes_content() && !is_file) {
        return answer;
    }
    let Response { status, mut headers, body } = answer;
    if fault.changes_content() {
        headers.retain(|(name, _)| !OF_BYTES.contains(name));
        headers.extend(fault.content_encoding().map(|coding| ("Content-Encoding", coding.into())));
    }
    let length = match &body {
        Body::Bytes(bytes) => fault.declared_length(bytes.len() as u64),
        Body::Exactly(length, _) => fault.declared_length(*length),
        Body::Unknown(_) | Body::Shaped(_) => None,
    };
    let write = Box::new(move |out: &mut dyn BodyOut| {
        let mut writer = FaultyWriter::new(&fault, out);
        write_body(body, &mut writer)?;
        writer.finish().map_err(|error| Error::io("the connection", error))
    });
    Response { status, headers, body: Body::Shaped(ShapedBody { length, write }) }
}

/// Writes a body that no fault has been put to.
fn write_body(body: Body, out: &mut dyn Write) -> Result<()> {
    match body {
        Body::Bytes(bytes) => {
            out.write_all(&bytes).map_err(|error| Error::io("the connection", error))
        }
        Body::Exactly(_, write) | Body::Unknown(write) => write(out),
        // Only this file makes such bodies, at the end.
        Body::Shaped(_) => Ok(()),
    }
}

fn bytes_of(body: Body) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match body {
        Body::Bytes(bytes) => return Ok(bytes),
        body => write_body(body, &mut bytes)?,
    };
    Ok(bytes)
}
