//! A restored or copied store is another store: no URL of one history shows the bytes of another.

use serde_json::Value;

use super::{A, filled};
use crate::support::Dir;
use crate::support::Served;
use crate::support::bulk::{ended, kick_off, path};
use crate::support::client::{Answer, parse, raw};

const PUBLISH: &str = "/fhir/$bulk-publish";

/// Imports one more Patient with this value of `gender`: the writes of two histories have the same numbers, and
/// their files the same lengths.
fn import(dir: &Dir, store: &str, id: &str, gender: &str) {
    let line =
        format!("{{\"resourceType\":\"Patient\",\"id\":\"{id}\",\"gender\":\"{gender}\"}}\n");
    dir.write("one.ndjson", line);
    dir.import(0, &[store, "one.ndjson"]);
}

/// The path of the file of Patients in a manifest.
fn patients(manifest: &Value) -> String {
    let output = manifest["output"].as_array().expect("a list");
    let file = output.iter().find(|file| file["type"] == "Patient").expect("Patients");
    path(file["url"].as_str().expect("a url")).to_owned()
}

/// What a server hands out: a file of a 1upHealth manifest, a published one, one of a job.
fn handed_out(served: &Served) -> Vec<(String, Answer)> {
    let started = kick_off(served.authority(), "/fhir/$export", &[], "");
    let job = ended(served.authority(), &started).json();
    [served.manifest(""), served.get(PUBLISH).json(), job]
        .iter()
        .map(|manifest| {
            let url = patients(manifest);
            let answer = served.get(&url);
            assert_eq!(answer.status, 200, "{url}");
            (url, answer)
        })
        .collect()
}

#[test]
fn a_url_of_a_lost_history_is_404_in_the_restored_store() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let shared = handed_out(&served);
    assert_eq!(served.end("-TERM"), 0);
    std::fs::copy(dir.path("s.db"), dir.path("kept.db")).expect("a copy");
    import(&dir, "s.db", "x", "other");
    let served = dir.serve(&["s.db"]);
    let lost = handed_out(&served);
    let published = served.get(PUBLISH);
    assert_eq!(served.end("-TERM"), 0);
    std::fs::copy(dir.path("kept.db"), dir.path("s.db")).expect("restored");
    import(&dir, "s.db", "y", "woman");
    let served = dir.serve(&["s.db"]);
    for (url, answer) in &shared {
        served.get(url).assert_same(answer);
    }
    for (url, answer) in &lost {
        let tag = answer.header("etag").expect("an ETag");
        for headers in ["", "Range: bytes=0-9\r\n", &format!("If-None-Match: {tag}\r\n")] {
            served.get_with(url, headers).assert_outcome(404, "");
        }
    }
    let now = handed_out(&served);
    for ((_, then), (url, now)) in lost.iter().zip(&now) {
        assert_ne!(then.header("etag"), now.header("etag"), "{url}");
        // A client that goes on with a download begins anew.
        let tag = then.header("etag").expect("an ETag");
        let headers = format!("Range: bytes=5-\r\nIf-Range: {tag}\r\n");
        let answer = served.get_with(url, &headers);
        assert_eq!((answer.status, &answer.body), (200, &now.body), "{url}");
    }
    let tag = published.header("etag").expect("an ETag");
    let again = served.get_with(PUBLISH, &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(again.status, 200);
    drop(served);
    dir.check("s.db");
}

#[test]
fn two_servers_of_copies_that_went_on_refuse_each_others_urls() {
    let dir = filled();
    std::fs::copy(dir.path("s.db"), dir.path("t.db")).expect("a copy");
    import(&dir, "s.db", "x", "male");
    import(&dir, "t.db", "x", "femm");
    let (one, two) = (dir.serve(&["s.db"]), dir.serve(&["t.db"]));
    for (served, other) in [(&one, &two), (&two, &one)] {
        for (url, _) in handed_out(served) {
            other.get(&url).assert_outcome(404, "");
        }
    }
}

/// A store of format 3 has no marks. Its copies may have gone on before the upgrade.
#[test]
fn a_name_without_a_mark_is_good_for_the_writes_before_the_upgrade_alone() {
    let dir = Dir::new();
    dir.fixture(3, "s.db");
    dir.write("b.json", A.replace("\"a\"", "\"b\""));
    dir.import(0, &["s.db", "b.json"]);
    let marks = "SELECT count(*) FROM write_mark WHERE length(mark) = 16";
    assert_eq!(dir.count("s.db", marks), 2);
    let upgrade = "SELECT min(seq) < (SELECT value FROM setting WHERE name = 'last_seq')
                     AND min(seq) > 0 FROM write_mark";
    assert_eq!(dir.count("s.db", upgrade), 1);
    // The mark of the upgrade is the same at each upgrade of the same file.
    let mark = "SELECT unicode(substr(hex(mark), 1, 1)) FROM write_mark ORDER BY seq LIMIT 1";
    let first = dir.count("s.db", mark);
    dir.fixture(3, "s.db");
    dir.import(0, &["s.db", "b.json"]);
    assert_eq!(dir.count("s.db", mark), first);
    dir.check("s.db");
}

/// The file is replaced by an earlier copy of itself while it is served.
#[test]
fn a_server_whose_file_was_replaced_mixes_no_histories() {
    let dir = filled();
    std::fs::copy(dir.path("s.db"), dir.path("kept.db")).expect("a copy");
    import(&dir, "s.db", "x", "male");
    let served = dir.serve_with_log(&["s.db"]);
    let url = patients(&served.manifest(""));
    let before = served.get(&url);
    for beside in ["", "-wal", "-shm"] {
        std::fs::remove_file(dir.path(&format!("s.db{beside}"))).expect("removed");
    }
    import(&dir, "kept.db", "y", "girl");
    std::fs::rename(dir.path("kept.db"), dir.path("s.db")).expect("replaced");
    // Many at once, so that the server opens further connections.
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let request = format!("GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n");
                let answer = raw(served.authority(), request.as_bytes());
                // A fault is answered as one, or the connection ends without an answer.
                if answer.starts_with(b"HTTP/1.1 200") {
                    assert_eq!(parse(&answer).body, before.body);
                }
            });
        }
    });
}
