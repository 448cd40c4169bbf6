//! `GET [base]/metadata`: what this server does, and no more than that.
//!
//! <https://hl7.org/fhir/R4/capabilitystatement.html>,
//! <https://hl7.org/fhir/uv/bulkdata/export.html#data-provider-capability-documentation>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::message::{FHIR_JSON, Request, Response};
use super::operation::{CANONICAL, VERSIONS, canonical, definition};
use super::prefer::takes_json;
use super::route::{Context, FHIR};
use crate::error::{Error, Kind, Result};
use crate::fhir::Instant;
use crate::fhir::elements::is_r4_type;

/// Answers with the CapabilityStatement.
pub fn metadata(context: &Context, request: &Request) -> Result<Response> {
    takes_json(request)?;
    let snapshot = context.store.latest()?;
    // A CapabilityStatement has no words for other types, though they are exported.
    let there = snapshot.types()?.into_iter();
    let mut types: BTreeSet<String> = there.filter(|name| is_r4_type(name)).collect();
    types.extend(["Group".to_owned(), "Patient".to_owned()]);
    let resources: Vec<Value> = types.iter().map(|name| resource(name)).collect();
    let base = format!("{}{FHIR}", context.base(request));
    let changed = match snapshot.time() {
        never if never == Instant::default() => context.store.now(),
        time => time,
    };
    let statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": changed.to_string(),
        "kind": "instance",
        "instantiates": ["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"],
        "software": {"name": "fhirlite", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "A fhirlite store, read-only over HTTP", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "implementationGuide": ["http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata"],
        "rest": [{
            "mode": "server",
            "documentation": "export is answered by the editions STU1 to STU3 (GET and POST), export-v4 by the STU4 ballot (POST).",
            "resource": resources,
            "operation": operations(Some("export"), true),
        }],
    });
    json_response(&statement)
}

/// Answers with one of the operations that it names; `None` for another id.
pub fn operation(context: &Context, request: &Request, id: &str) -> Result<Option<Response>> {
    let base = format!("{}{FHIR}", context.base(request));
    definition(id, &base).map(|definition| json_response(&definition)).transpose()
}

fn json_response(value: &Value) -> Result<Response> {
    let body = serde_json::to_vec_pretty(value)
        .map_err(|error| Error::caused(Kind::Internal, "a resource of ours", error))?;
    Ok(Response::new(200, FHIR_JSON, body))
}

fn resource(name: &str) -> Value {
    let mut parameters = vec![
        json!({"name": "_id", "type": "token"}),
        json!({"name": "_lastUpdated", "type": "date"}),
        json!({"name": "identifier", "type": "token"}),
    ];
    if name == "Group" {
        parameters.push(json!({"name": "name", "type": "string"}));
    }
    let mut resource = json!({
        "type": name,
        "interaction": [{"code": "read"}, {"code": "vread"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": true,
        "searchParam": parameters,
    });
    let id = match name {
        "Patient" => Some("patient-export"),
        "Group" => Some("group-export"),
        _ => None,
    };
    if id.is_some() {
        resource["operation"] = operations(id, false);
    }
    resource
}

fn operations(id: Option<&str>, with_publish: bool) -> Value {
    let mut operations: Vec<Value> = id
        .iter()
        .flat_map(|id| {
            VERSIONS.map(|(name, _)| json!({"name": name, "definition": canonical(id, name)}))
        })
        .collect();
    if with_publish {
        let definition = format!("{CANONICAL}/bulk-publish");
        operations.push(json!({"name": "bulk-publish", "definition": definition}));
    }
    Value::Array(operations)
}
