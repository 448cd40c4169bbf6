//! Several servers of one store.

use super::kinds::assert_all_ways;
use super::{assert_gone, cancel, download, large, long, manifest, rows_of, start};
use crate::support::Held;

#[test]
fn an_export_can_be_polled_and_deleted_at_any_server_of_the_store() {
    let dir = large();
    let [one, two] = [(); 2].map(|()| dir.serve_with_log(&["s.db"]));
    let held = Held::new(&dir);
    let started: Vec<String> = (0..5).map(|_| start(&one, &long())).collect();
    let last = &started[4];
    let answer = two.get(last);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let progress = answer.header("x-progress").expect("an X-Progress");
    assert!((1..100).contains(&progress.len()), "{progress:?}");
    assert!(answer.header("retry-after").is_some());
    // An export that is deleted at one server is not completed by the other.
    assert_eq!(cancel(&two, &started[3]).status, 202);
    held.release();
    let at_two = manifest(&two, last);
    let at_one = manifest(&one, last);
    assert_eq!(at_two, at_one);
    assert!(at_two["output"][0]["url"].as_str().unwrap().starts_with(&one.url));
    let files = download(&two, &at_two);
    assert!(files == download(&one, &at_one));
    let (path, bytes) = files.first_key_value().expect("a file");
    assert_all_ways(&two, path, bytes);
    assert_gone(&one, &[started[3].clone()]);
    assert_eq!(rows_of(&dir, &started[3]), (0, 0));
    assert_eq!(cancel(&two, last).status, 202);
    for served in [&one, &two] {
        assert_gone(served, &[last.clone(), path.clone()]);
    }
}
