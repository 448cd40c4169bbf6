//! `GET /health` and `GET /health/ready`: whether the server answers at all, and whether it can do its work.

use serde_json::json;

use super::context::Context;
use super::message::Response;

/// Answers 200, without a look at the store. Takes no place at work, so that a busy server answers too.
pub fn health() -> Response {
    Response::json(200, &json!({"status": "ok"})).with("Cache-Control", "no-store")
}

/// Answers with what came of trying to read and to write: 200, or 503.
pub fn ready(context: &Context) -> Response {
    context.readiness.answer(&context.store, &context.log)
}
