//! SQL on FHIR over HTTP: `$sql-run`, `$sql-export`, and SQL of Libraries.

mod definitions;
mod export;
mod forms;
mod query;
mod query_attacks;
mod rights;
mod run;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::client::{Answer, send};
use crate::support::{Dir, Served};

const URL: &str = "http://example.org/ViewDefinition/people";

/// The rows of the view `people`, as CSV.
const PEOPLE: &str =
    "id,gender,family\r\na,female,Moss\r\nb,male,\"Reed, the second\"\r\nc,,Ash\r\n";

/// Patients with Observations, a Group, and views that are stored as resources.
const DATA: &str = r#"{"resourceType":"Patient","id":"a","gender":"female","name":[{"family":"Moss"}]}
{"resourceType":"Patient","id":"b","gender":"male","name":[{"family":"Reed, the second"}]}
{"resourceType":"Patient","id":"c","name":[{"family":"Ash"},{"family":"Ash-Oak"}],"generalPractitioner":[{"reference":"Practitioner/d"}]}
{"resourceType":"Practitioner","id":"d"}
{"resourceType":"Practitioner","id":"e"}
{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},"valueQuantity":{"value":1.50}}
{"resourceType":"Observation","id":"o2","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/b"},"valueQuantity":{"value":7}}
{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/c"}}]}
{"resourceType":"ViewDefinition","id":"people","url":"http://example.org/ViewDefinition/people","version":"1.9","name":"people","status":"active","resource":"Patient","select":[{"column":[{"name":"id","path":"getResourceKey()"},{"name":"gender","path":"gender"},{"name":"family","path":"name.family.first()"}]}]}
{"resourceType":"ViewDefinition","id":"people10","url":"http://example.org/ViewDefinition/people","version":"1.10","name":"people","status":"active","resource":"Patient","select":[{"column":[{"name":"key","path":"getResourceKey()"}]}]}
{"resourceType":"ViewDefinition","id":"people11","url":"http://example.org/ViewDefinition/people","version":"1.11","name":"people","status":"draft","resource":"Patient","select":[{"column":[{"name":"draft","path":"id"}]}]}
{"resourceType":"ViewDefinition","id":"values","url":"http://example.org/ViewDefinition/values","name":"measured","status":"active","resource":"Observation","select":[{"column":[{"name":"id","path":"id"},{"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"value","path":"value.ofType(Quantity).value"}]}]}
{"resourceType":"ViewDefinition","id":"families","name":"families","status":"active","resource":"Patient","select":[{"column":[{"name":"family","path":"name.family"}]}]}
{"resourceType":"ViewDefinition","id":"doctors","name":"doctors","status":"active","resource":"Practitioner","select":[{"column":[{"name":"id","path":"id"}]}]}
"#;

/// A server of [`DATA`].
fn served() -> (Dir, Served) {
    crate::support::served(DATA)
}

/// Posts JSON with more header lines.
fn post(served: &Served, path: &str, headers: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let length = body.len();
    let headers =
        format!("Content-Type: application/fhir+json\r\nContent-Length: {length}\r\n{headers}");
    send(served.authority(), "POST", path, &headers, body.as_bytes())
}

/// A Parameters resource.
fn parameters(list: &[Value]) -> Value {
    json!({"resourceType": "Parameters", "parameter": list})
}

/// A parameter with a resource.
fn resource(name: &str, resource: &Value) -> Value {
    json!({"name": name, "resource": resource})
}

/// A view of a type with these columns: names and paths.
fn view(of: &str, columns: &[(&str, &str)]) -> Value {
    let column = |(name, path): &(&str, &str)| json!({"name": name, "path": path});
    let columns: Vec<Value> = columns.iter().map(column).collect();
    json!({
        "resourceType": "ViewDefinition", "status": "active", "resource": of,
        "select": [{"column": columns}],
    })
}

/// A Library with this SQL over tables: labels and views.
fn library(sql: &str, tables: &[(&str, &str)]) -> Value {
    let table = |(label, view): &(&str, &str)| json!({"type": "depends-on", "label": label, "resource": view});
    let tables: Vec<Value> = tables.iter().map(table).collect();
    json!({
        "resourceType": "Library", "status": "active",
        "type": {"coding": [{"code": "sql-query"}]},
        "relatedArtifact": tables,
        "content": [{"contentType": "application/sql", "data": BASE64_STANDARD.encode(sql)}],
    })
}

/// The text of an answer, which must be a success.
fn text(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Fails unless this is a refusal whose first issue has this code and names this parameter, and says `word`.
fn refused(answer: &Answer, status: u16, code: &str, expression: &str, word: &str) {
    answer.assert_outcome(status, word);
    let issue = &answer.json()["issue"][0];
    assert_eq!(issue["code"], code, "{issue}");
    match expression {
        "" => assert!(issue.get("expression").is_none(), "{issue}"),
        _ => assert_eq!(issue["expression"], json!([expression]), "{issue}"),
    }
}
