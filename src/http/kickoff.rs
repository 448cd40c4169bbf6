//! `GET /bulk-data/r4/$export`: the 1upHealth dialect's kick-off, answered at once.
//!
//! One request, one manifest: nothing is made ahead, so there is nothing to wait for. The base that
//! file URLs stand on is `--base-url`, else what the client called us.

use super::message::{Request, Response};
use super::route::{Context, EXPORT};
use crate::error::Result;
use crate::export::{self, Claims, Manifest, Output, Plan};

/// Answers with the manifest.
pub fn kickoff(context: &Context, request: &Request) -> Result<Response> {
    let asked = export::Request::from_query(&request.query)?;
    let plan = Plan::new(context.store.snapshot()?, &asked)?;
    let base = context.base(request);
    let mut output = Vec::with_capacity(plan.files.len());
    for file in &plan.files {
        let name = context.signer.sign(&Claims::of(file, &plan.snapshot))?;
        let resource_type = file.selection.resource_type.clone();
        output.push(Output {
            url: format!("{base}{EXPORT}/{resource_type}/{name}.ndjson"),
            resource_type,
            count: None,
        });
    }
    let manifest = Manifest {
        transaction_time: plan.snapshot.time().to_string(),
        request: format!("{base}{}", request.target),
        requires_access_token: false,
        output,
    };
    Ok(Response::new(200, "application/json", manifest.to_json()).with("Cache-Control", "no-store"))
}
