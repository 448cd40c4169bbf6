//! What is deleted when a job expires, and what is kept while one lives.

use std::collections::BTreeMap;

use super::DATA;
use super::kinds::{all_kinds, as_stu3};
use super::{
    assert_gone, by_get, cancel, changed, delete_from, deletions, download, filled, import,
    manifest, rows_of, start, versions,
};
use crate::support::until;

#[test]
fn an_expired_export_is_deleted_with_the_versions_kept_for_it() {
    let dir = filled();
    import(&dir, &changed("de"));
    delete_from(&dir, &["Patient/gone", "Provenance/v", "Observation/b1", "Observation/a2"]);
    // One is created again, and one is created and deleted again.
    let again = r#"{"resourceType":"Observation","id":"b1","status":"final"}
{"resourceType":"Observation","id":"a2","status":"amended","subject":{"reference":"Patient/b"}}
"#;
    assert_eq!(import(&dir, again)["created"], 2);
    delete_from(&dir, &["Observation/a2"]);
    let served = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let kickoffs = [by_get("/fhir/$export"), by_get("/fhir/Patient/$export")];
    let started: Vec<String> = kickoffs.iter().map(|kickoff| start(&served, kickoff)).collect();
    for status in &started {
        until("an export has expired", || {
            let answer = served.get(status);
            match answer.status {
                200 | 202 => None,
                _ => {
                    answer.assert_outcome(404, "over");
                    Some(())
                }
            }
        });
        assert_gone(&served, &[format!("{status}/Patient.ndjson")]);
        cancel(&served, status).assert_outcome(404, "");
        until("its rows are gone", || (rows_of(&dir, status) == (0, 0)).then_some(()));
    }
    until("replaced versions are gone", || (versions(&dir, "deleted = 0") == 0).then_some(()));
    let left = "deleted = 1 AND (size > 0 OR body <> '') AND type <> 'Provenance'";
    until("the bodies of deleted ones are gone", || (versions(&dir, left) == 0).then_some(()));
    // The last deletion is known of each resource that is gone, and of no other.
    until("deletions of existing resources are gone", || (versions(&dir, "1") == 3).then_some(()));
    assert_eq!(versions(&dir, "type || id IN ('Patientgone', 'Observationa2', 'Provenancev')"), 3);
    // Nothing else holds the targets of a deleted Provenance.
    assert_eq!(versions(&dir, "type = 'Provenance' AND body LIKE '%Observation/a1%'"), 1);
    for table in [
        "compartment",
        "attachment_url",
        "security_context",
        "identifier",
        "reference",
        "provenance_target",
    ] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE seq NOT IN (SELECT seq FROM resource)
                AND seq NOT IN (SELECT seq FROM history)"
        );
        assert_eq!(dir.count("s.db", &sql), 0, "{table}");
    }
    let expected = ["Patient/gone", "Provenance/v", "Observation/a2"];
    assert_eq!(deletions(&served, "/fhir/$export"), expected);
    assert_eq!(deletions(&served, "/fhir/Patient/$export"), expected);
    assert_eq!(deletions(&served, "/fhir/Patient/b/$export"), ["Observation/a2"]);
    assert_eq!(deletions(&served, "/fhir/Patient/a/$export"), ["Provenance/v"]);
    drop(served);
    dir.check("s.db");
    // The resources can be created again.
    assert_eq!(import(&dir, DATA)["created"], 3);
    dir.check("s.db");
    let served = dir.serve(&["s.db"]);
    assert_eq!(deletions(&served, "/fhir/$export"), [""; 0]);
}

#[test]
fn the_versions_that_a_live_export_sees_are_kept_and_no_others() {
    let dir = filled();
    import(&dir, &changed("before"));
    let served = dir.serve(&["s.db", "--job-ttl", "2h"]);
    let mut started = Vec::new();
    let mut files = BTreeMap::new();
    for kickoff in all_kinds() {
        let status = start(&served, &kickoff);
        files.extend(download(&served, &as_stu3(&manifest(&served, &status))));
        started.push(status);
    }
    import(&dir, &changed("after"));
    delete_from(&dir, &["Patient/a", "Observation/a1", "Provenance/v", "DocumentReference/d"]);
    import(&dir, &changed("last"));
    delete_from(&dir, &["Patient/b"]);
    // Another server keeps replaced versions for a second. They must be older than that.
    let newest = "SELECT (unixepoch('subsec') * 1000000 - max(ended_at)) > 1100000 FROM history";
    until("the replaced versions are old", || (dir.count("s.db", newest) == 1).then_some(()));
    let other = dir.serve(&["s.db", "--job-ttl", "1s"]);
    let of = |mark: &str| versions(&dir, &format!("body LIKE '%\"language\":\"{mark}\"%'"));
    until("versions that no export sees are gone", || {
        (versions(&dir, "body NOT LIKE '%\"language\"%' AND deleted = 0") == 0).then_some(())
    });
    assert_eq!((of("before"), of("after")), (13, 13));
    for server in [&served, &other] {
        for (path, bytes) in &files {
            assert!(server.get(path).body == *bytes, "{path}");
        }
    }
    // The versions go with the last export that sees them.
    for status in &started {
        assert_eq!(versions(&dir, "deleted = 0 AND body LIKE '%\"before\"%'"), 13);
        assert_eq!(cancel(&served, status).status, 202);
    }
    until("the versions are gone", || (of("before") + of("after") == 0).then_some(()));
    assert_eq!(versions(&dir, "deleted = 1"), 1);
    assert_eq!(deletions(&served, "/fhir/$export"), ["Patient/b"]);
    drop((served, other));
    dir.check("s.db");
}
