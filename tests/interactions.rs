//! The RESTful side of `/fhir`: what the server says of itself, reads, searches, the published
//! dataset, and HTTP itself: methods, bodies, names.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use crate::support::bulk::{ended, kick_off, location, path};
use crate::support::client::{Answer, get, parse, raw, send};
use crate::support::{Dir, Served};

const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00Z"},"identifier":[{"system":"urn:x","value":"1"}]}
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
const PUBLISH: &str = "/fhir/$bulk-publish";
const FHIR_JSON: Option<&str> = Some("application/fhir+json");

fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    dir
}

fn served() -> (Dir, Served) {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// The line that came in for a resource.
fn line(resource_type: &str, id: &str) -> String {
    let start = format!(r#"{{"resourceType":"{resource_type}","id":"{id}""#);
    DATA.lines().find(|line| line.starts_with(&start)).expect("it is in the data").to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A search that must succeed; its Bundle.
fn bundle(served: &Served, target: &str) -> Value {
    let answer = served.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("content-type"), FHIR_JSON);
    let bundle = answer.json();
    assert_eq!((&bundle["resourceType"], &bundle["type"]), (&json!("Bundle"), &json!("searchset")));
    bundle
}

/// The ids in a Bundle, in its order.
fn ids(bundle: &Value) -> Vec<String> {
    list(&bundle["entry"]).iter().map(|entry| text(&entry["resource"]["id"]).to_owned()).collect()
}

/// The ids that a search finds, with blanks between.
fn found(served: &Served, target: &str) -> String {
    ids(&bundle(served, target)).join(" ")
}

/// The URL of a relation in a Bundle.
fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    list(&bundle["link"]).iter().find(|l| l["relation"] == relation).map(|l| text(&l["url"]))
}

/// Every string anywhere in a value.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

// What the server says of itself.

#[test]
fn the_capability_statement_has_what_r4_demands() {
    let (_dir, served) = served();
    for accept in ["", "Accept: application/fhir+json\r\n", "Accept: application/json\r\n"] {
        let answer = served.get_with("/fhir/metadata", accept);
        assert_eq!((answer.status, answer.header("content-type")), (200, FHIR_JSON), "{accept}");
    }
    let statement = served.get("/fhir/metadata").json();
    assert_eq!(statement["resourceType"], "CapabilityStatement");
    assert_eq!(statement["status"], "active");
    assert_eq!(statement["kind"], "instance");
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert!(list(&statement["format"]).contains(&json!("application/fhir+json")));
    let date = text(&statement["date"]);
    assert!(fhirlite::Instant::parse(date).is_some(), "{date}");
    // An instance says which (cpb-15), and what software it is.
    assert_eq!(statement["implementation"]["url"], format!("{}/fhir", served.url));
    assert!(statement["implementation"]["description"].is_string());
    assert_eq!(statement["software"]["name"], "fhirlite");
    assert_eq!(
        statement["instantiates"],
        json!(["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"])
    );
    assert_eq!(list(&statement["rest"]).len(), 1);
    assert_eq!(statement["rest"][0]["mode"], "server");
    let types: Vec<&str> =
        list(&statement["rest"][0]["resource"]).iter().map(|r| text(&r["type"])).collect();
    assert_eq!(
        types,
        ["Binary", "DocumentReference", "Group", "Observation", "Patient"],
        "each once (cpb-9)"
    );
}

#[test]
fn the_capability_statement_follows_the_store() {
    let (dir, served) = served();
    let types = |served: &Served| -> Vec<String> {
        let statement = served.get("/fhir/metadata").json();
        let resources = list(&statement["rest"][0]["resource"]);
        resources.iter().map(|resource| text(&resource["type"]).to_owned()).collect()
    };
    let before = types(&served);
    assert!(!before.contains(&"Device".to_owned()));
    dir.write("more.ndjson", r#"{"resourceType":"Device","id":"x"}"#);
    dir.import(0, &["s.db", "more.ndjson"]);
    let mut expected = [before, vec!["Device".to_owned()]].concat();
    expected.sort();
    assert_eq!(types(&served), expected);
    // Where there is nothing yet, Patient and Group have their operations all the same.
    dir.write("empty.ndjson", "");
    let empty = dir.serve(&["empty.db", "empty.ndjson"]);
    assert_eq!(types(&empty), ["Group", "Patient"]);
}

#[test]
fn every_interaction_and_parameter_that_is_claimed_is_there() {
    let (_dir, served) = served();
    let statement = served.get("/fhir/metadata").json();
    let mut tried = BTreeSet::new();
    for resource in list(&statement["rest"][0]["resource"]) {
        let of_type = text(&resource["type"]);
        let all = bundle(&served, &format!("/fhir/{of_type}"));
        let first = &all["entry"][0]["resource"];
        let (id, version) = (text(&first["id"]), text(&first["meta"]["versionId"]));
        for interaction in list(&resource["interaction"]) {
            let code = text(&interaction["code"]);
            let target = match code {
                "read" => format!("/fhir/{of_type}/{id}?_format=json"),
                "vread" => format!("/fhir/{of_type}/{id}/_history/{version}?_format=json"),
                "search-type" => format!("/fhir/{of_type}?_id={id}"),
                other => panic!("{other} is claimed"),
            };
            let answer = served.get(&target);
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
            let found = match code {
                "search-type" => answer.json()["entry"][0]["resource"].clone(),
                _ => answer.json(),
            };
            assert_eq!(&found, first, "{target}");
            tried.insert(code.to_owned());
        }
        assert_eq!(resource["versioning"], "versioned");
        assert_eq!(resource["readHistory"], true);
        let mut names = Vec::new();
        for parameter in list(&resource["searchParam"]) {
            let name = text(&parameter["name"]);
            let (kind, value) = match name {
                "_id" => ("token", id.to_owned()),
                "_lastUpdated" => ("date", "ge2000".to_owned()),
                "identifier" => ("token", "urn:none%7C0".to_owned()),
                "name" => ("string", "Hea".to_owned()),
                other => panic!("{other} is claimed"),
            };
            assert_eq!(parameter["type"], kind, "{of_type} {name}");
            let bundle = bundle(&served, &format!("/fhir/{of_type}?{name}={value}"));
            assert_eq!(ids(&bundle).is_empty(), name == "identifier", "{of_type} {name}");
            names.push(name);
        }
        assert_eq!(names.contains(&"name"), of_type == "Group");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "cpb-12");
        assert!(["_id", "_lastUpdated", "identifier"].iter().all(|name| names.contains(name)));
    }
    assert_eq!(tried.into_iter().collect::<Vec<_>>(), ["read", "search-type", "vread"]);
}

/// Level, name and definition of every operation that the statement names.
fn operations(served: &Served) -> Vec<(String, String, String)> {
    let statement = served.get("/fhir/metadata").json();
    let rest = &statement["rest"][0];
    let everything = json!({"type": "", "operation": rest["operation"]});
    let mut operations = Vec::new();
    for resource in list(&rest["resource"]).iter().chain([&everything]) {
        for operation in list(&resource["operation"]) {
            let [name, definition] = ["name", "definition"].map(|key| text(&operation[key]));
            operations.push((text(&resource["type"]).to_owned(), name.into(), definition.into()));
        }
    }
    operations
}

#[test]
fn every_operation_has_a_definition_of_its_version_that_can_be_read() {
    let (_dir, served) = served();
    let guide = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/";
    let mut seen = BTreeSet::new();
    for (on, name, definition) in operations(&served) {
        let (url, version) = match definition.split_once('|') {
            Some((url, version)) => (url, Some(version)),
            None => (definition.as_str(), None),
        };
        let stem = url.strip_prefix(guide).expect("one of the guide's");
        let expected = match (name.as_str(), on.as_str()) {
            ("bulk-publish", "") => "bulk-publish",
            ("export" | "export-v4", "") => "export",
            ("export" | "export-v4", "Patient") => "patient-export",
            ("export" | "export-v4", "Group") => "group-export",
            other => panic!("{other:?} is named"),
        };
        assert_eq!(stem, expected);
        let id = if name == "export-v4" { format!("{stem}-v4") } else { stem.to_owned() };
        let answer = served.get(&format!("/fhir/OperationDefinition/{id}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, FHIR_JSON), "{id}");
        let read = answer.json();
        assert_eq!(read["resourceType"], "OperationDefinition");
        assert_eq!(read["id"], id.as_str());
        assert_eq!(read["url"], url);
        assert!(version.is_none_or(|version| read["version"] == version), "{definition}: {read}");
        assert_eq!((&read["status"], &read["kind"]), (&json!("active"), &json!("operation")));
        assert_eq!(read["code"], name.as_str());
        let name_of_it = text(&read["name"]);
        assert!(name_of_it.starts_with(|c: char| c.is_ascii_uppercase()), "{name_of_it} (opd-0)");
        assert!(name_of_it.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "opd-0");
        let levels = ["system", "type", "instance"].map(|key| read[key].as_bool().unwrap());
        let expected = match on.as_str() {
            "" => [true, false, false],
            "Patient" => [false, true, true],
            _ => [false, false, true],
        };
        assert_eq!(levels, expected, "{id}");
        let resource = if on.is_empty() { Value::Null } else { json!([on]) };
        assert_eq!(read["resource"], resource, "{id}");
        let mut names = BTreeSet::new();
        for parameter in list(&read["parameter"]) {
            assert_eq!((&parameter["use"], &parameter["min"]), (&json!("in"), &json!(0)), "{id}");
            assert!(["1", "*"].contains(&text(&parameter["max"])), "{id} {parameter}");
            assert!(parameter["type"].is_string(), "{id} {parameter}");
            assert!(names.insert(text(&parameter["name"]).to_owned()), "{id} {parameter} twice");
        }
        assert_eq!(names.contains("patient"), !on.is_empty(), "{id}");
        assert!(seen.insert(id));
    }
    assert_eq!(seen.len(), 7);
    served.get("/fhir/OperationDefinition/bulk-submit").assert_outcome(404, "bulk-submit");
}

#[test]
fn every_parameter_that_a_definition_has_is_taken_and_no_other() {
    let (_dir, served) = served();
    let value = |name: &str| match name {
        "_outputFormat" => "ndjson",
        "_since" | "_until" => "2020-01-01T00:00:00Z",
        "_type" => "Patient",
        "_elements" => "Patient.birthDate",
        "patient" => "Patient/a",
        "includeAssociatedData" => "LatestProvenanceResources",
        "organizeOutputBy" => "Patient",
        "allowPartialManifests" => "true",
        "_minimumFileSize" | "_maximumFileSize" => "1000",
        other => panic!("{other} is defined"),
    };
    for (on, name, definition) in operations(&served) {
        if name == "bulk-publish" {
            continue;
        }
        let stem = definition.split('|').next().unwrap().rsplit('/').next().unwrap();
        let id = if name == "export-v4" { format!("{stem}-v4") } else { stem.to_owned() };
        let read = served.get(&format!("/fhir/OperationDefinition/{id}")).json();
        let level = match on.as_str() {
            "" => String::new(),
            "Group" => "Group/g/".to_owned(),
            other => format!("{other}/"),
        };
        let target = format!("/fhir/{level}${name}");
        for parameter in list(&read["parameter"]) {
            let name = text(&parameter["name"]);
            let answer = kick_off(served.authority(), &target, &[(name, value(name))], "");
            assert_eq!(answer.status, 202, "{target} {name}: {}", answer.text());
        }
        for name in ["_typeFilter", "_sort", "_count"] {
            let answer = kick_off(served.authority(), &target, &[(name, "x")], "");
            answer.assert_outcome(400, name);
        }
    }
}

/// <https://hl7.org/fhir/R4/operations.html#executing>: what affects no state can be got.
#[test]
fn an_operation_that_says_it_affects_no_state_can_be_got() {
    let (_dir, served) = served();
    for (id, target) in [
        ("export", "/fhir/$export"),
        ("patient-export", "/fhir/Patient/$export"),
        ("group-export", "/fhir/Group/g/$export"),
        ("bulk-publish", PUBLISH),
        ("export-v4", "/fhir/$export-v4"),
        ("patient-export-v4", "/fhir/Patient/$export-v4"),
        ("group-export-v4", "/fhir/Group/g/$export-v4"),
    ] {
        let definition = served.get(&format!("/fhir/OperationDefinition/{id}")).json();
        let is_got = served.get(target).status != 405;
        assert_eq!(is_got, definition["affectsState"] == false, "{id}");
    }
}

// Reads.

#[test]
fn a_read_is_the_resource_byte_for_byte_with_its_validators() {
    let (_dir, served) = served();
    for (id, etag, modified) in [
        ("a", "W/\"1\"", "Mon, 15 Jun 2020 10:00:00 GMT"),
        ("b", "W/\"7\"", "Mon, 15 Jun 2020 12:00:00 GMT"),
    ] {
        let target = format!("/fhir/Patient/{id}");
        let answer = served.get(&target);
        assert_eq!((answer.status, answer.text()), (200, line("Patient", id)));
        assert_eq!(answer.header("content-type"), FHIR_JSON);
        assert_eq!(answer.header("etag"), Some(etag));
        assert_eq!(answer.header("last-modified"), Some(modified));
        for known in [etag, "*", etag.trim_start_matches("W/"), &format!("\"x\", {etag}")] {
            let again = served.get_with(&target, &format!("If-None-Match: {known}\r\n"));
            assert_eq!((again.status, again.body.len()), (304, 0), "{known}");
            assert_eq!(again.header("etag"), Some(etag));
            assert_eq!(again.header("content-length"), None);
        }
        let other = served.get_with(&target, "If-None-Match: W/\"2\"\r\n");
        assert_eq!((other.status, other.text()), (200, line("Patient", id)));
    }
    // An attachment's URL stays as it is: only exports take it out of its place.
    assert_eq!(served.get("/fhir/DocumentReference/d").text(), line("DocumentReference", "d"));
    served.get("/fhir/Patient/%61").assert_same(&served.get("/fhir/Patient/a"));
}

/// Same answer, but for the second it was given in.
trait Same {
    fn assert_same(&self, other: &Answer);
}

impl Same for Answer {
    fn assert_same(&self, other: &Answer) {
        assert_eq!(undated(self), undated(other));
        assert_eq!(self.body, other.body);
    }
}

fn undated(answer: &Answer) -> Vec<&str> {
    answer.head.lines().filter(|line| !line.starts_with("Date: ")).collect()
}

#[test]
fn what_is_not_there_is_404_and_what_was_deleted_is_410() {
    let (_dir, served) = served();
    served.get("/fhir/Patient/nobody").assert_outcome(404, "Patient/nobody");
    served.get("/fhir/Observation/gone").assert_outcome(410, "Observation/gone");
    served.get("/fhir/Patient/gone").assert_outcome(404, "Patient/gone");
    served.get("/fhir/Device/x").assert_outcome(404, "Device/x");
    served.get("/fhir/Patient/").assert_outcome(404, "Patient/");
    for target in [
        "/fhir",
        "/fhir/",
        "/fhir/Martian",
        "/fhir/Martian/x",
        "/fhir/patient/a",
        "/fhir/Patient/a/",
        "/fhir/Patient/a/Observation",
        "/fhir/Patient/a/_history",
        "/fhir/Patient/_history",
        "/fhir/_history",
        "/fhir/Patient/a/$everything",
        "/fhir/Observation/$export",
        "/fhir/Observation/o/$export",
        "/FHIR/metadata",
        "/fhir/$export/x",
        "/fhir/metadata/x",
        "/health/x",
    ] {
        served.get(target).assert_outcome(404, "");
    }
    // It can come back.
    assert_eq!(served.get("/fhir/Observation/gone/_history/1").text(), line("Observation", "gone"));
}

#[test]
fn every_version_can_be_read_while_it_is_kept() {
    let (dir, served) = served();
    dir.write("more.ndjson", r#"{"resourceType":"Patient","id":"a","active":true}"#);
    dir.import(0, &["s.db", "more.ndjson"]);
    let now = served.get("/fhir/Patient/a");
    assert_eq!(now.header("etag"), Some("W/\"2\""));
    assert_eq!(now.text(), dir.get("s.db", "Patient/a"));
    served.get("/fhir/Patient/a/_history/2").assert_same(&now);
    let before = served.get("/fhir/Patient/a/_history/1");
    assert_eq!((before.status, before.text()), (200, line("Patient", "a")));
    assert_eq!(before.header("etag"), Some("W/\"1\""));
    assert_eq!(before.header("last-modified"), Some("Mon, 15 Jun 2020 10:00:00 GMT"));
    let known = "If-None-Match: W/\"1\"\r\n";
    assert_eq!(served.get_with("/fhir/Patient/a", known).status, 200);
    assert_eq!(served.get_with("/fhir/Patient/a/_history/1", known).status, 304);
    for version in ["3", "0", "", "x", "%2e%2e"] {
        let target = format!("/fhir/Patient/a/_history/{version}");
        served.get(&target).assert_outcome(404, "version");
    }
    served.get("/fhir/Patient/nobody/_history/1").assert_outcome(404, "Patient/nobody");
}

#[test]
fn a_binary_is_its_content_unless_fhir_is_asked_for() {
    let (_dir, served) = served();
    let raw_text = ("text/plain", "hello".to_owned());
    let raw_json = ("application/json", "{\"a\":1}".to_owned());
    let fhir = |id: &str| ("application/fhir+json", line("Binary", id));
    let accept = |value: &str| format!("Accept: {value}\r\n");
    for (target, headers, expected) in [
        ("text", String::new(), &raw_text),
        ("text", accept("*/*"), &raw_text),
        ("text", accept("text/plain"), &raw_text),
        ("text", accept("image/png"), &raw_text),
        ("text", accept("application/fhir+json"), &fhir("text")),
        ("text", accept("application/fhir+json; fhirVersion=4.0"), &fhir("text")),
        ("text", accept("application/json"), &fhir("text")),
        ("text", accept("Application/FHIR+JSON, */*;q=0.1"), &fhir("text")),
        ("text", accept("text/plain") + &accept("application/fhir+json"), &raw_text),
        ("text", accept("image/png") + &accept("application/fhir+json"), &fhir("text")),
        ("text", accept("application/fhir+json;q=0, */*"), &raw_text),
        ("text?_format=json", String::new(), &fhir("text")),
        ("text?_format=application/fhir%2Bjson", accept("text/plain"), &fhir("text")),
        ("text?_format=text/plain", accept("application/fhir+json"), &raw_text),
        ("json", String::new(), &raw_json),
        ("json", accept("application/json"), &raw_json),
        ("json", accept("application/fhir+json"), &fhir("json")),
        ("json?_format=application/fhir%2Bjson", accept("application/json"), &fhir("json")),
        ("empty", String::new(), &("text/plain", String::new())),
        ("empty", accept("application/fhir+json"), &fhir("empty")),
        // What is no base64 is at least the resource.
        ("broken", String::new(), &fhir("broken")),
        ("text/_history/1", String::new(), &raw_text),
    ] {
        let answer = served.get_with(&format!("/fhir/Binary/{target}"), &headers);
        assert_eq!(answer.status, 200, "{target} {headers:?}");
        let got = (answer.header("content-type").unwrap(), answer.text());
        assert_eq!(got, *expected, "{target} {headers:?}");
        assert_eq!(answer.header("etag"), Some("W/\"1\""));
        assert_eq!(answer.header("vary"), Some("Accept"));
    }
    assert_eq!(served.get_with("/fhir/Binary/text", "If-None-Match: W/\"1\"\r\n").status, 304);
}

// Searches.

#[test]
fn a_search_is_a_bundle_with_links_and_full_urls() {
    let (_dir, served) = served();
    let target = "/fhir/Patient?_id=c,a&_format=json";
    let bundle = bundle(&served, target);
    assert_eq!(bundle["total"], 2);
    assert_eq!(
        bundle["link"],
        json!([{"relation": "self", "url": format!("{}{target}", served.url)}])
    );
    for (entry, id) in list(&bundle["entry"]).iter().zip(["a", "c"]) {
        assert_eq!(entry["fullUrl"], format!("{}/fhir/Patient/{id}", served.url));
        assert_eq!(entry["search"], json!({"mode": "match"}));
        assert_eq!(entry["resource"], serde_json::from_str::<Value>(&line("Patient", id)).unwrap());
    }
    assert_eq!(list(&bundle["entry"]).len(), 2);
    // Byte for byte in there, too.
    assert!(served.get(target).text().contains(&line("Patient", "a")));
    let none = self::bundle(&served, "/fhir/Patient?_id=nobody");
    assert_eq!((&none["total"], list(&none["entry"]).len()), (&json!(0), 0));
    assert_eq!(self::bundle(&served, "/fhir/Device")["total"], 0);
}

#[test]
fn ids_and_identifiers_find_what_they_name() {
    let (_dir, served) = served();
    for (query, expected) in [
        ("_id=a", "a"),
        ("_id=b,a,a,nobody", "a b"),
        ("_id=a&_id=b", ""),
        ("_id=a,b&_id=b,c", "b"),
        ("_id=A", ""),
        ("identifier=1", "a b c"),
        ("identifier=urn:x%7C1", "a"),
        ("identifier=urn:x|1", "a"),
        ("identifier=%7C1", "c"),
        ("identifier=urn:x%7C1,urn:y%7C1", "a b"),
        ("identifier=urn:x%7C1&identifier=1", "a"),
        ("identifier=urn:x%7C1&_id=b", ""),
        ("identifier=1&_id=b,c", "b c"),
        ("identifier=a%5C,b%5C%7Cc", "b"),
        ("identifier=2", ""),
        ("identifier=urn:z%7C1", ""),
    ] {
        assert_eq!(found(&served, &format!("/fhir/Patient?{query}")), expected, "{query}");
    }
    assert_eq!(found(&served, "/fhir/Group?identifier=urn:x%7Cg"), "g");
    assert_eq!(found(&served, "/fhir/Patient?identifier=urn:x%7Cg"), "");
    for query in ["identifier=", "identifier=%7C"] {
        served.get(&format!("/fhir/Patient?{query}")).assert_outcome(400, "identifier");
    }
}

#[test]
fn last_updated_is_compared_as_each_prefix_says() {
    let (_dir, served) = served();
    // a at 10:00:00, b at 12:00:00.500 (14:00 at +02:00) of 2020-06-15, c at the new year of 2021.
    for (value, expected) in [
        ("2020-06-15", "a b"),
        ("eq2020-06-15", "a b"),
        ("ne2020-06-15", "c"),
        ("gt2020-06-15", "c"),
        ("sa2020-06-15", "c"),
        ("ge2020-06-15", "a b c"),
        ("lt2020-06-15", ""),
        ("eb2020-06-15", ""),
        ("le2020-06-15", "a b"),
        ("lt2021", "a b"),
        ("2020", "a b"),
        ("2020-06", "a b"),
        ("ge2021", "c"),
        ("gt2021", ""),
        ("2020-06-15T10:00:00Z", "a"),
        ("2020-06-15T12:00:00Z", "b"),
        ("2020-06-15T14:00:00.500%2B02:00", "b"),
        ("2020-06-15T14:00:00.500+02:00", "b"),
        ("2020-06-15T12:00:00.501Z", ""),
        ("gt2020-06-15T12:00:00Z", "c"),
        ("gt2020-06-15T12:00:00.499Z", "b c"),
        ("ge2020-06-15T12:00:00.500Z", "b c"),
        ("gt2020-06-15T12:00:00.500Z", "c"),
        ("lt2020-06-15T12:00:00Z", "a"),
        ("le2020-06-15T12:00:00Z", "a b"),
        ("eb2020-06-15T12:00:00.500Z", "a"),
        ("sa2020-06-15T11:59:59Z", "b c"),
        ("2020-06-15T10:00:00Z,2021-01-01", "a c"),
        ("gt2020-06-15T11:00:00Z&_lastUpdated=lt2021", "b"),
    ] {
        let target = format!("/fhir/Patient?_lastUpdated={value}");
        assert_eq!(found(&served, &target), expected, "{value}");
        assert_eq!(found(&served, &format!("{target}&_id=a,b,c")), expected, "{value} with ids");
    }
    for wrong in ["", "yesterday", "xx2020", "2020-13", "2020-06-15T25:00:00Z", "gt", "2020,x"] {
        let target = format!("/fhir/Patient?_lastUpdated={wrong}");
        served.get(&target).assert_outcome(400, "_lastUpdated");
    }
}

/// <https://hl7.org/fhir/R4/search.html#date>: of a time, hour and minute must be there, seconds need
/// not.
#[test]
fn last_updated_may_be_given_to_the_minute() {
    let (_dir, served) = served();
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=2020-06-15T10:00Z"), "a");
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=2020-06-15T12:00%2B02:00"), "a");
    assert_eq!(found(&served, "/fhir/Patient?_lastUpdated=lt2020-06-15T10:00Z"), "");
}

#[test]
fn groups_are_found_by_name() {
    let (_dir, served) = served();
    for (query, expected) in [
        ("name=Heart", "g h"),
        ("name=heart%20fail", "g"),
        ("name=heart+fail", "g"),
        ("name=Failure", ""),
        ("name=heart%20failures", ""),
        ("name:exact=Heart", "h"),
        ("name:exact=heart", ""),
        ("name:contains=FAIL", "g"),
        ("name:contains=art", "g h"),
        ("name=x,Heart%20F", "g"),
        ("name=heart&name:contains=fail", "g"),
        ("name=heart&_id=h", "h"),
    ] {
        assert_eq!(found(&served, &format!("/fhir/Group?{query}")), expected, "{query}");
    }
    served.get("/fhir/Patient?name=x").assert_outcome(400, "name");
    served.get("/fhir/Group?name:missing=true").assert_outcome(400, "name:missing");
}

/// The pages of a search from the first to the last.
fn pages(served: &Served, target: &str) -> Vec<Value> {
    let mut pages = vec![bundle(served, target)];
    while let Some(next) = link(pages.last().unwrap(), "next").map(str::to_owned) {
        assert!(pages.len() < 1000, "the pages have no end");
        assert!(next.starts_with(&format!("{}/fhir/", served.url)), "{next}");
        pages.push(bundle(served, &next));
    }
    pages
}

#[test]
fn pages_followed_to_their_end_lose_and_repeat_nothing() {
    let dir = Dir::new();
    let all: Vec<String> = (0..1203).map(|n| format!("p{n:04}")).collect();
    let data: String = all
        .iter()
        .map(|id| {
            let value = id.len() + usize::from(id.ends_with('7'));
            format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"identifier\":[{{\"system\":\"urn:é&+\",\"value\":\"{value}\"}}]}}\n")
        })
        .collect();
    dir.write("in.ndjson", data);
    let served = dir.serve(&["s.db", "in.ndjson"]);
    let sevens: Vec<String> = all.iter().filter(|id| id.ends_with('7')).cloned().collect();
    let of_sevens = "identifier=urn:%C3%A9%26%2B%7C6";
    for (query, expected, sizes) in [
        ("", &all, vec![100; 12].into_iter().chain([3]).collect::<Vec<_>>()),
        ("?_count=401", &all, vec![401, 401, 401]),
        ("?_count=1203", &all, vec![1000, 203]),
        ("?_count=99999999", &all, vec![1000, 203]),
        (&format!("?{of_sevens}"), &sevens, vec![100, 20]),
        (&format!("?{of_sevens}&_count=60"), &sevens, vec![60, 60]),
        (&format!("?_count=119&_lastUpdated=ge2020-01-01&{of_sevens}"), &sevens, vec![119, 1]),
    ] {
        let pages = pages(&served, &format!("/fhir/Patient{query}"));
        let found: Vec<Vec<String>> = pages.iter().map(ids).collect();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{query}");
        assert_eq!(found.concat(), *expected, "{query}");
        let own = pages.iter().map(|page| link(page, "self").unwrap().to_owned());
        assert_eq!(own.collect::<BTreeSet<_>>().len(), pages.len(), "each has a URL of its own");
    }
    for wrong in ["_count=x", "_count=-1", "_count=", "_after=x"] {
        served.get(&format!("/fhir/Patient?{wrong}")).assert_outcome(400, &wrong[..6]);
    }
    // What comes after a page was handed out is on a later one; what is on it is not repeated.
    let first = bundle(&served, "/fhir/Patient?_count=1000");
    dir.write("more.ndjson", "{\"resourceType\":\"Patient\",\"id\":\"new\"}\n");
    dir.import(0, &["s.db", "more.ndjson"]);
    let rest = bundle(&served, link(&first, "next").unwrap());
    assert_eq!(ids(&rest).len(), 204);
    assert_eq!(ids(&rest).last().unwrap(), "new");
    assert!(ids(&rest).iter().all(|id| !ids(&first).contains(id)));
}

/// <https://hl7.org/fhir/R4/search.html#count>: "If _count has the value 0, this SHALL be treated the
/// same as _summary=count".
#[test]
fn a_count_of_zero_asks_for_the_total() {
    let (_dir, served) = served();
    let bundle = bundle(&served, "/fhir/Patient?_count=0");
    assert_eq!((&bundle["total"], list(&bundle["entry"]).len()), (&json!(3), 0));
}

/// <https://hl7.org/fhir/R4/http.html#search>: a server that can be searched by GET can be by POST.
#[test]
fn a_search_can_be_posted() {
    let (_dir, served) = served();
    let body = "_id=a";
    let headers = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 5\r\n";
    let posted =
        send(served.authority(), "POST", "/fhir/Patient/_search", headers, body.as_bytes());
    assert_eq!(posted.status, 200, "{}", posted.text());
    assert_eq!(ids(&posted.json()), ["a"]);
}

#[test]
fn a_parameter_that_cannot_be_searched_for_is_400_or_left_out() {
    let (_dir, served) = served();
    let lenient = "Prefer: handling=lenient\r\n";
    for query in ["birthdate=2020", "_sort=_id", "_include=*", "_id:not=a", "_summary=count", "x"] {
        let target = format!("/fhir/Patient?{query}&_id=a");
        let name = query.split('=').next().unwrap();
        served.get(&target).assert_outcome(400, name);
        served.get_with(&target, "Prefer: handling=strict\r\n").assert_outcome(400, name);
        let answer = served.get_with(&target, lenient);
        assert_eq!((answer.status, ids(&answer.json())), (200, vec!["a".to_owned()]), "{query}");
    }
    assert_eq!(found(&served, "/fhir/Patient?_id=a&_format=json&_pretty=true"), "a");
}

#[test]
fn only_json_is_spoken() {
    let (_dir, served) = served();
    let json = [
        "/fhir/metadata",
        "/fhir/Patient/a",
        "/fhir/Patient/a/_history/1",
        "/fhir/Patient",
        "/fhir/$export",
        "/fhir/Binary/broken",
    ];
    let done = |answer: Answer| matches!(answer.status, 200 | 202);
    for target in json {
        for accept in ["application/fhir+xml", "text/html", "text/turtle, application/xml"] {
            let answer = served.get_with(target, &format!("Accept: {accept}\r\n"));
            answer.assert_outcome(406, "application/fhir+json");
        }
        served.get_with(&format!("{target}?_format=xml"), "").assert_outcome(406, "json");
        let over = format!("{target}?_format=json");
        assert!(done(served.get_with(&over, "Accept: application/fhir+xml\r\n")), "{target}");
        for accept in [
            "*/*",
            "application/*",
            "text/html, */*;q=0.1",
            "application/json;charset=utf-8",
            "application/fhir+xml\r\nAccept: application/fhir+json",
        ] {
            assert!(done(served.get_with(target, &format!("Accept: {accept}\r\n"))), "{accept}");
        }
    }
}

// Publishing.

#[test]
fn the_published_manifest_changes_exactly_when_the_store_does() {
    let (dir, served) = served();
    let first = served.get(PUBLISH);
    assert_eq!(first.header("cache-control"), Some("public, max-age=10"));
    let etag = first.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
    let known = format!("If-None-Match: {etag}\r\n");
    let same = |why: &str| {
        served.get(PUBLISH).assert_same(&first);
        let again = served.get_with(PUBLISH, &known);
        assert_eq!((again.status, again.body.len()), (304, 0), "{why}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
        assert_eq!(again.header("cache-control"), Some("public, max-age=10"));
    };
    same("asked again");
    kick_off(served.authority(), "/fhir/$export", &[], "");
    same("after an export");
    let again = dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(again["created"], 1, "Observation/gone comes back: {again}");
    let second = served.get_with(PUBLISH, &known);
    assert_eq!(second.status, 200);
    assert_ne!(second.header("etag"), Some(etag.as_str()));
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    let third = served.get(PUBLISH);
    let times = [&first, &second, &third].map(|answer| {
        let time = answer.json()["transactionTime"].as_str().unwrap().to_owned();
        fhirlite::Instant::parse(&time).expect("an instant").0
    });
    assert!(times.is_sorted() && times[0] < times[2], "{times:?}");
    assert_ne!(third.body, first.body, "a deletion is a change, also of the transactionTime");
}

#[test]
fn the_published_manifest_stays_where_nothing_changes() {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let first = served.get(PUBLISH);
    assert_eq!(dir.import(0, &["s.db", "in.ndjson"])["unchanged"], DATA.lines().count());
    served.get(PUBLISH).assert_same(&first);
    assert_eq!(dir.run(["delete", "s.db", "Patient/nobody"]).code, 1);
    served.get(PUBLISH).assert_same(&first);
}

#[test]
fn a_published_file_is_for_ever_and_everybody() {
    let (dir, served) = served();
    let manifest = served.get(PUBLISH).json();
    let files: Vec<(String, Answer)> = list(&manifest["output"])
        .iter()
        .map(|file| (text(&file["url"]).to_owned(), served.get(text(&file["url"]))))
        .collect();
    assert_eq!(files.len(), 5);
    for (url, file) in &files {
        assert_eq!(file.status, 200, "{url}");
        assert_eq!(
            file.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{url}"
        );
        assert_eq!(file.header("content-type"), Some("application/fhir+ndjson"));
    }
    dir.write("more.ndjson", DATA.replace("\"Patient/a\"", "\"Patient/c\""));
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/b", "Group/g"]).code, 0);
    for (url, file) in &files {
        served.get(url).assert_same(file);
        let known = format!("If-None-Match: {}\r\n", file.header("etag").unwrap());
        assert_eq!(served.get_with(url, &known).status, 304, "{url}");
    }
    // An attachment leads to where it is read.
    let (_, documents) = files.iter().find(|(url, _)| url.contains("DocumentReference")).unwrap();
    let absolute = format!("\"{}/fhir/Binary/text\"", served.url);
    let expected = line("DocumentReference", "d").replace("\"Binary/text\"", &absolute);
    assert_eq!(documents.text(), format!("{expected}\n"));
}

#[test]
fn an_empty_store_is_published_as_nothing() {
    let dir = Dir::new();
    dir.write("empty.ndjson", "");
    let served = dir.serve(&["s.db", "empty.ndjson"]);
    let manifest = served.get(PUBLISH).json();
    assert_eq!(manifest["output"], json!([]));
    assert!(fhirlite::Instant::parse(text(&manifest["transactionTime"])).is_some());
}

// HTTP itself.

#[test]
fn health_is_200_and_fresh() {
    let (_dir, served) = served();
    let answer = served.get("/health");
    assert_eq!((answer.status, answer.text()), (200, "{\"status\":\"ok\"}\n".to_owned()));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// A path of every kind with the methods that it takes, two jobs among them.
fn every_path(served: &Served) -> Vec<(String, &'static str)> {
    let reading = "GET, HEAD, OPTIONS";
    let authority = served.authority();
    let paged = [("allowPartialManifests", "true"), ("_maximumFileSize", "1")];
    let started = kick_off(authority, "/fhir/$export", &paged, "");
    assert!(link(&ended(authority, &started).json(), "next").is_some(), "two pages");
    let job = path(&location(&started)).to_owned();
    let oneup = served.get_with("/bulk-data/r4/$export", "Prefer: respond-async\r\n");
    let oneup_manifest = ended(authority, &oneup).json();
    let published = served.get(PUBLISH).json();
    let signed = served.manifest("");
    let file = |manifest: &Value| path(text(&manifest["output"][0]["url"])).to_owned();
    let mut paths: Vec<(String, &str)> = [
        "/health",
        "/fhir/metadata",
        PUBLISH,
        "/fhir/OperationDefinition/export",
        "/fhir/Patient",
        "/fhir/Patient/a",
        "/fhir/Patient/a/_history/1",
        "/fhir/Binary/text",
        "/bulk-data/r4/$export",
    ]
    .iter()
    .map(|path| (path.to_string(), reading))
    .collect();
    paths.push((format!("{job}/manifest/2"), reading));
    paths.push((format!("{job}/Patient.001.ndjson"), reading));
    paths.push((file(&oneup_manifest), reading));
    paths.push((file(&published), reading));
    paths.push((file(&signed), reading));
    paths.push((job, "GET, HEAD, DELETE, OPTIONS"));
    paths.push((path(&location(&oneup)).to_owned(), "GET, HEAD, DELETE, OPTIONS"));
    // Behind its manifest is a job, which asking what it would be must not begin.
    paths.push(("/bulk-data/r4/Group/g/$export".to_owned(), "GET, OPTIONS"));
    for level in ["", "Patient/", "Patient/a/", "Group/g/"] {
        paths.push((format!("/fhir/{level}$export"), "GET, POST, OPTIONS"));
        paths.push((format!("/fhir/{level}$export-v4"), "POST, OPTIONS"));
    }
    paths
}

#[test]
fn every_path_takes_the_methods_that_it_names_and_no_others() {
    let (_dir, served) = served();
    for (path, allow) in every_path(&served) {
        let allowed: Vec<&str> = allow.split(", ").collect();
        // DELETE last: it takes the path away.
        for method in ["OPTIONS", "HEAD", "GET", "POST", "PUT", "PATCH", "BREW", "DELETE"] {
            let answer = send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
            if allowed.contains(&method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                assert!(answer.status < 300 || answer.status == 501, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
            if method != "HEAD" {
                answer.assert_outcome(405, &format!("{method} is not supported here"));
            }
        }
    }
}

#[test]
fn head_is_get_without_its_body_everywhere() {
    let (_dir, served) = served();
    let mut paths: Vec<String> = every_path(&served)
        .into_iter()
        .filter(|(_, allow)| allow.contains("HEAD"))
        .map(|(path, _)| path)
        .collect();
    paths.extend(["/fhir/Patient/nobody", "/fhir/nothing", "/fhir/Patient?x=1"].map(str::to_owned));
    // Each of these manifests has names of its own time in it.
    paths.retain(|path| path != "/bulk-data/r4/$export");
    for path in paths {
        let (get, head) = (served.get(&path), send(served.authority(), "HEAD", &path, "", b""));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(undated(&head), undated(&get), "{path}");
        assert_eq!(
            get.header("content-length"),
            Some(get.body.len().to_string().as_str()),
            "{path}"
        );
    }
}

#[test]
fn no_header_is_sent_twice() {
    let (_dir, served) = served();
    for (path, allow) in every_path(&served) {
        let method = if allow.starts_with("GET") { "GET" } else { "POST" };
        let answer = send(served.authority(), method, &path, "Content-Length: 0\r\n", b"");
        let names: Vec<&str> =
            answer.head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{path}: {names:?}");
    }
}

#[test]
fn pages_from_elsewhere_may_ask_for_everything_there_is() {
    let (_dir, served) = served();
    for (path, allow) in every_path(&served) {
        let plain = send(served.authority(), "OPTIONS", &path, "", b"");
        assert_eq!((plain.status, plain.body.len()), (204, 0), "{path}");
        assert_eq!(plain.header("allow"), Some(allow), "{path}");
        assert_eq!(plain.header("access-control-allow-methods"), None, "{path}");
        let asked = "Origin: https://app.example.org\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: content-type, prefer\r\n";
        let preflight = send(served.authority(), "OPTIONS", &path, asked, b"");
        assert_eq!(preflight.status, 204, "{path}");
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        assert_eq!(preflight.header("access-control-allow-methods"), Some(allow), "{path}");
        let headers = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        for name in ["accept", "authorization", "content-type", "if-none-match", "prefer", "range"]
        {
            assert!(headers.split(", ").any(|known| known == name), "{path}: {headers}");
        }
    }
    let origin = "Origin: https://app.example.org\r\n";
    let started = kick_off(served.authority(), "/fhir/$export", &[], origin);
    assert_eq!(started.header("access-control-allow-origin"), Some("*"));
    let exposed = started.header("access-control-expose-headers").unwrap().to_lowercase();
    for name in [
        "content-location",
        "retry-after",
        "x-progress",
        "x-export-status",
        "expires",
        "etag",
        "last-modified",
        "preference-applied",
    ] {
        assert!(exposed.split(", ").any(|known| known == name), "{name}: {exposed}");
    }
    let refused = served.get_with("/fhir/Patient?x=1", origin);
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (400, Some("*")));
    assert_eq!(send(served.authority(), "OPTIONS", "/nowhere", "", b"").status, 404);
}

/// POST of these bytes as this type.
fn post(served: &Served, target: &str, kind: &str, body: &[u8]) -> Answer {
    let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
    let headers = format!("{kind}Content-Length: {}\r\n", body.len());
    send(served.authority(), "POST", target, &headers, body)
}

const ONLY_PATIENTS: &str =
    r#"{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"}]}"#;

/// The types that an accepted export holds.
fn types(served: &Served, started: &Answer) -> Vec<String> {
    let manifest = ended(served.authority(), started).json();
    list(&manifest["output"]).iter().map(|file| text(&file["type"]).to_owned()).collect()
}

#[test]
fn a_body_is_json_by_any_of_its_names() {
    let (_dir, served) = served();
    for kind in [
        "application/fhir+json",
        "application/json",
        "Application/FHIR+JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/fhir+json; fhirVersion=4.0",
    ] {
        let started = post(&served, "/fhir/$export", kind, ONLY_PATIENTS.as_bytes());
        assert_eq!(types(&served, &started), ["Patient"], "{kind}");
    }
    for kind in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/fhir+xml",
        "application/fhir+ndjson",
        "application/json; charset=latin1",
        "multipart/form-data",
    ] {
        let answer = post(&served, "/fhir/$export", kind, ONLY_PATIENTS.as_bytes());
        answer.assert_outcome(415, "application/fhir+json");
    }
    // Of nothing the type does not matter.
    for kind in ["", "application/fhir+json", "text/plain"] {
        assert_eq!(types(&served, &post(&served, "/fhir/$export", kind, b"")).len(), 5, "{kind}");
    }
    let bare = send(served.authority(), "POST", "/fhir/$export", "", b"");
    assert_eq!(types(&served, &bare).len(), 5);
    // Query and body go together.
    let both =
        post(&served, "/fhir/$export?_type=Group", "application/json", ONLY_PATIENTS.as_bytes());
    assert_eq!(types(&served, &both), ["Group", "Patient"]);
    let marked = format!("\u{feff} \r\n{ONLY_PATIENTS}\n");
    let started = post(&served, "/fhir/$export", "application/json", marked.as_bytes());
    assert_eq!(types(&served, &started), ["Patient"]);
}

#[test]
fn a_body_that_is_no_parameters_is_400() {
    let (_dir, served) = served();
    let cut = &ONLY_PATIENTS[..ONLY_PATIENTS.len() - 1];
    let twice = format!("{ONLY_PATIENTS}{ONLY_PATIENTS}");
    for body in [
        "{",
        "[]",
        "null",
        "1",
        "{}",
        " ",
        cut,
        twice.as_str(),
        r#"{"resourceType":"Patient","id":"a"}"#,
        r#"{"resourceType":"Parameters","parameter":{}}"#,
        r#"{"resourceType":"Parameters","parameter":[{}]}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":1,"valueString":"x"}]}"#,
    ] {
        for edition in ["$export", "$export-v4"] {
            let target = format!("/fhir/{edition}");
            let answer = post(&served, &target, "application/fhir+json", body.as_bytes());
            answer.assert_outcome(400, "the body is no Parameters resource");
        }
    }
    // With a value that no parameter has it is one, and lenient handling leaves that parameter out.
    for odd in [
        r#"{"name":"_type"}"#,
        r#"{"name":"_type","valueString":null}"#,
        r#"{"name":"_type","valueString":"Patient","valueCode":"Group"}"#,
        r#"{"name":"_type","valueReference":{"display":"x"}}"#,
        r#"{"name":"_type","part":[]}"#,
    ] {
        let body = format!(r#"{{"resourceType":"Parameters","parameter":[{odd}]}}"#);
        let answer = post(&served, "/fhir/$export", "application/fhir+json", body.as_bytes());
        answer.assert_outcome(400, "parameter \"_type\" has a value");
        let headers = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\nPrefer: handling=lenient\r\n",
            body.len()
        );
        let lenient = send(served.authority(), "POST", "/fhir/$export", &headers, body.as_bytes());
        assert_eq!(types(&served, &lenient).len(), 5, "{odd}");
    }
    let latin = post(&served, "/fhir/$export", "application/json", b"{\"resourceType\":\"\xe9\"}");
    latin.assert_outcome(400, "UTF-8");
}

const MOST: usize = 16 << 20;

#[test]
fn a_body_of_16_mib_is_taken_and_one_byte_more_is_413() {
    let (_dir, served) = served();
    let mut whole = ONLY_PATIENTS.as_bytes().to_vec();
    whole.resize(MOST, b' ');
    let started = post(&served, "/fhir/$export", "application/json", &whole);
    assert_eq!(types(&served, &started), ["Patient"]);
    let declared = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", MOST + 1);
    send(served.authority(), "POST", "/fhir/$export", &declared, b"{")
        .assert_outcome(413, "16777216");
    // In pieces its length shows only when it is there; more is announced than ever comes.
    let chunked = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let mut pieces = format!("{:x}\r\n", 2 * MOST).into_bytes();
    pieces.resize(pieces.len() + MOST + 1, b' ');
    send(served.authority(), "POST", "/fhir/$export", chunked, &pieces)
        .assert_outcome(413, "16777216");
    assert_eq!(served.get("/health").status, 200);
}

#[test]
fn a_body_may_come_in_pieces() {
    let (_dir, served) = served();
    let headers = "Content-Type: application/fhir+json\r\nTransfer-Encoding: chunked\r\n";
    let mut pieces = Vec::new();
    for piece in ONLY_PATIENTS.as_bytes().chunks(17) {
        pieces.extend(format!("{:X};note=x\r\n", piece.len()).into_bytes());
        pieces.extend([piece, b"\r\n"].concat());
    }
    pieces.extend(b"0\r\n\r\n");
    let started = send(served.authority(), "POST", "/fhir/$export", headers, &pieces);
    assert_eq!(types(&served, &started), ["Patient"]);
    let nothing = send(served.authority(), "POST", "/fhir/$export", headers, b"0\r\n\r\n");
    assert_eq!(types(&served, &nothing).len(), 5);
    for broken in [&b"zz\r\n"[..], b"-1\r\n", b"\r\n\r\n"] {
        let answer = send(served.authority(), "POST", "/fhir/$export", headers, broken);
        answer.assert_outcome(400, "body");
    }
}

/// Sends these bytes and says that there are no more; the answer.
fn broken_off(served: &Served, request: &str) -> Answer {
    let mut socket = TcpStream::connect(served.authority()).expect("a connection");
    socket.write_all(request.as_bytes()).expect("sent");
    socket.shutdown(Shutdown::Write).expect("its end told");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    parse(&answer)
}

const POST_JSON: &str =
    "POST /fhir/$export HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

#[test]
fn a_body_that_breaks_off_starts_nothing() {
    let (_dir, served) = served();
    for rest in [
        "Content-Length: 2000\r\n\r\n{\"resourceType\":\"Parameters\"",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n1d\r\n{\"resourceType\":\"Parameters\"}\r\n",
    ] {
        broken_off(&served, &format!("{POST_JSON}{rest}")).assert_outcome(400, "body");
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9112#section-8>: a message that ends before its length is
/// incomplete, whatever what came of it looks like.
#[test]
fn a_body_shorter_than_declared_starts_nothing() {
    let (_dir, served) = served();
    for rest in [
        "Content-Length: 2000\r\n\r\n",
        "Content-Length: 2000\r\n\r\n{\"resourceType\":\"Parameters\"}",
        "Transfer-Encoding: chunked\r\n\r\n64\r\n",
        "Transfer-Encoding: chunked\r\n\r\n64\r\n{\"resourceType\":\"Parameters\"}",
    ] {
        broken_off(&served, &format!("{POST_JSON}{rest}")).assert_outcome(400, "body");
    }
}

#[test]
fn a_client_that_waits_for_leave_to_send_gets_it() {
    let (_dir, served) = served();
    let head = |length: usize| {
        format!(
            "POST /fhir/$export HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n",
            served.authority()
        )
    };
    let mut socket = TcpStream::connect(served.authority()).expect("a connection");
    socket.write_all(head(ONLY_PATIENTS.len()).as_bytes()).expect("sent");
    let mut answer = BufReader::new(socket.try_clone().expect("a second handle"));
    let mut first = String::new();
    answer.read_line(&mut first).expect("a line");
    assert_eq!(first, "HTTP/1.1 100 Continue\r\n");
    socket.write_all(ONLY_PATIENTS.as_bytes()).expect("sent");
    let mut rest = Vec::new();
    answer.read_to_end(&mut rest).expect("the answer");
    let end = rest.windows(4).position(|four| four == b"\r\n\r\n").expect("its end");
    let head_end = if rest.starts_with(b"HTTP/") { 0 } else { end + 4 };
    let rest = rest[head_end..].strip_prefix(b"\r\n").unwrap_or(&rest[head_end..]);
    assert_eq!(types(&served, &parse(rest)), ["Patient"]);
    // Of what will not be taken nothing need be sent.
    parse(&raw(served.authority(), head(MOST + 1).as_bytes())).assert_outcome(413, "16777216");
}

/// Every URL that answers at `base` give, by what asks for them.
fn assert_urls_begin_with(served: &Served, host: &str, base: &str) {
    let authority = served.authority();
    let ask = |method: &str, target: &str, headers: &str| {
        let request =
            format!("{method} {target} HTTP/1.1\r\n{host}Content-Length: 0\r\n{headers}\r\n");
        parse(&raw(authority, request.as_bytes()))
    };
    let is_ours = |url: &&str| {
        let known = ["hl7.org/", "terminology.hl7.org/"];
        url.contains("://") && !known.iter().any(|guide| url.contains(guide))
    };
    let check = |answer: &Answer, least: usize| {
        let value = answer.json();
        let urls: Vec<&str> = strings(&value).into_iter().filter(is_ours).collect();
        assert!(urls.len() >= least, "{host:?}: only {urls:?}");
        for url in urls {
            let url = &url[url.find("http").unwrap()..];
            assert!(url.starts_with(&format!("{base}/")), "{host:?}: {url}");
        }
        value
    };
    let paged = "allowPartialManifests=true&_maximumFileSize=1&organizeOutputBy=Patient";
    for target in [
        "/fhir/$export".to_owned(),
        format!("/fhir/$export?{paged}"),
        "/fhir/$export?_maximumFileSize=1&allowPartialManifests=true".to_owned(),
    ] {
        let started = ask("GET", &target, "");
        let location = location(&started);
        assert!(location.starts_with(&format!("{base}/fhir/jobs/")), "{host:?}: {location}");
        check(&started, 1);
        ended(authority, &started);
        let manifest = check(&ask("GET", path(&location), ""), 4);
        assert_eq!(manifest["request"], format!("{base}{target}"));
        if let Some(next) = link(&manifest, "next") {
            check(&ask("GET", path(next), ""), 2);
        }
        if target == "/fhir/$export" {
            let url = format!("{}/DocumentReference.ndjson", path(&location));
            let documents = ask("GET", &url, "").text();
            assert!(documents.contains(&format!("\"{base}/fhir/Binary/text\"")), "{documents}");
        }
    }
    let oneup = ask("GET", "/bulk-data/r4/$export", "Prefer: respond-async\r\n");
    assert!(location(&oneup).starts_with(&format!("{base}/bulk-data/r4/$export/job/")));
    ended(authority, &oneup);
    check(&ask("GET", path(&location(&oneup)), ""), 5);
    check(&ask("GET", "/bulk-data/r4/$export", ""), 5);
    check(&ask("GET", PUBLISH, ""), 5);
    let statement = check(&ask("GET", "/fhir/metadata", ""), 1);
    assert_eq!(statement["implementation"]["url"], format!("{base}/fhir"));
    let search = check(&ask("GET", "/fhir/Patient?_count=1", ""), 3);
    let next = link(&search, "next").expect("more");
    check(&ask("GET", path(next), ""), 3);
}

#[test]
fn urls_begin_with_what_the_client_calls_the_server() {
    let (_dir, served) = served();
    let own = served.url.clone();
    for (host, base) in [
        (format!("Host: {}\r\n", served.authority()), own.as_str()),
        ("Host: demo.example.org:99\r\n".to_owned(), "http://demo.example.org:99"),
        ("Host: [::1]:8\r\n".to_owned(), "http://[::1]:8"),
        // Others cannot say where it is.
        (
            "X-Forwarded-Host: evil.example.org\r\nForwarded: host=evil.example.org\r\n".to_owned(),
            &own,
        ),
        ("Host: a\"b\r\n".to_owned(), &own),
        ("Host: a/b\r\n".to_owned(), &own),
        ("Host: a\r\nHost: b\r\n".to_owned(), &own),
    ] {
        assert_urls_begin_with(&served, &host, base);
    }
}

#[test]
fn urls_begin_with_the_base_url_whatever_the_client_calls_the_server() {
    let dir = filled();
    for (given, base) in [
        ("https://example.org/demo", "https://example.org/demo"),
        ("https://example.org:8443/a/b/", "https://example.org:8443/a/b"),
    ] {
        let served = dir.serve(&["s.db", "--base-url", given]);
        assert_urls_begin_with(&served, "Host: other.example.org\r\n", base);
        assert_eq!(
            get(served.authority(), "/demo/fhir/metadata", "").status,
            404,
            "it is the proxy's"
        );
    }
}
