//! Exported folders and files, imported into another store.

use super::export::{exported, filled, listed};
use super::export_like_server::{answered, urls};
use crate::support::Dir;
use crate::support::bulk::path;
use crate::support::client::get;

/// Changes after the first export: a new version, a new resource, one that is created again, and one that is deleted
/// later. They have no times of their own.
const SECOND: &str = r#"{"resourceType":"Patient","id":"a","birthDate":"2000-12-31"}
{"resourceType":"Observation","id":"new","subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"gone","subject":{"reference":"Patient/b"},"valueString":"again"}
{"resourceType":"Observation","id":"brief","subject":{"reference":"Patient/b"}}
"#;

#[test]
fn a_store_can_follow_another_through_exported_folders() {
    for options in [&[][..], &["--gzip"], &["--edition", "stu4", "--maximum-file-size", "1"]] {
        let dir = filled();
        let before = exported(&dir, "first", options);
        std::fs::copy(dir.path("s.db"), dir.path("follower.db")).expect("a copy");
        dir.write("second.ndjson", SECOND);
        dir.import(0, &["s.db", "second.ndjson"]);
        let gone = ["Observation/brief", "Organization/far", "Provenance/v1", "Binary/note"];
        assert_eq!(dir.run(["delete", "s.db"].iter().chain(&gone)).code, 0);
        assert_ne!(dir.bodies("follower.db"), dir.bodies("s.db"));

        let since = before["transactionTime"].as_str().unwrap();
        let mut asked = vec!["--since", since];
        asked.extend(options);
        let change = exported(&dir, "change", &asked);
        let counts = |key: &str| -> u64 {
            let files = change[key].as_array().into_iter().flatten();
            files.map(|file| file["count"].as_u64().unwrap()).sum()
        };
        assert_eq!((counts("output"), counts("deleted")), (3, 4), "{options:?}");
        let report = dir.import(0, &["follower.db", "change"]);
        assert_eq!((&report["created"], &report["updated"]), (&2.into(), &1.into()), "{report}");
        assert_eq!(report["deleted"], 3, "{report}");
        assert_eq!(dir.bodies("follower.db"), dir.bodies("s.db"), "{options:?}");
        dir.check("follower.db");
        // A second import changes nothing.
        let report = dir.import(0, &["follower.db", "change"]);
        assert_eq!((&report["updated"], &report["deleted"]), (&0.into(), &0.into()), "{report}");

        // A new store from a whole export is the same too.
        exported(&dir, "whole", options);
        dir.import(0, &["anew.db", "whole"]);
        assert_eq!(dir.bodies("anew.db"), dir.bodies("s.db"), "{options:?}");
    }
}

#[test]
fn a_store_can_follow_a_server_through_downloaded_files() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let before = answered(&served, "/fhir/$export", &[]);
    drop(served);
    std::fs::copy(dir.path("s.db"), dir.path("follower.db")).expect("a copy");
    dir.write("second.ndjson", SECOND);
    dir.import(0, &["s.db", "second.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Observation/oa"]).code, 0);
    let served = dir.serve(&["s.db"]);
    let since = before["transactionTime"].as_str().unwrap();
    let change = answered(&served, "/fhir/$export-v4", &[("_since", since)]);
    for url in urls(&change) {
        let bytes = get(served.authority(), path(&url), "").body;
        dir.write(&format!("change/{}", url.rsplit('/').next().unwrap()), bytes);
    }
    assert_eq!(listed(&dir, "change"), ["Observation.ndjson", "Patient.ndjson", "deleted.ndjson"]);
    dir.import(0, &["follower.db", "change"]);
    assert_eq!(dir.bodies("follower.db"), dir.bodies("s.db"));
}

/// The types of the resources in a store.
fn types(dir: &Dir, store: &str) -> Vec<String> {
    let mut types: Vec<String> = dir
        .bodies(store)
        .iter()
        .map(|(name, _)| name.split('/').next().unwrap().to_owned())
        .collect();
    types.dedup();
    types
}

#[test]
fn only_the_resources_of_an_exported_folder_with_errors_are_imported() {
    let dir = filled();
    exported(&dir, "out", &["--group", "lost"]);
    assert!(listed(&dir, "out").contains(&"error.ndjson".to_owned()));
    dir.import(0, &["new.db", "out"]);
    assert_eq!(types(&dir, "new.db"), ["Group", "Observation", "Patient"]);
}

#[test]
fn only_the_resources_of_an_exported_folder_by_patient_are_imported() {
    let dir = filled();
    exported(&dir, "out", &["--group", "g", "--organize-by", "Patient", "--type", "Patient"]);
    dir.import(0, &["new.db", "out"]);
    assert_eq!(types(&dir, "new.db"), ["Patient"]);
}
