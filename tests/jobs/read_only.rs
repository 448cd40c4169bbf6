//! Exports of a store that cannot be written.

use super::kinds::{all_kinds, as_stu3, assert_all_ways};
use super::{assert_gone, by_name, cancel, download, entries, filled, manifest, start};

#[test]
fn exports_of_a_read_only_store_live_as_long_as_the_server() {
    let dir = filled();
    let served = dir.serve(&["s.db", "--base-url", "http://here.example"]);
    let expected: Vec<_> = all_kinds()
        .iter()
        .map(|kickoff| as_stu3(&manifest(&served, &start(&served, kickoff))))
        .map(|manifest| by_name(download(&served, &manifest)))
        .collect();
    assert_eq!(served.end("-TERM"), 0);
    dir.open("s.db").execute_batch("DELETE FROM job; DELETE FROM job_file").expect("deleted");
    std::fs::create_dir(dir.path("ro")).expect("a folder");
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).expect("a copy");
    let before = dir.read("ro/s.db");
    let Some(unprivileged) = dir.without_rights() else { return };
    let served = unprivileged.serve_with_log(&["ro/s.db"]);
    let said = dir.text("stderr");
    assert!(said.contains("read-only") && said.contains("forgotten"), "{said:?}");
    let mut started = Vec::new();
    for (kickoff, expected) in all_kinds().iter().zip(&expected) {
        let status = start(&served, kickoff);
        let manifest = as_stu3(&manifest(&served, &status));
        let files = download(&served, &manifest);
        for (path, bytes) in &files {
            assert_all_ways(&served, path, bytes);
        }
        // The attachments have the URLs of this server.
        let host = format!("http://{}", served.authority());
        for (name, bytes) in by_name(files) {
            let bytes = String::from_utf8(bytes).expect("UTF-8");
            let bytes = bytes.replace(&host, "http://here.example");
            assert_eq!(bytes.as_bytes(), expected[&name], "{} {name}", kickoff.target);
        }
        assert_eq!(entries(&manifest).len(), expected.len());
        started.push(status);
    }
    let cancelled = started.pop().expect("several");
    assert_eq!(cancel(&served, &cancelled).status, 202);
    assert_gone(&served, &[cancelled]);
    assert_eq!(served.end("-TERM"), 0);
    let again = unprivileged.serve_with_log(&["ro/s.db"]);
    assert_gone(&again, &started);
    drop(again);
    assert!(dir.read("ro/s.db") == before, "the file was changed");
}
