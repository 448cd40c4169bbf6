//! The export against what Python, with rules of its own, says the input files hold.

use serde_json::json;

use crate::support::{Dir, gzip, project, succeed, tool, zip};

/// Runs `reference.py` on what `paths` were imported to.
fn agree(dir: &Dir, paths: &[&str]) {
    let Some(mut python) = tool("python3") else {
        return;
    };
    let served = dir.serve(&["s.db"]);
    python
        .current_dir(dir.path(""))
        .arg(project().join("tests/independent/reference.py"))
        .arg("--inputs")
        .args(paths);
    let said = succeed(python.args(["--url", &served.url]));
    assert!(said.contains(" 0 differences"), "{said}");
}

#[test]
fn the_sample_data_is_what_python_reads() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    let sample = sample.to_str().unwrap();
    let report = dir.import(0, &["s.db", sample]);
    assert!(report["types"].as_object().unwrap().len() >= 24);
    assert_eq!((&report["rejected"], &report["unresolved"]), (&json!(0), &json!(0)));
    agree(&dir, &[sample]);
    // As files, plain and packed and split.
    for (out, more) in [
        ("plain", vec![]),
        ("packed", vec!["--gzip"]),
        ("split", vec!["--resources-per-file", "7"]),
    ] {
        assert_eq!(dir.run(["export", "s.db", out].into_iter().chain(more)).code, 0);
        let Some(mut python) = tool("python3") else {
            return;
        };
        python
            .arg(project().join("tests/independent/reference.py"))
            .args(["--inputs", sample, "--folder"]);
        succeed(python.arg(dir.path(out)));
    }
}

#[test]
fn odd_inputs_are_what_python_reads() {
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

/// Runs `bulk.py` on what `paths` were imported to: random exports at every level.
fn exports_agree(dir: &Dir, paths: &[&str], seed: u32, cases: u32) {
    let Some(mut python) = tool("python3") else {
        return;
    };
    let served = dir.serve(&["s.db"]);
    python.current_dir(dir.path("")).arg(project().join("tests/independent/bulk.py"));
    python.args(["--server", &served.url, "--seed", &seed.to_string()]);
    python.args(["--cases", &cases.to_string(), "--inputs"]);
    let said = succeed(python.args(paths));
    assert!(said.contains(" 0 differences"), "{said}");
}

/// Odd inputs of `bulk.py`'s own making, imported into `s.db`.
fn odd_store(seed: u32) -> Option<Dir> {
    let mut python = tool("python3")?;
    let dir = Dir::new();
    python.current_dir(dir.path("")).arg(project().join("tests/independent/bulk.py"));
    succeed(python.args(["--make", "in", "--seed", &seed.to_string()]));
    dir.import(0, &["s.db", "in"]);
    Some(dir)
}

#[test]
fn exports_hold_what_python_selects() {
    for seed in 1..=4 {
        let Some(dir) = odd_store(seed) else { return };
        exports_agree(&dir, &["in"], seed, 40);
    }
}

#[test]
fn exports_of_the_sample_data_hold_what_python_selects() {
    let dir = Dir::new();
    let sample = project().join("sample-data");
    let sample = sample.to_str().unwrap();
    dir.import(0, &["s.db", sample]);
    exports_agree(&dir, &[sample], 5, 25);
}

#[test]
fn the_comparison_of_exports_can_fail() {
    let Some(dir) = odd_store(7) else { return };
    dir.open("s.db").execute_batch("DELETE FROM compartment WHERE patient = 'p1'").unwrap();
    let Some(mut python) = tool("python3") else { return };
    let served = dir.serve(&["s.db"]);
    python.current_dir(dir.path("")).arg(project().join("tests/independent/bulk.py"));
    python.args(["--inputs", "in", "--server", &served.url, "--cases", "40", "--seed", "7"]);
    assert_eq!(python.output().unwrap().status.code(), Some(1));
}

#[test]
fn the_comparison_can_fail() {
    let Some(mut python) = tool("python3") else {
        return;
    };
    let dir = Dir::new();
    dir.write("in.ndjson", "{\"resourceType\":\"Basic\",\"id\":\"1\",\"v\":1.00}\n");
    dir.import(0, &["s.db", "in.ndjson"]);
    dir.open("s.db")
        .execute_batch("UPDATE resource SET body = replace(body, '1.00', '1.0')")
        .unwrap();
    python.current_dir(dir.path("")).arg(project().join("tests/independent/reference.py"));
    let output = python.args(["--inputs", "in.ndjson", "--store", "s.db"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn curl_downloads_what_sqlite3_reads() {
    let (Some(mut curl), Some(mut sqlite3)) = (tool("curl"), tool("sqlite3")) else {
        return;
    };
    let dir = Dir::new();
    let sample = project().join("sample-data");
    dir.import(0, &["s.db", sample.to_str().unwrap()]);
    let served = dir.serve(&["s.db"]);
    let manifest = served.manifest("?_type=Observation");
    let url = manifest["output"][0]["url"].as_str().unwrap();
    let downloaded =
        succeed(curl.args(["--silent", "--show-error", "--fail", "--compressed", url]));
    let read = succeed(
        sqlite3
            .arg(dir.path("s.db"))
            .arg("SELECT body FROM resource WHERE type = 'Observation' ORDER BY seq"),
    );
    assert!(downloaded == read);
}
