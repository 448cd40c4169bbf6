//! The manifest and the files of an export in the 1upHealth dialect, on an open server.

use serde_json::{Value, json};

use crate::support::oneup::EXPORT;
use crate::support::{Dir, Served, served};

/// Two types, known times, and a resource that is not ASCII.
const DATA: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.000Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2020-06-15T12:00:00+02:00"}}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"name":[{"family":"Nguyễn 王 😀"}]}
{"resourceType":"Observation","id":"o","meta":{"versionId":"1","lastUpdated":"2020-06-15T10:00:00.001Z"}}
"#;

fn filled() -> (Dir, Served) {
    served(DATA)
}

fn lines(resource_type: &str) -> Vec<u8> {
    let kept = |line: &&str| line.contains(&format!(r#""resourceType":"{resource_type}""#));
    DATA.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>().into_bytes()
}

/// The URL of the file with this type in a manifest.
fn url(manifest: &Value, resource_type: &str) -> String {
    let output = manifest["output"].as_array().unwrap();
    let file =
        output.iter().find(|file| file["type"] == resource_type).expect("a file of that type");
    file["url"].as_str().unwrap().to_owned()
}

fn types(manifest: &Value) -> Vec<&str> {
    manifest["output"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["type"].as_str().unwrap())
        .collect()
}

#[test]
fn the_manifest_has_exactly_its_keys() {
    let (_dir, served) = filled();
    let answer = served.get(EXPORT);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let order: Vec<usize> =
        ["\"transactionTime\"", "\"request\"", "\"requiresAccessToken\"", "\"output\""]
            .iter()
            .map(|key| answer.text().find(key).expect("the key"))
            .collect();
    assert!(order.is_sorted());
    let manifest = answer.json();
    assert_eq!(manifest.as_object().unwrap().len(), 4);
    assert_eq!(manifest["request"], format!("{}{EXPORT}", served.url));
    assert_eq!(manifest["requiresAccessToken"], false);
    let time = manifest["transactionTime"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[19] == b'.', "{time}");
    assert_eq!(types(&manifest), ["Observation", "Patient"]);
    for file in manifest["output"].as_array().unwrap() {
        assert_eq!(file.as_object().unwrap().len(), 2);
        let prefix = format!("{}{EXPORT}/{}/", served.url, file["type"].as_str().unwrap());
        let name = file["url"]
            .as_str()
            .unwrap()
            .strip_prefix(&prefix)
            .expect("an absolute URL with a literal $");
        let token = name.strip_suffix(".ndjson").expect("the ending");
        assert_eq!(token.split('.').next(), Some("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"));
    }
}

#[test]
fn files_hold_the_imported_bytes() {
    let (_dir, served) = filled();
    let manifest = served.manifest("");
    for resource_type in ["Patient", "Observation"] {
        let answer = served.get(&url(&manifest, resource_type));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
        assert_eq!(answer.body, lines(resource_type));
    }
}

#[test]
fn an_empty_store_has_an_empty_output() {
    let dir = Dir::new();
    let served = dir.serve(&["new.db"]);
    assert_eq!(served.manifest("")["output"], json!([]));
}

#[test]
fn type_selects_resource_types() {
    let (_dir, served) = filled();
    for (query, expected) in [
        ("?_type=Patient", vec!["Patient"]),
        ("?_type=Patient,Observation", vec!["Observation", "Patient"]),
        ("?_type=Patient&_type=Observation", vec!["Observation", "Patient"]),
        ("?_type=Observation%2CNobody", vec!["Observation"]),
        ("?_type=Nobody", vec![]),
        ("?_type=patient", vec![]),
        ("?_type=", vec!["Observation", "Patient"]),
    ] {
        assert_eq!(types(&served.manifest(query)), expected, "{query}");
    }
}

#[test]
fn since_selects_later_changes_only() {
    let (_dir, served) = filled();
    let ids = |query: &str| -> String {
        let manifest = served.manifest(query);
        let bytes: Vec<u8> =
            served.files(&manifest).into_iter().flat_map(|(_, bytes)| bytes).collect();
        let text = String::from_utf8(bytes).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    for (since, expected) in [
        ("2020-06-15", "oabc"),
        ("2020-06-15T09:59:59.999Z", "oabc"),
        ("2020-06-15T10:00:00Z", "oc"),
        ("2020-06-15T10:00:00.000Z", "oc"),
        ("2020-06-15T10:00:00.0009Z", "oc"),
        ("2020-06-15T10:00:00.001Z", "c"),
        ("2020-06-15T12:00:00%2B02:00", "oc"),
        ("2020-06-15T12:00:00+02:00", "oc"),
        ("2020-06-15T10:00:00", "oc"),
        ("2021-01-01", ""),
        ("2999-01-01", ""),
        ("0001-01-01", "oabc"),
    ] {
        assert_eq!(ids(&format!("?_since={since}")), expected, "{since}");
    }
    assert_eq!(ids("?_since=2020-06-15T10:00:00Z&_type=Patient"), "c");
    for since in
        ["yesterday", "2021", "2021-13-01", "2021-02-30", "", "2021-01-01T25:00:00Z", "1609459200"]
    {
        served
            .get(&format!("{EXPORT}?_since={since}"))
            .assert_outcome(400, "2021-01-01T12:30:00.000Z");
    }
    served
        .get(&format!("{EXPORT}?_since=2021-01-01&_since=2021-01-02"))
        .assert_outcome(400, "twice");
}

#[test]
fn an_unknown_parameter_is_an_error() {
    let (_dir, served) = filled();
    served
        .get(&format!("{EXPORT}?_typeFilter=Patient%3Factive=true"))
        .assert_outcome(400, "_typeFilter");
    served.get(&format!("{EXPORT}?type=Patient")).assert_outcome(400, "type");
    served.get(&format!("{EXPORT}?_outputFormat=csv")).assert_outcome(400, "csv");
    for format in
        ["application/fhir%2Bndjson", "application/fhir+ndjson", "ndjson", "application/ndjson"]
    {
        assert_eq!(served.get(&format!("{EXPORT}?_outputFormat={format}")).status, 200, "{format}");
    }
}

#[test]
fn an_export_of_a_group_includes_inactive_and_former_members() {
    let dir = Dir::new();
    let member =
        |id: &str, more: &str| format!(r#"{{"entity":{{"reference":"Patient/{id}"}}{more}}}"#);
    let members = [
        member("a", ""),
        member("b", r#","inactive":true"#),
        member("c", r#","period":{"end":"2001"}"#),
    ];
    let mut lines = format!(
        "{{\"resourceType\":\"Group\",\"id\":\"g\",\"actual\":true,\"member\":[{}]}}\n",
        members.join(",")
    );
    for id in ["a", "b", "c", "d"] {
        lines += &format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n");
        lines += &format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"of-{id}\",\"subject\":{{\"reference\":\"Patient/{id}\"}}}}\n"
        );
    }
    dir.write("in.ndjson", lines);
    let served = dir.serve(&["s.db", "in.ndjson", "--quiet"]);
    let path = "/bulk-data/r4/Group/g/$export?_type=Patient,Observation";
    let manifest = served.get(path).json();
    let keys: Vec<_> = manifest.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["output", "request", "requiresAccessToken", "transactionTime"]);
    assert_eq!(manifest["request"], format!("{}{path}", served.url));
    let ids = |manifest: &Value| -> Vec<(String, Vec<String>)> {
        let lines = |bytes: &[u8]| -> Vec<String> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let id = |line: &str| {
                serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
            };
            text.lines().map(id).collect()
        };
        served.files(manifest).into_iter().map(|(name, bytes)| (name, lines(&bytes))).collect()
    };
    let of = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let all = [
        ("Observation".to_owned(), of(&["of-a", "of-b", "of-c"])),
        ("Patient".to_owned(), of(&["a", "b", "c"])),
    ];
    assert_eq!(ids(&manifest), all);
    served.get("/bulk-data/r4/Group/h/$export").assert_outcome(404, "Group/h is not here");

    // Both paths also accept asynchronous exports.
    for (path, patients) in [(path, 3), ("/bulk-data/r4/$export?_type=Patient,Observation", 4)] {
        let accepted = served.get_with(path, "Prefer: respond-async\r\n");
        assert_eq!(accepted.status, 202);
        let location = accepted.header("content-location").unwrap();
        assert!(
            location.starts_with(&format!("{}/bulk-data/r4/$export/job/", served.url)),
            "{location}"
        );
        let manifest = loop {
            let answer = served.get(location);
            if answer.status == 200 {
                break answer.json();
            }
            assert_eq!(answer.status, 202);
        };
        assert_eq!(manifest["output"][1]["count"], patients);
        let prefix = format!("{}/bulk-data/r4/$export/file/", served.url);
        assert!(manifest["output"][1]["url"].as_str().unwrap().starts_with(&prefix));
        assert_eq!(ids(&manifest)[1].1.len(), patients);
    }
}
