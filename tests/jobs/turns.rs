//! Turns: the exports of several clients are worked on in rotation.

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
    // The first three of the first client end, and the others of it do not: in the order of their kick-offs both
    // workers would be kept from the second client's export.
    let ids: Vec<&str> = many.iter().map(|status| status.rsplit('/').next().unwrap()).collect();
    held.release_all_but(&ids[3..]);
    assert_eq!(ended_at(to, &one, &other.headers("client")).status, 200);
    held.release();
    for status in &many {
        assert_eq!(ended_at(to, status, &app.headers("client")).status, 200);
    }
}
