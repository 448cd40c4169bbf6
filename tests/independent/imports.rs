//! What an import keeps, compared with what `imports.py` reads from the same files.

use serde_json::json;

use super::script;
use crate::support::{Dir, gzip, project, succeed, zip};

/// Fails unless `imports.py` expects what a server of `s.db` exports, after an import of these paths.
fn agree(dir: &Dir, paths: &[&str]) {
    let Some(mut python) = script("imports.py") else { return };
    let served = dir.serve(&["s.db"]);
    python.current_dir(dir.path("")).arg("--inputs").args(paths);
    let said = succeed(python.args(["--url", &served.url]));
    assert!(said.contains(" 0 differences"), "{said}");
}

#[test]
fn an_import_of_the_sample_data_keeps_what_python_reads() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    let sample = sample.to_str().unwrap();
    let report = dir.import(0, &["s.db", sample]);
    assert!(report["types"].as_object().unwrap().len() >= 24);
    assert_eq!((&report["rejected"], &report["unresolved"]), (&json!(0), &json!(0)));
    agree(&dir, &[sample]);
    // The same from exported folders.
    for (out, more) in [
        ("plain", vec![]),
        ("packed", vec!["--gzip"]),
        ("split", vec!["--resources-per-file", "7"]),
    ] {
        assert_eq!(dir.run(["export", "s.db", out].into_iter().chain(more)).code, 0);
        let Some(mut python) = script("imports.py") else { return };
        succeed(python.args(["--inputs", sample, "--folder"]).arg(dir.path(out)));
    }
}

#[test]
fn an_import_of_odd_inputs_keeps_what_python_reads() {
    let dir = Dir::new();
    let entry = |id: Option<&str>, n: u32| {
        let mut resource = json!({"resourceType": "Observation", "n": n, "subject": {"reference": "urn:uuid:p"}, "performer": {"reference": "Practitioner?identifier=s|1"}});
        if let Some(id) = id {
            resource["id"] = json!(id);
        }
        json!({"fullUrl": format!("urn:uuid:{n}"), "resource": resource, "request": {"method": "POST", "url": "Observation"}})
    };
    let patient = json!({"fullUrl": "urn:uuid:P", "resource": {"resourceType": "Patient", "name": "é\u{1F600}\u{1}", "meta": {"tag": []}}, "request": {"method": "POST", "url": "Patient"}});
    let bundle = json!({"resourceType": "Bundle", "type": "transaction", "entry": [entry(None, 1), entry(None, 1), entry(Some("o"), 2), patient, {"request": {"method": "DELETE", "url": "Basic/2"}}]});
    dir.write("in/1.json", serde_json::to_string_pretty(&bundle).unwrap());
    let lines = "{\"resourceType\":\"Basic\",\"id\":\"1\",\"v\":1.00}\n{\"resourceType\":\"Basic\",\"id\":\"2\"}\n{ \"id\" : \"3\", \"resourceType\" : \"Basic\", \"meta\" : { \"versionId\" : \"x\" } }\nrubbish\n{\"resourceType\":\"Basic\",\"id\":\"a b\"}\n{\"resourceType\":\"Basic\",\"q\":\"\\\"reference\\\":\\\"urn:uuid:p\\\"\"}\n";
    dir.write("in/0.ndjson.gz", gzip(lines.as_bytes()));
    dir.write("in/2.zip", zip(&[("b/p.json", br#"{"resourceType":"Practitioner","id":"p","identifier":[{"system":"s","value":"1"}]}"#), ("a.jsonl", b"{\"resourceType\":\"Basic\",\"id\":\"1\",\"v\":2}\r\n")]));
    dir.import(1, &["s.db", "in"]);
    agree(&dir, &["in"]);
}

#[test]
fn the_comparison_of_imports_can_fail() {
    let Some(mut python) = script("imports.py") else { return };
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Basic\",\"id\":\"1\",\"v\":1.00}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.open("s.db")
        .execute_batch("UPDATE resource SET body = replace(body, '1.00', '1.0')")
        .unwrap();
    python.current_dir(dir.path(""));
    let output = python.args(["--inputs", "in.ndjson", "--store", "s.db"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
