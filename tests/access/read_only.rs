//! A protected server of a store that cannot be written.

use serde_json::json;

use super::with_data;
use crate::support::bulk::kick_off;
use crate::support::client::get;
use crate::support::oneup::{EXPORT, USER, bearer, exported, pair, stored};
use crate::support::smart::register;

#[test]
fn a_read_only_store_is_served_with_codes_and_tokens_in_memory() {
    let (dir, app) = with_data(3, 10);
    register(&dir, "keyed", "--new-key", "key.pem", "system/Patient.rs");
    let issued = dir.run(["token", "issue", "s.db", "--user", "anna"]).stdout;
    std::fs::create_dir(dir.path("ro")).expect("a folder");
    std::fs::copy(dir.path("s.db"), dir.path("ro/s.db")).expect("a copy");
    let before = dir.read("ro/s.db");
    let Some(unprivileged) = dir.without_rights() else { return };
    let served = unprivileged.serve_with_log(&["ro/s.db", "--auth", "required"]);
    let to = served.authority();
    let said = dir.text("stderr");
    assert!(said.contains("read-only") && said.contains("tokens"), "{said:?}");
    let expected = stored(&dir, "ro/s.db", &[dir.count("ro/s.db", "SELECT id FROM user")]);
    assert_eq!(exported(to, &app.headers("client")), expected);
    assert_eq!(exported(to, &bearer(issued.trim_end())), expected);
    assert_eq!(get(to, EXPORT, "").status, 401);
    // Codes and tokens are in memory, and work as usual.
    let code = app.code(to, "anna");
    let tokens = pair(&app.exchange(to, &code));
    assert_eq!(exported(to, &bearer(&tokens.access)), expected);
    let next = pair(&app.refresh(to, &tokens.refresh));
    assert_eq!(exported(to, &bearer(&next.access)), expected);
    assert_eq!(app.refresh(to, &tokens.refresh).status, 400);
    assert_eq!(get(to, EXPORT, &bearer(&next.access)).status, 401);
    // Users cannot be added.
    let answer = app.form(to, "POST", USER, &[("app_user_id", "ben")]);
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (403, &json!(false)),
        "{}",
        answer.text()
    );
    let started = kick_off(
        to,
        "/fhir/$export",
        &[],
        &format!("{}Prefer: respond-async\r\n", app.headers("client")),
    );
    assert_eq!(started.status, 202, "{}", started.text());
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.read("ro/s.db") == before, "the file was changed");
}
