//! Exports as a client of the HL7 base runs them, on any server.

use serde_json::{Value, json};

use super::client::{Answer, get, send};
use super::until;

/// The path of a URL, without scheme, authority and the prefix that a proxy adds.
pub fn path(url: &str) -> &str {
    let start = ["/fhir/", "/bulk-data/"].iter().find_map(|base| url.find(base));
    &url[start.unwrap_or_else(|| panic!("{url} is no URL of this server"))..]
}

/// Posts Parameters of these names and values.
pub fn kick_off(authority: &str, path: &str, parameters: &[(&str, &str)], headers: &str) -> Answer {
    let body = self::parameters(parameters);
    let kind = "Content-Type: application/fhir+json\r\n";
    let headers = format!("{kind}Content-Length: {}\r\n{headers}", body.len());
    send(authority, "POST", path, &headers, body.as_bytes())
}

/// A Parameters resource of these names and values, each value with the type that its parameter has.
pub fn parameters(parameters: &[(&str, &str)]) -> String {
    let entry = |(name, value): &(&str, &str)| match *name {
        "patient" => json!({"name": name, "valueReference": {"reference": value}}),
        "_since" | "_until" => json!({"name": name, "valueInstant": value}),
        "_minimumFileSize" | "_maximumFileSize" => {
            json!({"name": name, "valuePositiveInt": value.parse::<u64>().expect("a number")})
        }
        "allowPartialManifests" => json!({"name": name, "valueBoolean": *value == "true"}),
        _ => json!({"name": name, "valueString": value}),
    };
    let entries: Vec<Value> = parameters.iter().map(entry).collect();
    json!({"resourceType": "Parameters", "parameter": entries}).to_string()
}

/// The URL of the first output file with this type in a manifest.
pub fn url_of(manifest: &Value, resource_type: &str) -> String {
    let files = manifest["output"].as_array().expect("a list");
    let file = files.iter().find(|file| file["type"] == resource_type).expect("such a file");
    file["url"].as_str().expect("a url").to_owned()
}

/// The polling location of an export, which must have been accepted.
pub fn location(started: &Answer) -> String {
    assert_eq!(started.status, 202, "{}", started.text());
    started.header("content-location").expect("a Content-Location").to_owned()
}

/// True if this answer to a status request says that the export is under way.
pub fn is_under_way(answer: &Answer) -> bool {
    answer.status == 202 || answer.header("x-export-status").is_some_and(|s| s.starts_with("202"))
}

/// Polls the export that `started` accepted until it has ended; the last answer.
pub fn ended(authority: &str, started: &Answer) -> Answer {
    ended_at(authority, path(&location(started)), "")
}

/// Polls `path` until the export has ended; the last answer.
pub fn ended_at(authority: &str, path: &str, headers: &str) -> Answer {
    until(&format!("{path} has ended"), || {
        Some(get(authority, path, headers)).filter(|answer| !is_under_way(answer))
    })
}
