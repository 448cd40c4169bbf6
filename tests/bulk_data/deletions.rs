//! The `deleted` files of an export.

use serde_json::{Value, json};

use super::client::{EDITIONS, ids, lines, list, manifest, since, string, text};
use super::data::{DATA, filled};

/// manifest field `deleted`: Each line in the output files SHALL contain a FHIR Bundle with a type
/// of transaction which SHALL contain one or more entry items that reflect a deleted resource.
///
/// manifest field `deleted`: In each entry, the request.url and request.method elements SHALL be
/// populated and request.method SHALL be set to DELETE.
#[test]
fn deletions_are_transaction_bundles() {
    let (dir, served) = filled();
    for gone in ["Observation/ob", "Patient/c", "Organization/far"] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    for edition in EDITIONS {
        for (level, expected) in [
            ("", &["Observation/ob", "Patient/c", "Organization/far"][..]),
            ("Patient/", &["Observation/ob", "Patient/c"]),
            ("Group/g/", &["Observation/ob"]),
        ] {
            let path = format!("/fhir/{level}{edition}");
            let manifest = manifest(&served, &path, &[since("2021-06-01T00:00:00Z")]);
            let [file] = list(&manifest["deleted"]) else { panic!("{path}: {manifest}") };
            assert_eq!(file["count"], expected.len());
            let bundles: Vec<Value> = expected
                .iter()
                .map(|url| {
                    json!({"resourceType": "Bundle", "type": "transaction", "entry": [
                        {"request": {"method": "DELETE", "url": url}}
                    ]})
                })
                .collect();
            assert_eq!(lines(&served, file), bundles, "{path}");
        }
    }
}

/// export, async: Resources that appear in `deleted` SHALL NOT also appear in `output`.
#[test]
fn a_resource_that_was_created_again_is_not_listed_as_deleted() {
    let (dir, served) = filled();
    for gone in ["Observation/ob", "Observation/oc"] {
        assert_eq!(dir.run(["delete", "s.db", gone]).code, 0);
    }
    let back = DATA.lines().find(|line| line.contains(r#""id":"oc""#)).expect("the line");
    dir.write("back.ndjson", back.replace(r#""versionId":"1""#, r#""versionId":"3""#));
    dir.import(0, &["s.db", "back.ndjson"]);
    for edition in EDITIONS {
        for level in ["", "Patient/"] {
            let asked = [since("2021-06-01T00:00:00Z"), string("_type", "Observation")];
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &asked);
            assert_eq!(ids(&served, [&manifest]), ["Observation/oa2", "Observation/oc"]);
            let deleted: Vec<String> = list(&manifest["deleted"])
                .iter()
                .flat_map(|file| lines(&served, file))
                .map(|bundle| text(&bundle["entry"][0]["request"]["url"]))
                .collect();
            assert_eq!(deleted, ["Observation/ob"], "{edition} {level}");
        }
    }
}
