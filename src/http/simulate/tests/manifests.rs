//! Manifests with faults.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::rules::any_rule;
use super::*;

const FILES: &str = "http://127.0.0.1:8080/fhir/jobs/1/";

fn manifest() -> Json {
    let file = |name: &str, count: u64| json!({"type": name, "url": format!("{FILES}{name}.ndjson"), "count": count});
    json!({
        "transactionTime": "2020-06-15T10:00:00.000Z",
        "request": "http://127.0.0.1:8080/fhir/$export",
        "requiresAccessToken": false,
        "output": [file("Patient", 10), file("Observation", 5), file("Condition", 1)],
        "error": [],
    })
}

fn place(page: u64) -> ManifestPlace<'static> {
    ManifestPlace { url: URL, files: FILES, page, has_since: true }
}

/// The manifest with a fault.
fn changed(short: &str) -> Json {
    let mut changed = manifest();
    change_manifest(&rule(short), &mut changed, place(1));
    changed
}

/// The decoded query of a URL.
fn query(url: &str) -> Vec<(String, String)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.replace("%2F", "/"))).collect()
}

fn urls(manifest: &Json, list: &str) -> Vec<String> {
    let entries = manifest[list].as_array().into_iter().flatten();
    entries.map(|entry| entry["url"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn members_are_missing_or_strange() {
    for member in ["transactionTime", "request", "requiresAccessToken", "output", "error"] {
        assert!(changed(&format!("status: drop={member}")).get(member).is_none());
    }
    let both = changed("status: drop=error,request");
    assert!(both.get("error").is_none() && both.get("request").is_none());
    assert_eq!(both["output"], manifest()["output"]);
    assert_eq!(changed("status: empty")["output"], json!([]));
    let extra = changed("status: extra");
    assert!(extra.get("vendorNote").is_some() && extra["output"][0].get("vendorHash").is_some());
    for (form, time) in [
        ("junk", "yesterday, about noon"),
        ("empty", ""),
        ("date", "2020-06-15"),
        ("local", "2020-06-15T10:00:00.000"),
        ("epoch", "1970-01-01T00:00:00Z"),
        ("future", "2999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(changed(&format!("status: transaction_time={form}"))["transactionTime"], time);
    }
    let mut list = json!([1]);
    change_manifest(&rule("status: empty"), &mut list, place(1));
    assert_eq!(list, json!([1]));
}

#[test]
fn counts_are_wrong() {
    let counts = |short: &str| -> Vec<Json> {
        changed(short)["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["count"].clone())
            .collect()
    };
    assert_eq!(counts("status: count=text"), [json!("10"), json!("5"), json!("1")]);
    assert_eq!(counts("status: count=absent"), [Json::Null, Json::Null, Json::Null]);
    assert_eq!(counts("status: count_offset=-2"), [json!(8), json!(3), json!(-1)]);
    assert_eq!(counts("status: count_offset=2; count=text"), [json!("12"), json!("7"), json!("3")]);
}

#[test]
fn urls_are_wrong() {
    assert_eq!(urls(&changed("status: urls=relative"), "output")[0], "/fhir/jobs/1/Patient.ndjson");
    assert_eq!(
        urls(&changed("status: urls=foreign"), "output")[0],
        "http://localhost:8080/fhir/jobs/1/Patient.ndjson"
    );
    let twice = urls(&changed("status: urls=duplicate"), "output");
    assert_eq!((twice.len(), &twice[..3]), (6, &twice[3..]));
}

#[test]
fn a_type_has_several_files() {
    let manifest = changed("status: files=3");
    let rows: Vec<String> = urls(&manifest, "output")
        .iter()
        .filter_map(|url| Some(url.split_once('?')?.1.to_owned()))
        .collect();
    assert_eq!(
        rows,
        ["_rows=0-4", "_rows=4-8", "_rows=8-10", "_rows=0-2", "_rows=2-4", "_rows=4-5"]
    );
    let counts = changed("status: rows_per_file=4")["output"].clone();
    let counts: Vec<u64> =
        counts.as_array().unwrap().iter().map(|entry| entry["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [4, 4, 2, 4, 1, 1]);
    assert_eq!(changed("status: rows_per_file=10"), super::manifests::manifest());
}

#[test]
fn pages_come_to_an_end_or_do_not() {
    let page = |short: &str, number| {
        let mut changed = manifest();
        change_manifest(&rule(short), &mut changed, place(number));
        let next = changed["link"][0]["url"].as_str().map(str::to_owned);
        (urls(&changed, "output").len(), next)
    };
    assert_eq!(page("status: files_per_page=2", 1), (2, Some(format!("{URL}?_page=2"))));
    assert_eq!(page("status: files_per_page=2", 2), (1, None));
    assert_eq!(page("status: files_per_page=2", 3), (0, None));
    assert_eq!(page("status: files_per_page=3", 1), (3, None));
    assert_eq!(page("status: pages=endless", 1), (3, Some(format!("{URL}?_page=2"))));
    assert_eq!(page("status: pages=endless", 77), (0, Some(format!("{URL}?_page=78"))));
    assert_eq!(page("status: pages=loop", 1), (3, Some(URL.to_owned())));
    assert_eq!(page_of(&query(&format!("{URL}?_page=78"))), 78);
    for url in [URL.to_owned(), format!("{URL}?_page=0"), format!("{URL}?_page=x")] {
        assert_eq!(page_of(&query(&url)), 1);
    }
}

#[test]
fn notices_and_deletions_are_listed_and_served() {
    let manifest = changed("status: fatals=1; errors=2; warnings=1; deleted=Patient/a,Group/b.c");
    let entry = &manifest["error"][0];
    assert_eq!((&entry["count"], &entry["type"]), (&json!(4), &json!("OperationOutcome")));
    let file = SimulatedFile::of_query(&query(&urls(&manifest, "error")[0])).unwrap();
    let severities: Vec<String> = file
        .lines()
        .map(|line| {
            let outcome: Json = serde_json::from_slice(&line).unwrap();
            outcome["issue"][0]["severity"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(severities, ["fatal", "error", "error", "warning"]);
    assert_eq!(manifest["deleted"][0]["count"], 2);
    let file = SimulatedFile::of_query(&query(&urls(&manifest, "deleted")[0])).unwrap();
    assert_eq!(
        file,
        SimulatedFile::Deletions(vec!["Patient/a".to_owned(), "Group/b.c".to_owned()])
    );
    let lines: Vec<Vec<u8>> = file.lines().collect();
    assert!(String::from_utf8_lossy(&lines[1]).contains("\"url\":\"Group/b.c\""));
    for wrong in ["_notices=1-2", "_notices=1-2-3-x", "_notices=0-0-0-999999999", "_page=1", ""] {
        assert_eq!(SimulatedFile::of_query(&query(&format!("x?{wrong}"))), None);
    }
}

#[test]
fn some_files_fail() {
    let manifest = changed("status: keep_every=3");
    assert_eq!(urls(&manifest, "output").len(), 1);
    assert!(urls(&manifest, "output")[0].ends_with("Condition.ndjson"));
    assert_eq!(urls(&manifest, "error").len(), 2);
    let file = SimulatedFile::of_query(&query(&urls(&manifest, "error")[0])).unwrap();
    assert_eq!((file.count(), file.resource_type()), (1, "OperationOutcome"));
}

#[test]
fn a_share_of_rows_is_deleted_since() {
    let manifest = changed("status: deleted_percent=20; rows_per_file=3");
    let deleted = urls(&manifest, "deleted");
    assert_eq!(deleted.len(), 2, "one of 5, two of 10, none of 1");
    let part = RowPart::of_query(&query(&deleted[0]));
    assert_eq!(part, RowPart { copies: None, rows: Some(0..2), is_deletions: true });
    assert_eq!(manifest["deleted"][0]["type"], "Bundle");
    let first = RowPart::of_query(&query(&urls(&manifest, "output")[0]));
    assert_eq!(first, RowPart { copies: None, rows: Some(2..5), is_deletions: false });
    let mut without = super::manifests::manifest();
    let place = ManifestPlace { has_since: false, ..place(1) };
    change_manifest(&rule("status: deleted_percent=20"), &mut without, place);
    assert_eq!(without, super::manifests::manifest());
    assert_eq!(urls(&changed("status: deleted_percent=100"), "output").len(), 0);
}

proptest! {
    #[test]
    fn no_rule_makes_the_changer_panic(rule in any_rule(), page in 1_u64..5, has_since: bool) {
        let place = ManifestPlace { has_since, ..place(page) };
        for mut manifest in [manifest(), json!({}), json!({"output": 7, "error": [null, []]}), json!(null)] {
            let was_object = manifest.is_object();
            change_manifest(&rule, &mut manifest, place);
            prop_assert_eq!(manifest.is_object(), was_object);
        }
    }

    #[test]
    fn parts_have_every_row_once(
        counts in prop::collection::vec(0_u64..40, 0..6),
        size in 1_u64..12,
        percent in 1_u64..=100,
    ) {
        let output: Vec<Json> = counts
            .iter()
            .enumerate()
            .map(|(at, count)| json!({"type": "T", "url": format!("{FILES}{at}"), "count": count}))
            .collect();
        let mut manifest = json!({"output": output});
        let short = format!("status: rows_per_file={size}; deleted_percent={percent}");
        change_manifest(&rule(&short), &mut manifest, place(1));
        for (at, count) in counts.iter().enumerate() {
            let all = [urls(&manifest, "output"), urls(&manifest, "deleted")].concat();
            let parts = all.iter().filter(|url| url.split('?').next() == Some(&format!("{FILES}{at}")));
            let parts: Vec<RowPart> = parts.map(|url| RowPart::of_query(&query(url))).collect();
            for row in 0..*count {
                prop_assert_eq!(parts.iter().filter(|part| part.has_row(row)).count(), 1);
            }
        }
        let listed = |list: &str| -> u64 {
            manifest[list].as_array().into_iter().flatten().filter_map(|entry| entry["count"].as_u64()).sum()
        };
        prop_assert_eq!(listed("output") + listed("deleted"), counts.iter().sum::<u64>());
    }
}
