//! Exports that their client deletes.

use super::{
    Kickoff, assert_gone, by_get, cancel, download, entries, filled, large, long, manifest,
    path_in, path_of, rows_of, start,
};
use crate::support::Held;

#[test]
fn a_completed_export_is_deleted_with_its_files() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    for kickoff in [
        by_get("/fhir/$export?allowPartialManifests=true&_maximumFileSize=90"),
        by_get("/fhir/Patient/$export"),
        by_get("/fhir/Group/g/$export?organizeOutputBy=Patient"),
        Kickoff { headers: "Prefer: respond-async\r\n", ..by_get("/bulk-data/r4/$export") },
    ] {
        let other = start(&served, &kickoff);
        let status = start(&served, &kickoff);
        let whole = manifest(&served, &status);
        let mut paths: Vec<String> = entries(&whole).into_iter().map(path_in).collect();
        if let Some(next) = whole["link"][0]["url"].as_str() {
            paths.push(path_of(next));
        }
        for path in &paths {
            assert_eq!(served.get(path).status, 200, "{path}");
        }
        assert!(rows_of(&dir, &status).1 > 0);
        let answer = cancel(&served, &status);
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
        paths.push(status.clone());
        assert_gone(&served, &paths);
        cancel(&served, &status).assert_outcome(404, "");
        assert_eq!(rows_of(&dir, &status), (0, 0));
        // Another export is still there.
        download(&served, &manifest(&served, &other));
    }
}

#[test]
fn a_deleted_export_never_completes() {
    let dir = large();
    let served = dir.serve_with_log(&["s.db"]);
    let held = Held::new(&dir);
    let started: Vec<String> = (0..6).map(|_| start(&served, &long())).collect();
    // One that waits, one that is worked on, and another one that waits.
    for deleted in [&started[5], &started[1], &started[4]] {
        assert_eq!(served.get(deleted).status, 202);
        assert_eq!(cancel(&served, deleted).status, 202);
        assert_gone(&served, &[deleted.clone(), format!("{deleted}/blocks.ndjson")]);
        cancel(&served, deleted).assert_outcome(404, "");
        assert_eq!(rows_of(&dir, deleted), (0, 0));
    }
    held.release();
    for other in [&started[0], &started[2], &started[3]] {
        manifest(&served, other);
    }
    // The workers of the deleted exports go on to others, also to later ones.
    manifest(&served, &start(&served, &long()));
    for deleted in [1, 4, 5] {
        assert_gone(&served, &[started[deleted].clone()]);
        assert_eq!(rows_of(&dir, &started[deleted]), (0, 0));
    }
}
