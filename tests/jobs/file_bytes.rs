//! The files of a job have the same bytes whatever happens to the store and to the server.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kinds::{all_kinds, as_stu3, assert_all_ways};
use super::{by_get, changed, delete_from, download, filled, import, manifest, start};
use crate::support::Served;

#[test]
fn files_stay_the_same_through_changes_and_restarts() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let manifests: Vec<Value> =
        all_kinds().iter().map(|kickoff| manifest(&served, &start(&served, kickoff))).collect();
    let mut files = BTreeMap::new();
    let mut kinds = BTreeMap::new();
    for manifest in &manifests {
        let manifest = as_stu3(manifest);
        for key in ["output", "deleted", "error"] {
            *kinds.entry(key).or_insert(0) += manifest[key].as_array().map_or(0, Vec::len);
        }
        files.extend(download(&served, &manifest));
    }
    let stored = "SELECT count(DISTINCT kind || (first IS NULL) || (rows IS NULL)) FROM job_file";
    assert_eq!(dir.count("s.db", stored), 4, "ranges, lists of two kinds, texts");
    assert!(kinds.values().all(|count| *count > 1), "{kinds:?}");
    let etag = |served: &Served, path: &str| served.get(path).header("etag").map(str::to_owned);
    let etags: Vec<_> = files.keys().map(|path| etag(&served, path)).collect();
    let assert_same = |served: &Served| {
        for ((path, bytes), known) in files.iter().zip(&etags) {
            assert_all_ways(served, path, bytes);
            assert_eq!(etag(served, path), *known, "{path}");
        }
    };
    assert_same(&served);
    // Every resource is replaced, and two that were deleted are created again.
    let report = import(&dir, &changed("de"));
    assert_eq!((&report["updated"], &report["created"]), (&json!(11), &json!(2)));
    assert_same(&served);
    delete_from(
        &dir,
        &[
            "Patient/a",
            "Observation/a1",
            "Patient/gone",
            "Organization/org",
            "Group/g",
            "Binary/note",
        ],
    );
    assert_same(&served);
    assert_eq!(import(&dir, &changed("fr"))["updated"], 7);
    drop(served);
    let again = dir.serve(&["s.db"]);
    assert_same(&again);
    // A new export has other files.
    let now = manifest(&again, &start(&again, &by_get("/fhir/$export")));
    let now = download(&again, &now);
    assert!(now.iter().all(|(path, bytes)| {
        files
            .iter()
            .all(|(other, before)| !other.ends_with(&path[path.len() - 8..]) || before != bytes)
    }));
    drop(again);
    dir.check("s.db");
}
