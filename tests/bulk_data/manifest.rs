//! The manifest of an export, its pages, and its transaction time.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use serde_json::{Value, json};

use super::client::{
    self, EDITIONS, FILE_LISTS, PUBLISH, download, ended, files, ids, kick_off, lines, list,
    manifest, pages, since, size, string, text,
};
use super::data::{OF_A, filled, words};
use crate::support::bulk::location;

fn instant(value: &Value) -> DateTime<FixedOffset> {
    DateTime::parse_from_rfc3339(&text(value)).expect("an instant")
}

/// A page without its files and its link.
fn common(page: &Value) -> Value {
    let mut page = page.clone();
    for key in FILE_LISTS.into_iter().chain(["link"]) {
        page.as_object_mut().expect("an object").remove(key);
    }
    page
}

/// export: In this case, the `Response.outcome` array of the completion response body SHALL be
/// populated with one or more files in NDJSON format containing FHIR `OperationOutcome` resources
/// to indicate what went wrong (see below).
///
/// async: In this case, the response `outcome` array of the completion manifest SHALL be populated
/// with one or more files containing FHIR `OperationOutcome` resources to indicate what went wrong.
///
/// export, async: In the case of a partial success, the Data Provider SHALL use a `200` status code
/// instead of `4XX` or `5XX`.
#[test]
fn a_missing_member_is_reported_in_a_file_and_the_rest_is_exported() {
    let (_dir, served) = filled();
    // Patient/gone is a member of the group, but is not in the store.
    for (edition, key) in [("$export", "error"), ("$export-v4", "outcome")] {
        let path = format!("/fhir/Group/lost/{edition}");
        let done = ended(&served, &location(&kick_off(&served, &path, "", &[])));
        assert_eq!(done.status, 200, "{}", done.text());
        let manifest = done.json();
        let [file] = list(&manifest[key]) else { panic!("{manifest}") };
        let mut expected = json!({"url": file["url"], "count": 1});
        if edition == "$export" {
            expected["type"] = json!("OperationOutcome");
        } else {
            expected["fileSize"] = json!(download(&served, file).len());
            expected["countSeverity"] = json!([{"code": "warning", "count": 1}]);
        }
        assert_eq!(*file, expected);
        let lines = lines(&served, file);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["resourceType"], "OperationOutcome");
        assert_eq!(lines[0]["issue"][0]["severity"], "warning");
        assert!(lines[0].to_string().contains("Patient/gone"), "{}", lines[0]);
        let mut rest = words(OF_A);
        rest.insert(2, "Group/lost".to_owned());
        assert_eq!(ids(&served, [&manifest]), rest);
    }
}

/// export: When provided, a manifest SHALL only contain files that are available for retrieval by
/// the Data Consumer.
///
/// export: Once returned, the Data Provider SHALL NOT alter a manifest when it is returned in
/// subsequent requests, with the exception of optionally adding a `link` field pointing to a
/// manifest with additional output files or updating output file URLs that have expired.
///
/// export: The output files referenced in the manifest SHALL NOT be altered once they have been
/// included in a manifest that has been returned to a Data Consumer.
#[test]
fn a_manifest_lists_available_files_and_never_changes() {
    let (dir, served) = filled();
    for (edition, deleted) in EDITIONS.into_iter().zip(["Observation/oa1", "Observation/oa2"]) {
        let parameters = [
            json!({"name": "allowPartialManifests", "valueBoolean": true}),
            size("_maximumFileSize", 1),
        ];
        let path = format!("/fhir/Patient/{edition}");
        let location = location(&kick_off(&served, &path, "", &parameters));
        assert_eq!(ended(&served, &location).status, 200);
        let files_of = |pages: &[Value]| -> BTreeMap<String, Vec<u8>> {
            let files = pages.iter().flat_map(files);
            files.map(|file| (text(&file["url"]), download(&served, file))).collect()
        };
        let before = pages(&served, &location);
        let contents = files_of(&before);
        assert!(before.len() > 1 && contents.len() > 10, "{}", contents.len());
        let changed = format!(r#"{{"resourceType":"Patient","id":"a","language":"{edition}"}}"#);
        dir.write("change.ndjson", changed);
        assert_eq!(dir.import(0, &["s.db", "change.ndjson"])["updated"], 1);
        assert_eq!(dir.run(["delete", "s.db", deleted]).code, 0);
        let after = pages(&served, &location);
        assert_eq!(after, before, "{edition}");
        assert!(files_of(&after) == contents, "{edition}: a file has changed");
    }
}

/// export, async: The files SHALL be accessible to the Data Consumer at the URLs advertised.
///
/// export, async: If the `requiresAccessToken` field is set to `false` and no additional
/// authorization-related extensions are present in the relevant manifest entry, then the URLs SHALL
/// be dereferenceable directly as capability URLs.
///
/// publish: These files SHALL be accessible to the Data Consumer at the URLs advertised.
///
/// publish: If the `requiresAccessToken` element is set to `false` and no additional
/// authorization-related extensions are present in the relevant manifest entry, then the referenced
/// URLs SHALL be dereferenceable directly (a "capability URL").
#[test]
fn every_url_of_a_manifest_opens_its_file() {
    let (dir, served) = filled();
    assert_eq!(dir.run(["delete", "s.db", "Observation/ob"]).code, 0);
    let mut all = pages(&served, PUBLISH);
    for edition in EDITIONS {
        let path = format!("/fhir/{edition}");
        let asked = [since("2019-01-01T00:00:00Z"), string("_colour", "blue")];
        let started = kick_off(&served, &path, "Prefer: handling=lenient\r\n", &asked);
        let done = ended(&served, &location(&started)).json();
        let problems = if edition == "$export" { "error" } else { "outcome" };
        for key in ["output", "deleted", problems] {
            assert!(!list(&done[key]).is_empty(), "{edition} has no {key}: {done}");
        }
        all.push(done);
    }
    for manifest in &all {
        assert_eq!(manifest["requiresAccessToken"], false);
        assert!(!list(&manifest["output"]).is_empty());
        for file in files(manifest) {
            assert!(text(&file["url"]).starts_with(&format!("{}/", served.url)), "{file}");
            assert_eq!(file["count"], lines(&served, file).len(), "{file}");
        }
    }
}

/// manifest field `transactionTime`: The bulk data files referenced in this manifest SHOULD NOT
/// include any resources modified after this instant, and SHALL include any matching resources
/// modified up to and including this instant.
#[test]
fn the_transaction_time_separates_exported_changes_from_later_ones() {
    let (dir, served) = filled();
    for (round, edition) in EDITIONS.into_iter().enumerate() {
        for level in ["", "Patient/"] {
            let path = format!("/fhir/{level}{edition}");
            let name = format!("{}{round}", level.trim_end_matches('/'));
            let add = |id: &str| {
                dir.write(
                    "add.ndjson",
                    format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\"}}\n"),
                );
                assert_eq!(dir.import(0, &["s.db", "add.ndjson", "--stamp"])["created"], 1);
            };
            let (before, after) = (format!("before{name}"), format!("after{name}"));
            add(&before);
            let location = location(&kick_off(&served, &path, "", &[]));
            // This one comes after the kick-off.
            add(&after);
            let manifest = ended(&served, &location).json();
            let time = instant(&manifest["transactionTime"]);
            for line in list(&manifest["output"]).iter().flat_map(|file| lines(&served, file)) {
                assert!(instant(&line["meta"]["lastUpdated"]) <= time, "{time}: {line}");
            }
            let found = ids(&served, [&manifest]);
            assert!(found.contains(&format!("Patient/{before}")), "{path}: {found:?}");
            assert!(!found.contains(&format!("Patient/{after}")), "{path}: {found:?}");
            let next = since(&text(&manifest["transactionTime"]));
            let next = client::manifest(&served, &path, &[next]);
            assert_eq!(ids(&served, [&next]), [format!("Patient/{after}")], "{path}");
        }
    }
}

/// export: All fields in the linked manifest SHALL be populated with the same values as the
/// manifest with the link, apart from the `output`, `deleted`, `outcome`, and `link` arrays.
///
/// manifest field `link.url`: All fields in the linked manifest SHALL be populated with the same
/// values as this manifest, apart from the contents of output, deleted, outcome, and link.
///
/// manifest field `link.relation`: Value SHALL be 'next', indicating the URL points to the location
/// of another manifest.
///
/// manifest field `link`: Manifest links SHALL use a relation value of 'next'.
#[test]
fn pages_of_a_manifest_differ_only_in_their_files() {
    let (_dir, served) = filled();
    for edition in EDITIONS {
        for organized in [false, true] {
            let path = format!("/fhir/Patient/{edition}");
            // Room for one resource, or for a header and a few resources.
            let mut asked = vec![size("_maximumFileSize", if organized { 400 } else { 1 })];
            if organized {
                asked.push(string("organizeOutputBy", "Patient"));
            }
            let whole = manifest(&served, &path, &asked);
            assert_eq!(whole.get("link"), None, "{path}");
            asked.push(json!({"name": "allowPartialManifests", "valueBoolean": true}));
            let location = location(&kick_off(&served, &path, "", &asked));
            assert_eq!(ended(&served, &location).status, 200);
            let pages = pages(&served, &location);
            assert!(pages.len() > 1, "{path}: {}", pages[0]);
            for (number, page) in pages.iter().enumerate() {
                assert_eq!(common(page), common(&pages[0]), "page {number}");
                if number + 1 == pages.len() {
                    assert_eq!(page.get("link"), None, "page {number}");
                } else {
                    let url = format!("{location}/manifest/{}", number + 2);
                    assert_eq!(page["link"], json!([{"relation": "next", "url": url}]));
                }
            }
            let files = |page: &Value| {
                list(&page["output"]).iter().map(|file| download(&served, file)).collect::<Vec<_>>()
            };
            let paged: Vec<Vec<u8>> = pages.iter().flat_map(files).collect();
            assert!(paged == files(&whole), "{path}: other files on the pages");
        }
    }
}
