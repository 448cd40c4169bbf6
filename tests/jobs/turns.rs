//! Turns: the exports of several clients are worked on in rotation.

use std::collections::BTreeMap;

use crate::support::bulk::{ended_at, location, path};
use crate::support::client::get;
use crate::support::oneup::Client;
use crate::support::{Dir, Held};

#[test]
fn a_client_with_many_exports_does_not_keep_another_waiting() {
    let dir = Dir::new();
    let [app, other] = ["app", "other"].map(|name| Client::add(&dir, "s.db", name));
    let held = Held::new(&dir);
    let served = dir.serve_with_log(&["s.db", "--auth", "required"]);
    let to = served.authority();
    let start = |client: &Client| {
        let headers = format!("{}Prefer: respond-async\r\n", client.headers("client"));
        path(&location(&get(to, "/fhir/Patient/$export", &headers))).to_owned()
    };
    // Both workers have an export of the first client; more of it wait, and then one of the second.
    let many: Vec<String> = (0..12).map(|_| start(&app)).collect();
    let one = start(&other);
    held.release();
    for status in &many {
        assert_eq!(ended_at(to, status, &app.headers("client")).status, 200);
    }
    assert_eq!(ended_at(to, &one, &other.headers("client")).status, 200);
    // An export expires a day after it was complete.
    let db = dir.open("s.db");
    let mut rows = db.prepare("SELECT id, expires_at FROM job").expect("rows");
    let rows = rows.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)));
    let done: BTreeMap<String, i64> = rows.expect("rows").map(Result::unwrap).collect();
    let when = |status: &str| done[status.rsplit('/').next().expect("an id")];
    let later = many.iter().filter(|status| when(status) > when(&one)).count();
    // In the order of their kick-offs, the last one at most would be done later.
    assert!(later >= 2, "only {later} of twelve were done after the other client's");
}
