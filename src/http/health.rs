//! `GET /health`: whether the server can read its store.

use serde_json::json;

use super::context::Context;
use super::message::Response;
use crate::error::Result;

/// Reads from the store and answers 200.
///
/// # Errors
/// Where the store cannot be read.
pub fn health(context: &Context) -> Result<Response> {
    context.store.last_seq()?;
    Ok(Response::json(200, &json!({"status": "ok"})).with("Cache-Control", "no-store"))
}
