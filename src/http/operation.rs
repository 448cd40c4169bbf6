//! `GET [base]/OperationDefinition/[id]`: the parameters of each operation on this server.
//!
//! <https://hl7.org/fhir/uv/bulkdata/artifacts.html#behavior-operation-definitions>

use serde_json::{Value, json};

use super::context::{Context, FHIR};
use super::message::{Request, Response};
use super::sql::sql_definition;
use crate::error::{Error, Kind, Result};
use crate::export::{Edition, ExportParameter};

/// The beginning of the canonical URLs of the IG's definitions.
pub const CANONICAL: &str = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition";
/// The operations' names, each with its version of the IG. The ballot of STU4 calls itself 4.0.0 in its
/// definitions.
pub const VERSIONS: [(&str, &str); 2] = [("export", "3.0.0"), ("export-v4", "4.0.0")];

/// The canonical URL of `$everything` in R4, without its id.
const R4: &str = "http://hl7.org/fhir/OperationDefinition";
/// The id of the definition of `$everything`.
const EVERYTHING: &str = "Patient-everything";

/// An export operation of the IG.
struct ExportOperation {
    id: &'static str,
    title: &'static str,
    on: Option<&'static str>,
}

const EXPORTS: [ExportOperation; 3] = [
    ExportOperation { id: "export", title: "System Level Export", on: None },
    ExportOperation { id: "patient-export", title: "Patient Level Export", on: Some("Patient") },
    ExportOperation { id: "group-export", title: "Group Level Export", on: Some("Group") },
];

/// Answers with the definition of an operation.
pub fn operation_definition(context: &Context, request: &Request, id: &str) -> Result<Response> {
    let base = format!("{}{FHIR}", context.base(request));
    match definition(id, &base) {
        Some(definition) => Response::fhir_resource(&definition),
        None => Err(Error::new(Kind::NotFound, "there is no such operation")),
    }
}

/// True for the id of a definition of this server.
pub fn is_operation(id: &str) -> bool {
    definition(id, "").is_some()
}

/// The canonical URL of an operation in the version of `name`.
pub fn canonical(id: &str, name: &str) -> String {
    let version =
        VERSIONS.iter().find(|(known, _)| *known == name).map_or("", |(_, version)| version);
    format!("{CANONICAL}/{id}|{version}")
}

/// The canonical URL of `$everything`.
pub fn everything_canonical() -> String {
    format!("{R4}/{EVERYTHING}")
}

/// The definition with this id: the id of the IG, with the suffix `-v4` for the STU4 ballot.
fn definition(id: &str, base: &str) -> Option<Value> {
    match id {
        "bulk-publish" => return Some(publish()),
        EVERYTHING => return Some(everything()),
        _ => {}
    }
    if let Some(definition) = sql_definition(id, base) {
        return Some(definition);
    }
    let (stem, name, version) = match id.strip_suffix("-v4") {
        Some(stem) => (stem, VERSIONS[1].0, VERSIONS[1].1),
        None => (id, VERSIONS[0].0, VERSIONS[0].1),
    };
    let operation = EXPORTS.iter().find(|operation| operation.id == stem)?;
    let is_stu4 = name == VERSIONS[1].0;
    let edition = if is_stu4 { Edition::Stu4 } else { Edition::Stu3 };
    let parameters = ExportParameter::supported()
        .filter(|parameter| parameter.is_for_system || operation.on.is_some())
        .map(|parameter| {
            json!({
                "name": parameter.name,
                "use": "in",
                "min": 0,
                "max": parameter.max(),
                "documentation": parameter.documentation,
                "type": parameter.fhir_type(edition),
            })
        });
    // The IG defines `$export` alone. Under another name it is an operation of this server's own.
    let url = if is_stu4 {
        format!("{base}/OperationDefinition/{id}")
    } else {
        format!("{CANONICAL}/{stem}")
    };
    let mut definition = json!({
        "resourceType": "OperationDefinition",
        "id": id,
        "url": url,
        "version": version,
        "name": name.replace("export", "Export").replace("-v4", "V4"),
        "title": format!("FHIR Bulk Data {}", operation.title),
        "status": "active",
        "kind": "operation",
        "description": format!("As of Bulk Data Access IG {version}, at {base}; answered asynchronously."),
        // GET may invoke only operations that affect no state, and the STU4 ballot forbids GET.
        "affectsState": is_stu4,
        "code": name,
        "system": operation.on.is_none(),
        "type": operation.on == Some("Patient"),
        "instance": operation.on.is_some(),
        "parameter": parameters.collect::<Vec<_>>(),
    });
    if is_stu4 {
        definition["base"] = json!(canonical(stem, name));
    }
    if let Some(on) = operation.on {
        definition["resource"] = json!([on]);
    }
    Some(definition)
}

fn publish() -> Value {
    json!({
        "resourceType": "OperationDefinition",
        "id": "bulk-publish",
        "url": format!("{CANONICAL}/bulk-publish"),
        "version": "1.0.0",
        "name": "BulkDataPublish",
        "title": "FHIR Bulk Data Publish",
        "status": "active",
        "kind": "operation",
        "description": "The store as it is, as a static manifest; GET, without parameters.",
        "affectsState": false,
        "code": "bulk-publish",
        "system": true,
        "type": false,
        "instance": false,
    })
}

/// <https://hl7.org/fhir/R4/patient-operation-everything.html>, as far as it is supported.
fn everything() -> Value {
    let parameter = |name: &str, kind: &str, max: &str, documentation: &str| {
        json!({
            "name": name,
            "use": "in",
            "min": 0,
            "max": max,
            "documentation": documentation,
            "type": kind,
        })
    };
    json!({
        "resourceType": "OperationDefinition",
        "id": EVERYTHING,
        "url": everything_canonical(),
        "version": "4.0.1",
        "name": "Everything",
        "title": "Fetch Patient Record",
        "status": "active",
        "kind": "operation",
        "description": "A patient and all that an export of this patient has, as a searchset; start and end are not supported.",
        "affectsState": false,
        "code": "everything",
        "resource": ["Patient"],
        "system": false,
        "type": false,
        "instance": true,
        "parameter": [
            parameter("_since", "instant", "1", "Only resources that were updated after this time"),
            parameter("_type", "code", "*", "Only resources of these types"),
            parameter("_count", "integer", "1", "How many resources are on a page"),
            {
                "name": "return",
                "use": "out",
                "min": 1,
                "max": "1",
                "documentation": "A Bundle of type searchset",
                "type": "Bundle",
            },
        ],
    })
}
