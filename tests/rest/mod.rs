//! The RESTful interactions of `/fhir`: its self-description, reads, searches.

mod amounts;
mod batch;
mod everything;
mod history;
mod history_access;
mod included;
mod injections;
mod metadata;
mod operations;
mod oracle;
mod others;
mod paging;
mod read;
mod rights;
mod search;
mod search_parameters;
mod several_types;
mod slashes;
mod sorting;

use serde_json::{Value, json};

use crate::support::{Dir, Served};

pub const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00Z"},"identifier":[{"system":"urn:x","value":"1"}]}
{"resourceType":"Patient","id":"b","meta":{"versionId":"7","lastUpdated":"2020-06-15T14:00:00.500+02:00"},"identifier":[{"system":"urn:y","value":"1"},{"value":"a,b|c"}]}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"identifier":[{"value":"1"}]}
{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"gone","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"identifier":[{"system":"urn:x","value":"g"}],"name":"Heart Failure","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}}]}
{"resourceType":"Group","id":"h","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":"Heart","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}]}
{"resourceType":"Group","id":"n","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/b"}}]}
{"resourceType":"Binary","id":"text","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"contentType":"text/plain","data":"aGVsbG8="}
{"resourceType":"Binary","id":"json","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"contentType":"application/json","data":"eyJhIjoxfQ=="}
{"resourceType":"Binary","id":"empty","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"contentType":"text/plain"}
{"resourceType":"Binary","id":"broken","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"contentType":"text/plain","data":"*"}
{"resourceType":"DocumentReference","id":"d","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"},"content":[{"attachment":{"url":"Binary/text"}}]}
"#;

pub const FHIR_JSON: Option<&str> = Some("application/fhir+json");

/// A folder with a store `s.db` of [`DATA`], without Observation/gone.
pub fn filled_dir() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    dir
}

/// The same with a server.
pub fn filled() -> (Dir, Served) {
    let dir = filled_dir();
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// The line of [`DATA`] that a resource was imported from.
pub fn line(resource_type: &str, id: &str) -> String {
    let start = format!(r#"{{"resourceType":"{resource_type}","id":"{id}""#);
    DATA.lines().find(|line| line.starts_with(&start)).expect("it is in the data").to_owned()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// The Bundle that a search answers with. The search must succeed.
fn bundle(served: &Served, target: &str) -> Value {
    let answer = served.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), FHIR_JSON);
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
    bundle
}

/// The ids in a Bundle, in the Bundle's order.
fn ids(bundle: &Value) -> Vec<String> {
    list(&bundle["entry"]).iter().map(|entry| text(&entry["resource"]["id"]).to_owned()).collect()
}

/// The ids that a search finds, separated by blanks.
fn found(served: &Served, target: &str) -> String {
    ids(&bundle(served, target)).join(" ")
}

/// The URL of the link with this relation, in a Bundle or a manifest.
pub fn link<'a>(from: &'a Value, relation: &str) -> Option<&'a str> {
    list(&from["link"]).iter().find(|l| l["relation"] == relation).map(|l| text(&l["url"]))
}

/// Event and request of what was read, in the audit of a store. It ends the server, which writes the rest.
fn reads_in_audit(dir: &Dir, served: Served) -> Vec<(String, String)> {
    assert_eq!(served.end("-TERM"), 0);
    let db = dir.open("s.db");
    let sql = "SELECT event, request FROM audit WHERE event IN ('read', 'search') ORDER BY id";
    let mut statement = db.prepare(sql).expect("the table audit");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// Level, name and definition of every operation that the CapabilityStatement lists.
fn operations(served: &Served) -> Vec<(String, String, String)> {
    let statement = served.get("/fhir/metadata").json();
    let rest = &statement["rest"][0];
    let system = json!({"type": "", "operation": rest["operation"]});
    let mut operations = Vec::new();
    for resource in list(&rest["resource"]).iter().chain([&system]) {
        for operation in list(&resource["operation"]) {
            let [name, definition] = ["name", "definition"].map(|key| text(&operation[key]));
            operations.push((text(&resource["type"]).to_owned(), name.into(), definition.into()));
        }
    }
    operations
}
