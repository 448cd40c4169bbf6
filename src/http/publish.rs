//! `GET [base]/$bulk-publish`: the store as it is, as a static manifest.
//!
//! <https://hl7.org/fhir/uv/bulkdata/publish.html> (STU4 ballot). It changes only when the store
//! does, and so does its `ETag`; a file's URL never means other bytes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

use super::download::names;
use super::message::{Request, Response};
use super::prefer::takes_json;
use super::route::{Context, FHIR, PUBLISH};
use super::signed::signed;
use crate::error::{Error, Kind, Result};
use crate::export::{self, Manifest, Plan};
use crate::fhir::resource::short;

/// Parameters of every request, which change nothing here.
const TAKEN: [&str; 2] = ["_format", "_pretty"];

/// Answers with the manifest.
pub fn publish(context: &Context, request: &Request) -> Result<Response> {
    takes_json(request)?;
    if let Some((name, _)) = request.query.iter().find(|(name, _)| !TAKEN.contains(&name.as_str()))
    {
        let what = format!("parameter {:?} is not known here: $bulk-publish has none", short(name));
        return Err(Error::new(Kind::Invalid, what));
    }
    let snapshot = context.store.latest()?;
    let attachments_base = format!("{}{FHIR}/", context.base(request));
    let asked = export::Request {
        attachments_base: Some(attachments_base.clone()),
        ..export::Request::default()
    };
    let plan = Plan::new(snapshot, &asked)?;
    let output = signed(context, request, &plan, PUBLISH, Some(&attachments_base))?;
    let manifest = Manifest::published(plan.snapshot.time().to_string(), output).to_json();
    let etag = format!("\"{}\"", BASE64URL.encode(&Sha256::digest(&manifest)[..15]));
    let known = request.header("if-none-match").is_some_and(|known| names(&known, &etag));
    let response = match known {
        true => Response::empty(304),
        false => Response::new(200, "application/json", manifest),
    };
    Ok(response.with("ETag", etag).with("Cache-Control", "public, max-age=10"))
}
