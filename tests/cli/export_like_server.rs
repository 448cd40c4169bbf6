//! `fhirlite export` against the server: the same files byte for byte, and the same manifest but for the URLs.

use serde_json::Value;

use super::export::{exported, filled, listed, names};
use crate::support::bulk::{ended, kick_off, path};
use crate::support::client::get;
use crate::support::{Dir, Served, gunzip};

/// Runs an export on the server; its manifest.
pub fn answered(served: &Served, path: &str, parameters: &[(&str, &str)]) -> Value {
    let started = kick_off(served.authority(), path, parameters, "");
    let answer = ended(served.authority(), &started);
    assert_eq!(answer.status, 200, "{path} {parameters:?}: {}", answer.text());
    answer.json()
}

/// A manifest without what differs: the time, the request, and the folders of its files.
pub fn common(manifest: &Value) -> Value {
    let mut manifest = manifest.clone();
    for key in ["transactionTime", "request"] {
        manifest.as_object_mut().expect("an object").remove(key);
    }
    for key in ["output", "deleted", "error", "outcome"] {
        for file in manifest[key].as_array_mut().into_iter().flatten() {
            for place in ["url", "continuesInFile"] {
                if let Some(url) = file[place].as_str() {
                    let name = url.rsplit('/').next().unwrap().trim_end_matches(".gz").to_owned();
                    file[place] = name.into();
                }
            }
        }
    }
    // Indexing a missing key has inserted null.
    manifest.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
    manifest
}

/// A manifest without the Binary, which is about a patient: a server leaves it out, and the program does not.
fn without_binaries(mut manifest: Value) -> Value {
    let output = manifest["output"].as_array_mut().expect("a list");
    output.retain(|file| file["type"] != "Binary");
    manifest
}

/// The bytes of an exported file, decompressed.
fn unpacked(dir: &Dir, name: &str) -> Vec<u8> {
    let bytes = dir.read(name);
    if !name.ends_with(".gz") {
        return bytes;
    }
    gunzip(&bytes)
}

/// The URLs of a manifest's files.
pub fn urls(manifest: &Value) -> Vec<String> {
    ["output", "deleted", "error", "outcome"]
        .iter()
        .flat_map(|key| manifest[*key].as_array().into_iter().flatten())
        .map(|file| file["url"].as_str().expect("a url").to_owned())
        .collect()
}

#[test]
fn the_program_exports_what_the_server_exports() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let base = format!("{}/fhir", served.url);
    let mut holding = Vec::new();
    for (number, (args, path, parameters)) in [
        ("", "$export", vec![]),
        ("--edition stu4", "$export-v4", vec![]),
        ("--all-patients", "Patient/$export", vec![]),
        ("--all-patients --edition stu4", "Patient/$export-v4", vec![]),
        ("--group g", "Group/g/$export", vec![]),
        ("--group Group/g", "Group/g/$export", vec![]),
        ("--group lost", "Group/lost/$export", vec![]),
        ("--group lost --edition stu4", "Group/lost/$export-v4", vec![]),
        ("--patient a", "Patient/a/$export", vec![]),
        ("--patient Patient/a", "Patient/$export", vec![("patient", "Patient/a")]),
        (
            "--patient c,a",
            "Patient/$export",
            vec![("patient", "Patient/a"), ("patient", "Patient/c")],
        ),
        (
            "--patient a --patient c --all-patients",
            "Patient/$export",
            vec![("patient", "Patient/c"), ("patient", "Patient/a")],
        ),
        ("--group g --patient b", "Group/g/$export", vec![("patient", "Patient/b")]),
        ("--type Patient,Observation", "$export", vec![("_type", "Patient,Observation")]),
        (
            "--all-patients --type Patient --type Organization",
            "Patient/$export",
            vec![("_type", "Patient"), ("_type", "Organization")],
        ),
        ("--since 2022-06-01T00:00:00Z", "$export", vec![("_since", "2022-06-01T00:00:00Z")]),
        (
            "--group g --since 2022-06-01T00:00:00+02:00 --edition stu4",
            "Group/g/$export-v4",
            vec![("_since", "2022-06-01T00:00:00+02:00")],
        ),
        (
            "--since 2021-06-01T00:00:00Z --until 2022-06-01T00:00:00Z",
            "$export",
            vec![("_since", "2021-06-01T00:00:00Z"), ("_until", "2022-06-01T00:00:00Z")],
        ),
        (
            "--patient a --until 2022-01-01T00:00:00.001Z",
            "Patient/a/$export",
            vec![("_until", "2022-01-01T00:00:00.001Z")],
        ),
        ("--elements birthDate", "$export", vec![("_elements", "birthDate")]),
        (
            "--elements Patient.birthDate,Observation.value --all-patients",
            "Patient/$export",
            vec![("_elements", "Patient.birthDate,Observation.value")],
        ),
        (
            "--provenance latest",
            "$export",
            vec![("includeAssociatedData", "LatestProvenanceResources")],
        ),
        (
            "--provenance relevant --group g --type Observation",
            "Group/g/$export",
            vec![
                ("includeAssociatedData", "RelevantProvenanceResources"),
                ("_type", "Observation"),
            ],
        ),
        (
            "--provenance latest --since 2021-06-01T00:00:00Z --edition stu4",
            "$export-v4",
            vec![
                ("includeAssociatedData", "LatestProvenanceResources"),
                ("_since", "2021-06-01T00:00:00Z"),
            ],
        ),
        ("--organize-by Patient", "$export", vec![("organizeOutputBy", "Patient")]),
        (
            "--organize-by Patient --all-patients --maximum-file-size 700 --edition stu4",
            "Patient/$export-v4",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "700")],
        ),
        (
            "--organize-by Patient --maximum-file-size 1",
            "$export",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "1")],
        ),
        ("--maximum-file-size 300", "$export", vec![("_maximumFileSize", "300")]),
        (
            "--maximum-file-size 300 --elements name --since 2020-01-01T00:00:00Z",
            "$export",
            vec![
                ("_maximumFileSize", "300"),
                ("_elements", "name"),
                ("_since", "2020-01-01T00:00:00Z"),
            ],
        ),
        ("--gzip", "$export", vec![]),
        (
            "--gzip --organize-by Patient --maximum-file-size 700",
            "$export",
            vec![("organizeOutputBy", "Patient"), ("_maximumFileSize", "700")],
        ),
        (
            "--type Basic --since 2020-01-01T00:00:00Z",
            "$export",
            vec![("_type", "Basic"), ("_since", "2020-01-01T00:00:00Z")],
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let out = format!("out{number}");
        let mut given: Vec<&str> = args.split_whitespace().collect();
        given.extend(["--attachments-base", &base]);
        let offline = exported(&dir, &out, &given);
        let mut written = names(&offline);
        let offline = without_binaries(offline);
        let online = answered(&served, &format!("/fhir/{path}"), &parameters);
        assert_eq!(common(&offline), common(&online), "{args}");
        assert_eq!(
            offline["request"].as_str().map(|asked| asked.starts_with("fhirlite export s.db")),
            (!args.contains("stu4")).then_some(true),
            "{args}"
        );
        let files = names(&offline);
        for (name, url) in files.iter().zip(urls(&online)) {
            let answer = get(served.authority(), self::path(&url), "");
            assert_eq!(answer.status, 200, "{url}");
            let same = unpacked(&dir, &format!("{out}/{name}")) == answer.body;
            assert!(same, "{args}: {name} is not what the server has");
        }
        holding.push(files.len());
        written.push("manifest.json".to_owned());
        written.sort();
        assert_eq!(listed(&dir, &out), written, "{args}");
    }
    // Only the export of a type without resources is empty.
    assert_eq!(holding.pop(), Some(0));
    assert!(holding.iter().all(|files| *files > 0), "{holding:?}");
}

/// A type may have any letters, also those of the other files.
#[test]
fn types_named_deleted_and_error_have_files_of_their_own() {
    let dir = filled();
    dir.write(
        "odd.ndjson",
        "{\"resourceType\":\"deleted\",\"id\":\"x\"}\n{\"resourceType\":\"error\",\"id\":\"x\"}\n",
    );
    dir.import(0, &["s.db", "odd.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let since = "2020-01-01T00:00:00Z";
    let online = answered(&served, "/fhir/$export", &[("_since", since)]);
    let mut named = urls(&online);
    let count = named.len();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), count, "{online}");
    let offline = without_binaries(exported(&dir, "out", &["--since", since]));
    assert_eq!(common(&offline), common(&online));
}
