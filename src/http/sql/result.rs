//! The result of a `$sql-export`: the Parameters with its outputs, or why it failed.
//!
//! <https://sql-on-fhir.org/ig/OperationDefinition-SQLExport.html#output-parameters>. The status of the job leads here once the
//! job is over, by 303.

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::export::{File, JobStatus, KickOff, ViewExport};
use crate::fhir::outcome::{Issue, Severity};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::header::{FHIR_JSON, http_date};
use crate::http::message::Response;

/// The last segment of the URL of a result.
pub const RESULT: &str = "result";

/// Leads to the result of a job that is over.
pub fn see_result(accepted: &KickOff, id: &str) -> Response {
    Response::empty(303)
        .with("Location", format!("{}{id}/{RESULT}", accepted.status))
        .with("Cache-Control", "no-store")
}

/// Answers with the result of a job.
///
/// # Errors
/// `NotFound` where the caller has no such job, or it is not over.
pub fn result(request: &AuthenticatedRequest<'_>, id: &str) -> Result<Response> {
    request.check_takes_json()?;
    let found = request.context.jobs.progress(id, &request.permission)?;
    let of_views = found.and_then(|(accepted, status)| {
        let views = accepted.request.views.clone()?;
        Some((accepted, views, status))
    });
    let no_result = || {
        let what = "there is no such result: its export is under way, was cancelled, is over, or never was";
        Error::new(Kind::NotFound, what)
    };
    let (accepted, views, status) = of_views.ok_or_else(no_result)?;
    let response = match status {
        JobStatus::Running(_) => return Err(no_result()),
        JobStatus::Failed(reason) => {
            let diagnostics = format!("the export failed: {reason}; request id {}", request.id);
            let code = "exception".to_owned();
            Response::outcome(500, Issue { severity: Severity::Error, code, diagnostics })
        }
        JobStatus::Complete { time, expires_at, files } => {
            let status = format!("{}{id}", accepted.status);
            let mut parameters = begun(id, &views, "completed", &status);
            if views.is_format_given {
                parameters.push(json!({"name": "_format", "valueCode": views.format}));
            }
            let start = time.to_string();
            parameters.push(json!({"name": "exportStartTime", "valueInstant": start}));
            let urls = |file: &File| format!("{}{id}/{}", accepted.files, file.name);
            parameters.extend(outputs(&views, &files, &urls));
            of_parameters(200, &parameters)?.with("Expires", http_date(expires_at))
        }
    };
    Ok(response.with("Cache-Control", "no-store"))
}

/// The parameters that every answer about a job has. `location` is the URL of its status.
pub fn begun(id: &str, views: &ViewExport, status: &str, location: &str) -> Vec<Value> {
    let mut parameters = vec![json!({"name": "exportId", "valueString": id})];
    if let Some(tracking_id) = &views.tracking_id {
        parameters.push(json!({"name": "clientTrackingId", "valueString": tracking_id}));
    }
    parameters.push(json!({"name": "status", "valueCode": status}));
    parameters.push(json!({"name": "location", "valueUri": location}));
    parameters.push(json!({"name": "cancelUrl", "valueUri": location}));
    parameters
}

/// A Parameters resource.
#[derive(Serialize)]
struct JobParameters<'p> {
    #[serde(rename = "resourceType")]
    resource_type: &'static str,
    parameter: &'p [Value],
}

/// A Parameters resource as an answer.
///
/// # Errors
/// `Internal`, where it cannot be written.
pub fn of_parameters(status: u16, parameters: &[Value]) -> Result<Response> {
    let resource = JobParameters { resource_type: "Parameters", parameter: parameters };
    let body = serde_json::to_vec_pretty(&resource)
        .map_err(|error| Error::caused(Kind::Internal, "a Parameters resource", error))?;
    Ok(Response::new(status, FHIR_JSON, body))
}

/// The output of each view.
fn outputs<'o>(
    views: &'o ViewExport,
    files: &'o [File],
    url_of: &'o dyn Fn(&File) -> String,
) -> impl Iterator<Item = Value> + 'o {
    views.views.iter().zip(views.file_names()).filter_map(move |(view, name)| {
        let file = files.iter().find(|file| file.name == name)?;
        let part = [
            json!({"name": "name", "valueString": view.name}),
            json!({"name": "location", "valueUri": url_of(file)}),
        ];
        Some(json!({"name": "output", "part": part}))
    })
}
