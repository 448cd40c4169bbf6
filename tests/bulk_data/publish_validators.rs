//! `$bulk-publish` and caches: validators, `Cache-Control`, and when the manifest changes.

use serde_json::json;

use super::client::PUBLISH;
use crate::rest::{DATA, filled, line, list, text};
use crate::support::Dir;
use crate::support::bulk::kick_off;
use crate::support::client::Answer;

#[test]
fn the_published_manifest_changes_with_each_change_of_the_store() {
    let (dir, served) = filled();
    let first = served.get(PUBLISH);
    assert_eq!(first.header("cache-control"), Some("public, max-age=10"));
    let etag = first.header("etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 10, "{etag}");
    let known = format!("If-None-Match: {etag}\r\n");
    let same = |why: &str| {
        served.get(PUBLISH).assert_same(&first);
        let again = served.get_with(PUBLISH, &known);
        assert_eq!((again.status, again.body.len()), (304, 0), "{why}");
        assert_eq!(again.header("etag"), Some(etag.as_str()));
        assert_eq!(again.header("cache-control"), Some("public, max-age=10"));
    };
    same("asked again");
    kick_off(served.authority(), "/fhir/$export", &[], "");
    same("after an export");
    let again = dir.import(0, &["s.db", "in.ndjson"]);
    assert_eq!(again["created"], 1, "Observation/gone comes back: {again}");
    let second = served.get_with(PUBLISH, &known);
    assert_eq!(second.status, 200);
    assert_ne!(second.header("etag"), Some(etag.as_str()));
    assert_eq!(dir.run(["delete", "s.db", "Observation/gone"]).code, 0);
    let third = served.get(PUBLISH);
    let times = [&first, &second, &third].map(|answer| {
        let time = answer.json()["transactionTime"].as_str().unwrap().to_owned();
        fhirlite::Instant::parse(&time).expect("an instant").0
    });
    assert!(times.is_sorted() && times[0] < times[2], "{times:?}");
    assert_ne!(third.body, first.body, "a deletion is a change, also of the transactionTime");
}

#[test]
fn the_published_manifest_stays_if_an_import_changes_nothing() {
    let dir = Dir::new();
    dir.write("in.ndjson", DATA);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let first = served.get(PUBLISH);
    assert_eq!(dir.import(0, &["s.db", "in.ndjson"])["unchanged"], DATA.lines().count());
    served.get(PUBLISH).assert_same(&first);
    assert_eq!(dir.run(["delete", "s.db", "Patient/nobody"]).code, 1);
    served.get(PUBLISH).assert_same(&first);
}

#[test]
fn a_published_file_is_public_and_immutable() {
    let (dir, served) = filled();
    let manifest = served.get(PUBLISH).json();
    let files: Vec<(String, Answer)> = list(&manifest["output"])
        .iter()
        .map(|file| (text(&file["url"]).to_owned(), served.get(text(&file["url"]))))
        .collect();
    assert_eq!(files.len(), 5);
    for (url, file) in &files {
        assert_eq!(file.status, 200, "{url}");
        assert_eq!(
            file.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{url}"
        );
        assert_eq!(file.header("content-type"), Some("application/fhir+ndjson"));
    }
    dir.write("more.ndjson", DATA.replace("\"Patient/a\"", "\"Patient/c\""));
    dir.import(0, &["s.db", "more.ndjson"]);
    assert_eq!(dir.run(["delete", "s.db", "Patient/b", "Group/g"]).code, 0);
    for (url, file) in &files {
        served.get(url).assert_same(file);
        let known = format!("If-None-Match: {}\r\n", file.header("etag").unwrap());
        assert_eq!(served.get_with(url, &known).status, 304, "{url}");
    }
    // The URL of an attachment leads to the Binary.
    let (_, documents) = files.iter().find(|(url, _)| url.contains("DocumentReference")).unwrap();
    let absolute = format!("\"{}/fhir/Binary/text\"", served.url);
    let expected = line("DocumentReference", "d").replace("\"Binary/text\"", &absolute);
    assert_eq!(documents.text(), format!("{expected}\n"));
}

#[test]
fn an_empty_store_publishes_a_manifest_without_files() {
    let dir = Dir::new();
    dir.write("empty.ndjson", "");
    let served = dir.serve(&["s.db", "empty.ndjson"]);
    let manifest = served.get(PUBLISH).json();
    assert_eq!(manifest["output"], json!([]));
    assert!(fhirlite::Instant::parse(text(&manifest["transactionTime"])).is_some());
}
