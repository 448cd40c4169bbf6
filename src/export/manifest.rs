//! The manifest: what an export answers with.

use serde::Serialize;

/// The manifest of the 1upHealth dialect: these keys, in this order, and no others.
#[derive(Clone, Debug, Serialize)]
pub struct Manifest {
    /// The snapshot's time, with milliseconds and `Z`.
    #[serde(rename = "transactionTime")]
    pub transaction_time: String,
    /// The request's URL.
    pub request: String,
    /// Whether files need a token.
    #[serde(rename = "requiresAccessToken")]
    pub requires_access_token: bool,
    /// The files, none of them empty.
    pub output: Vec<Output>,
}

/// One file in a manifest.
#[derive(Clone, Debug, Serialize)]
pub struct Output {
    /// The type of every resource in it.
    #[serde(rename = "type")]
    pub resource_type: String,
    /// Where it is.
    pub url: String,
    /// Its lines, where the dialect has that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Manifest {
    /// As JSON, indented: people read it.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }
}
