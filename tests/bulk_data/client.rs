//! A client of the HL7 base: it kicks off, polls, follows pages and downloads files.

use serde_json::{Value, json};

use crate::support::Served;
use crate::support::bulk::{self, location};
use crate::support::client::{self, Answer};

/// The names of the operation, one for each edition of the guide.
pub const EDITIONS: [&str; 2] = ["$export", "$export-v4"];
pub const PUBLISH: &str = "/fhir/$bulk-publish";
/// The lists of files that a manifest can have.
pub const FILE_LISTS: [&str; 4] = ["output", "deleted", "error", "outcome"];

pub fn string(name: &str, value: &str) -> Value {
    json!({"name": name, "valueString": value})
}

pub fn size(name: &str, bytes: u32) -> Value {
    json!({"name": name, "valuePositiveInt": bytes})
}

pub fn since(instant: &str) -> Value {
    json!({"name": "_since", "valueInstant": instant})
}

/// Posts Parameters with these entries, or no body if there are none.
pub fn kick_off(served: &Served, path: &str, headers: &str, parameters: &[Value]) -> Answer {
    let body = match parameters {
        [] => String::new(),
        some => json!({"resourceType": "Parameters", "parameter": some}).to_string(),
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/fhir+json\r\n" };
    let headers = format!("{kind}Content-Length: {}\r\n{headers}", body.len());
    client::send(served.authority(), "POST", path, &headers, body.as_bytes())
}

/// Polls until the export at `location` has ended; the last answer.
pub fn ended(served: &Served, location: &str) -> Answer {
    bulk::ended_at(served.authority(), bulk::path(location), "")
}

/// Runs a whole export; its manifest.
pub fn manifest(served: &Served, path: &str, parameters: &[Value]) -> Value {
    let answer = ended(served, &location(&kick_off(served, path, "", parameters)));
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// The first page of a manifest and those that it links to.
pub fn pages(served: &Served, first: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(url) = next {
        assert!(pages.len() < 50, "the pages have no end");
        let answer = served.get(&url);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        let page = answer.json();
        next = list(&page["link"]).first().map(|link| text(&link["url"]));
        pages.push(page);
    }
    pages
}

/// A manifest of everything of each kind: one of each edition, and the published one.
pub fn manifests(served: &Served) -> Vec<Value> {
    let of = |edition| manifest(served, &format!("/fhir/{edition}"), &[]);
    EDITIONS.into_iter().map(of).chain(pages(served, PUBLISH)).collect()
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// The entries of all files of a manifest.
pub fn files(manifest: &Value) -> Vec<&Value> {
    FILE_LISTS.iter().flat_map(|key| list(&manifest[*key])).collect()
}

pub fn download(served: &Served, file: &Value) -> Vec<u8> {
    let answer = served.get(&text(&file["url"]));
    assert_eq!(answer.status, 200, "{file}: {}", answer.text());
    answer.body
}

/// Downloads a file; its lines as JSON.
pub fn lines(served: &Served, file: &Value) -> Vec<Value> {
    let text = String::from_utf8(download(served, file)).expect("UTF-8");
    assert!(text.ends_with('\n'), "{file}: {text:?}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON on each line")).collect()
}

/// Downloads the output of manifests; `Type/id` of each resource in it, sorted.
pub fn ids<'a>(served: &Served, manifests: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let mut ids: Vec<String> = manifests
        .into_iter()
        .flat_map(|manifest| list(&manifest["output"]))
        .flat_map(|file| lines(served, file))
        .map(|line| format!("{}/{}", text(&line["resourceType"]), text(&line["id"])))
        .collect();
    ids.sort();
    ids
}

pub fn assert_outcome_body(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("application/fhir+json"));
    let outcome = answer.json();
    assert_eq!(outcome["resourceType"], "OperationOutcome", "{outcome}");
    assert!(!list(&outcome["issue"]).is_empty(), "{outcome}");
}

pub fn delete(served: &Served, location: &str) -> Answer {
    let path = location.strip_prefix(&served.url).expect("a URL of this server");
    client::send(served.authority(), "DELETE", path, "", b"")
}
