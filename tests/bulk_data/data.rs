//! The resources that the tests of this folder export, and what exports of them hold.

use serde_json::Value;

use super::client::text;
use crate::support::{Dir, Served};

/// Three patients; resources about them, related to them, and unrelated to any patient.
pub const DATA: &str = r#"{"resourceType":"Organization","id":"org","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Organization","id":"far","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Practitioner","id":"doc","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"b","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"}}
{"resourceType":"Patient","id":"c","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"}}
{"resourceType":"Encounter","id":"ea","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"},"participant":[{"individual":{"reference":"Practitioner/doc"}}],"serviceProvider":{"reference":"Organization/org"}}
{"resourceType":"Observation","id":"oa1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"oa2","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"}}
{"resourceType":"Observation","id":"ob","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/b"}}
{"resourceType":"Observation","id":"oc","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"subject":{"reference":"Patient/c"}}
{"resourceType":"Binary","id":"note","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"contentType":"text/plain","data":"aGVsbG8="}
{"resourceType":"DocumentReference","id":"da","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"subject":{"reference":"Patient/a"},"content":[{"attachment":{"contentType":"text/plain","url":"Binary/note"}}]}
{"resourceType":"Provenance","id":"va1","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa1"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"va2","meta":{"versionId":"1","lastUpdated":"2021-01-01T00:00:00Z"},"target":[{"reference":"Observation/oa1"}],"recorded":"2021-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"vb","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"target":[{"reference":"Observation/ob"}],"recorded":"2022-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Provenance","id":"vf","meta":{"versionId":"1","lastUpdated":"2022-01-01T00:00:00Z"},"target":[{"reference":"Organization/far"}],"recorded":"2022-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/doc"}}]}
{"resourceType":"Group","id":"g","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/b"}}]}
{"resourceType":"Group","id":"lost","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"},"type":"person","actual":true,"member":[{"entity":{"reference":"Patient/a"}},{"entity":{"reference":"Patient/gone"}}]}
"#;

/// What an export of all patients holds.
pub const OF_PATIENTS: &str = "\
    DocumentReference/da Encounter/ea Group/g Group/lost Observation/oa1 Observation/oa2 \
    Observation/ob Observation/oc Organization/org Patient/a Patient/b Patient/c \
    Practitioner/doc Provenance/va1 Provenance/va2 Provenance/vb";
/// What an export of Group/g holds.
pub const OF_GROUP: &str = "\
    DocumentReference/da Encounter/ea Group/g Observation/oa1 Observation/oa2 Observation/ob \
    Organization/org Patient/a Patient/b Practitioner/doc Provenance/va1 Provenance/va2 \
    Provenance/vb";
/// What an export of Patient/a alone holds: without the groups, which have other members too.
pub const OF_A: &str = "\
    DocumentReference/da Encounter/ea Observation/oa1 Observation/oa2 Organization/org Patient/a \
    Practitioner/doc Provenance/va1 Provenance/va2";

/// A folder with a store `s.db` of [`DATA`].
pub fn filled_dir() -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// The same with a server.
pub fn filled() -> (Dir, Served) {
    let dir = filled_dir();
    let served = dir.serve(&["s.db"]);
    (dir, served)
}

/// `Type/id` of every resource in [`DATA`], sorted.
pub fn all_ids() -> Vec<String> {
    let mut ids: Vec<String> = DATA
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|line| format!("{}/{}", text(&line["resourceType"]), text(&line["id"])))
        .collect();
    ids.sort();
    ids
}

/// What an export of everything holds: without the Binary that is about a patient.
pub fn system_ids() -> Vec<String> {
    all_ids().into_iter().filter(|id| id != "Binary/note").collect()
}

pub fn words(ids: &str) -> Vec<String> {
    ids.split(' ').map(str::to_owned).collect()
}
