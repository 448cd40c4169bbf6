//! Exports as a client of the HL7 base goes through them, on any server at an address.

use std::thread;

use serde_json::{Value, json};

use super::client::{Answer, get, send};

/// What of a URL comes after scheme, authority and what stands before the server's own paths.
pub fn path(url: &str) -> &str {
    let start = ["/fhir/", "/bulk-data/"].iter().find_map(|base| url.find(base));
    &url[start.unwrap_or_else(|| panic!("{url} is no URL of ours"))..]
}

/// POST with Parameters of these names and values, each of its type.
pub fn kick_off(authority: &str, path: &str, parameters: &[(&str, &str)], headers: &str) -> Answer {
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
    let body = json!({"resourceType": "Parameters", "parameter": entries}).to_string();
    let kind = "Content-Type: application/fhir+json\r\n";
    let headers = format!("{kind}Content-Length: {}\r\n{headers}", body.len());
    send(authority, "POST", path, &headers, body.as_bytes())
}

/// Where to ask for the state of an export that was just accepted.
pub fn location(started: &Answer) -> String {
    assert_eq!(started.status, 202, "{}", started.text());
    started.header("content-location").expect("a Content-Location").to_owned()
}

/// What is answered once the export is over, which takes these small ones no time.
pub fn ended(authority: &str, started: &Answer) -> Answer {
    let location = location(started);
    for _ in 0..100_000 {
        let answer = get(authority, path(&location), "");
        if answer.status != 202 {
            return answer;
        }
        thread::yield_now();
    }
    panic!("{location} does not end");
}
