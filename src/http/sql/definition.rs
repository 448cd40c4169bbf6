//! The OperationDefinitions of `$sql-run` and `$sql-export` on this server.
//!
//! <https://sql-on-fhir.org/ig/operations-capability.html#partial-operation-support>: a server without some of the parameters
//! publishes its own definition, whose `base` is the guide's.

use serde_json::{Value, json};

use super::parameter::{Holds, SqlOperation, SqlParameter};
use crate::view::ViewFormat;

/// The beginning of the canonical URLs of the guide's definitions.
const GUIDE: &str = "http://hl7.org/fhir/uv/sql-on-fhir/OperationDefinition";

/// An operation: the id of its definition, its code, its name in the guide, and what it is.
const OPERATIONS: [(SqlOperation, &str, &str, &str); 2] = [
    (SqlOperation::Run, "sql-run", "SQLRun", "The rows of a view or of a SQLQuery Library"),
    (SqlOperation::Export, "sql-export", "SQLExport", "The rows of views as files, by a job"),
];

/// The names of the operations, each with the URL of its definition below `base`.
pub fn sql_operations(base: &str) -> Vec<Value> {
    let forms = format!("Forms of rows: {}", ViewFormat::names().join(", "));
    let operation = |(_, id, ..): &(SqlOperation, &str, &str, &str)| {
        json!({
            "name": format!("${id}"),
            "definition": format!("{base}/OperationDefinition/{id}"),
            "documentation": forms,
        })
    };
    OPERATIONS.iter().map(operation).collect()
}

/// The definition with this id; `base` is the base of this server.
pub fn sql_definition(id: &str, base: &str) -> Option<Value> {
    let (operation, id, name, title) = OPERATIONS.iter().find(|(_, known, ..)| *known == id)?;
    let given = SqlParameter::listed(*operation).map(defined);
    let out = match operation {
        SqlOperation::Run => json!({
            "name": "return",
            "use": "out",
            "min": 1,
            "max": "1",
            "documentation": "The rows, in the media type of their form",
            "type": "Binary",
        }),
        SqlOperation::Export => json!({
            "name": "return",
            "use": "out",
            "min": 1,
            "max": "1",
            "documentation": "exportId, clientTrackingId, status, location, cancelUrl, _format, exportStartTime and an output with name and location for each subject",
            "type": "Parameters",
        }),
    };
    Some(json!({
        "resourceType": "OperationDefinition",
        "id": id,
        "url": format!("{base}/OperationDefinition/{id}"),
        "version": env!("CARGO_PKG_VERSION"),
        "name": name,
        "title": title,
        "status": "active",
        "kind": "operation",
        "description": format!("{title}, as of SQL on FHIR 3.0.0-ballot; the names of version 2 are taken too."),
        "affectsState": *operation == SqlOperation::Export,
        "code": id,
        "base": format!("{GUIDE}/{name}"),
        "system": true,
        "type": false,
        "instance": false,
        "parameter": given.chain([out]).collect::<Vec<_>>(),
    }))
}

/// A parameter, as a definition has it.
fn defined(one: &SqlParameter) -> Value {
    let is_subject = one.holds == Holds::Parts;
    let mut defined = json!({
        "name": one.name,
        "use": "in",
        "min": u8::from(is_subject),
        "max": if one.is_repeated { "*" } else { "1" },
        "documentation": one.documentation,
    });
    if is_subject {
        let parts = SqlParameter::listed(SqlOperation::Run)
            .filter(|part| part.name.starts_with("subject"))
            .map(|part| defined_part(part.name, part.fhir_type, part.documentation));
        let name = defined_part("name", "string", "The name of the output; else that of the view");
        defined["part"] = json!(std::iter::once(name).chain(parts).collect::<Vec<_>>());
    } else {
        defined["type"] = json!(one.fhir_type);
    }
    defined
}

fn defined_part(name: &str, fhir_type: &str, documentation: &str) -> Value {
    let (min, max) = (0, "1");
    json!({"name": name, "use": "in", "min": min, "max": max, "documentation": documentation, "type": fhir_type})
}
