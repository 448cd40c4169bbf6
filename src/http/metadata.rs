//! `GET [base]/metadata`: what this server does.
//!
//! <https://hl7.org/fhir/R4/capabilitystatement.html>,
//! <https://hl7.org/fhir/uv/bulkdata/export.html#data-provider-capability-documentation>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::context::{Context, FHIR, TOKEN};
use super::message::{Request, Response};
use super::operation::{CANONICAL, VERSIONS, canonical, everything_canonical};
use super::sql::sql_operations;
use crate::error::Result;
use crate::fhir::search::{EVERY_RESOURCE, SearchParameter, includes, revincludes};
use crate::fhir::version::FhirVersion;
use crate::store::Reach;
use crate::time::Instant;

/// The canonical URL of the IG's own CapabilityStatement.
const BULK_DATA: &str = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data";
/// What can be done with each type.
const INTERACTIONS: [&str; 5] =
    ["read", "vread", "search-type", "history-instance", "history-type"];
/// The compartments that can be searched.
const PATIENT_COMPARTMENT: &str = "http://hl7.org/fhir/CompartmentDefinition/patient";

/// Answers with the CapabilityStatement.
pub fn metadata(context: &Context, request: &Request) -> Result<Response> {
    request.check_takes_json()?;
    let is_protected = context.access.is_required();
    let version = context.store.fhir_version()?.unwrap_or_default();
    // A CapabilityStatement cannot name types outside of its version, though they are exported. It
    // needs no authentication, so a protected server lists all types, not those in the store.
    let (types, changed) = if is_protected {
        (version.types(), context.started)
    } else {
        types_in_store(context, version)?
    };
    let resources: Vec<Value> = types.iter().map(|name| resource(name, &types)).collect();
    let base = format!("{}{FHIR}", context.base(request));
    let mut statement = json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": changed.to_string(),
        "kind": "instance",
        "instantiates": [BULK_DATA],
        "software": {"name": "fhirlite", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "A fhirlite store, read-only over HTTP", "url": base},
        "fhirVersion": version.number(),
        "format": ["application/fhir+json", "json"],
        "implementationGuide": ["http://hl7.org/fhir/uv/bulkdata/ImplementationGuide/hl7.fhir.uv.bulkdata"],
        "rest": [{
            "mode": "server",
            "documentation": "export is answered by the editions STU1 to STU3 (GET and POST), export-v4 by the STU4 ballot (POST).",
            "resource": resources,
            "interaction": [{"code": "batch"}, {"code": "search-system"}, {"code": "history-system"}],
            "searchParam": search_parameters(EVERY_RESOURCE),
            "compartment": [PATIENT_COMPARTMENT],
            "operation": operations(Some("export"), true),
        }],
    });
    if let Some(operations) = statement["rest"][0]["operation"].as_array_mut() {
        operations.extend(sql_operations(&base));
    }
    if is_protected {
        statement["rest"][0]["security"] = security(&context.token_base(request));
    }
    Response::fhir_resource(&statement)
}

/// The types in the store with Group and Patient, and the time of the last change.
fn types_in_store(context: &Context, version: FhirVersion) -> Result<(BTreeSet<String>, Instant)> {
    let snapshot = context.store.limited_to(Reach::Everything).latest()?;
    let stored = snapshot.types()?.into_iter();
    let mut types: BTreeSet<String> = stored.filter(|name| version.knows(name)).collect();
    types.extend(["Group".to_owned(), "Patient".to_owned()]);
    let changed = match snapshot.time() {
        never if never == Instant::default() => context.store.now(),
        time => time,
    };
    Ok((types, changed))
}

/// `rest.security` with the token endpoint, for clients of SMART 1.0:
/// <https://hl7.org/fhir/smart-app-launch/1.0.0/conformance/index.html>
fn security(base: &str) -> Value {
    let [_, endpoint] = TOKEN;
    json!({
        "extension": [{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [{"url": "token", "valueUri": format!("{base}{endpoint}")}],
        }],
        "service": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }]}],
    })
}

/// The parameters for searches of a type. Each can stand in a `_typeFilter` too, so none is marked with
/// `operation-not-supported`: <https://hl7.org/fhir/uv/bulkdata/export.html#data-provider-capability-documentation>
fn search_parameters(name: &str) -> Vec<Value> {
    let parameter = |parameter: &SearchParameter| json!({"name": parameter.code, "type": parameter.kind.name()});
    SearchParameter::all(name).into_iter().map(parameter).collect()
}

/// `rest.resource` of a type; `types` are those that are listed.
fn resource(name: &str, types: &BTreeSet<String>) -> Value {
    let mut resource = json!({
        "type": name,
        "interaction": INTERACTIONS.map(|code| json!({"code": code})),
        "versioning": "versioned",
        "readHistory": true,
        "searchInclude": includes(name),
        "searchParam": search_parameters(name),
    });
    let revincludes = revincludes(name, types);
    if !revincludes.is_empty() {
        resource["searchRevInclude"] = json!(revincludes);
    }
    let id = match name {
        "Patient" => Some("patient-export"),
        "Group" => Some("group-export"),
        _ => None,
    };
    if id.is_some() {
        resource["operation"] = operations(id, false);
    }
    if name == "Patient"
        && let Some(operations) = resource["operation"].as_array_mut()
    {
        let definition = everything_canonical();
        operations.push(json!({"name": "everything", "definition": definition}));
    }
    resource
}

/// The operations of a level: each edition's export, and `$bulk-publish`.
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
