//! A client from a new user to the export of the user's data.

use serde_json::json;

use super::{is_hex, keys};
use crate::support::bulk::path;
use crate::support::oneup::{EXPORT, Tenants, bearer, data, exported, pair};

#[test]
fn a_client_creates_a_user_and_exports_the_users_data() {
    let here = Tenants::new();
    let to = here.to();
    let made = here.app.add_user(to, "dora");
    assert_eq!(keys(&made), ["active", "app_user_id", "code", "oneup_user_id", "success"].into());
    assert_eq!((&made["success"], &made["active"]), (&json!(true), &json!(true)));
    assert_eq!(made["app_user_id"], "dora");
    assert!(is_hex(&made["code"], 32), "{made}");
    let dora = made["oneup_user_id"].as_i64().expect("a number");

    let answer = here.app.exchange(to, made["code"].as_str().expect("a code"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let granted = answer.json();
    assert_eq!(
        keys(&granted),
        ["access_token", "expires_in", "refresh_token", "scope", "token_type"].into()
    );
    assert_eq!(granted["token_type"], "bearer");
    assert_eq!((&granted["expires_in"], &granted["scope"]), (&json!(7200), &json!("user/*.*")));
    let first = pair(&answer);
    assert_ne!(first.access, first.refresh);
    assert_eq!(exported(to, &bearer(&first.access)), []);

    here.dir.write("dora.ndjson", data("dora"));
    here.dir.import(0, &["s.db", "dora.ndjson", "--user", "dora"]);
    let expected = here.stored(&[dora]);
    assert_eq!(expected.len(), 2);
    let manifest = here.get(EXPORT, &bearer(&first.access)).json();
    assert_eq!(
        keys(&manifest),
        ["output", "request", "requiresAccessToken", "transactionTime"].into()
    );
    assert_eq!(manifest["requiresAccessToken"], true);
    for file in manifest["output"].as_array().expect("a list") {
        assert_eq!(keys(file), ["type", "url"].into());
        let url = path(file["url"].as_str().expect("a url"));
        let answer = here.get(url, &bearer(&first.access));
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        // With another user's token, or with none, the URL is useless.
        let ben = here.app.tokens(to, "ben");
        assert_eq!(here.get(url, &bearer(&ben.access)).status, 403);
        assert_eq!(here.get(url, "").status, 401);
    }
    assert_eq!(exported(to, &bearer(&first.access)), expected);

    let second = pair(&here.app.refresh(to, &first.refresh));
    assert!(second.access != first.access && second.refresh != first.refresh);
    assert_eq!(exported(to, &bearer(&second.access)), expected);
    // The client's own headers export the same for one user, or for all users.
    assert_eq!(exported(to, &here.app.headers(&dora.to_string())), expected);
    let all = here.stored(&[here.anna, here.ben, dora]);
    assert_eq!(exported(to, &here.app.headers("client")), all);
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    let ben = here.app.tokens(to, "ben");
    assert_eq!(exported(to, &bearer(&ben.access)), here.stored(&[here.ben]));
    here.end();
}
