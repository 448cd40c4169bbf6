//! Users, tokens that are issued by hand, and the key that signs file names.

use serde_json::{Value, json};

use super::{REQUIRED, json_of, number, patient, ran, refused};
use crate::support::Dir;
use crate::support::bulk::{path, url_of};
use crate::support::client::get;
use crate::support::oneup::{Client, EXPORT, bearer, exported, stored};

/// The arguments that issue a token.
fn issue<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["token", "issue", "s.db"][..], args].concat()
}

#[test]
fn users_are_added_and_tokens_issued_by_command() {
    let dir = Dir::new();
    dir.import(0, &["s.db", dir.write("in.ndjson", patient("x", "")).to_str().expect("UTF-8")]);
    refused(&dir, 3, &["user", "add", "s.db", "anna"], "client add");
    Client::add(&dir, "s.db", "app");
    let added = ran(&dir, 0, &["user", "add", "s.db", "anna"]).stdout;
    let anna = number(&dir, "anna");
    assert!(added.contains(&format!("oneup_user_id  {anna}")) && added.contains("app"), "{added}");
    refused(&dir, 2, &["user", "add", "s.db", "anna"], "already");
    for odd in ["", " ", "a\tb", &"x".repeat(256)] {
        refused(&dir, 2, &["user", "add", "s.db", odd], "app_user_id should");
    }
    let keyed = [
        "client",
        "add",
        "s.db",
        "--client-id",
        "keyed",
        "--new-key",
        "k.pem",
        "--scope",
        "system/Patient.rs system/Group.rs",
    ];
    ran(&dir, 0, &keyed);
    refused(&dir, 2, &["user", "add", "s.db", "ben"], "--client");
    refused(&dir, 3, &["user", "add", "s.db", "ben", "--client", "none"], "no client");
    ran(&dir, 0, &["user", "add", "s.db", "ben", "--client", "keyed"]);
    ran(&dir, 0, &["user", "add", "s.db", "anna", "--client", "keyed"]);
    refused(&dir, 2, &["user", "deactivate", "s.db", "anna"], "--client");
    refused(&dir, 3, &["user", "deactivate", "s.db", "ben", "--client", "app"], "no user");
    let told = ran(&dir, 0, &["user", "deactivate", "s.db", "ben"]).stdout;
    assert!(told.contains("ben is inactive"), "{told}");
    let listed = json_of(&dir, &["user", "list", "s.db", "--json"]);
    let names = |users: &[Value]| -> Vec<String> {
        users
            .iter()
            .map(|user| {
                format!(
                    "{} {} {}",
                    user["app_user_id"].as_str().unwrap_or_default(),
                    user["client_id"].as_str().unwrap_or_default(),
                    user["active"]
                )
            })
            .collect()
    };
    assert_eq!(names(&listed), ["anna app true", "ben keyed false", "anna keyed true"]);
    assert_eq!(listed[0]["oneup_user_id"], anna);
    let listed = ran(&dir, 0, &["user", "list", "s.db", "--client", "app"]).stdout;
    assert!(listed.contains("anna") && !listed.contains("ben"), "{listed}");
    refused(&dir, 3, &["user", "list", "s.db", "--client", "none"], "no client");

    refused(&dir, 2, &issue(&[]), "--user");
    refused(&dir, 2, &issue(&["--user", "anna"]), "--client");
    refused(&dir, 3, &issue(&["--user", "nobody"]), "no user");
    refused(&dir, 3, &issue(&["--client", "none"]), "no client");
    refused(&dir, 2, &issue(&["--user", "ben"]), "not active");
    ran(&dir, 0, &["user", "activate", "s.db", "ben"]);
    refused(&dir, 2, &issue(&["--user", "ben", "--scope", "system/*.rs"]), "--scope");
    refused(&dir, 2, &issue(&["--client", "keyed", "--scope", "system/Observation.rs"]), "scope");
    refused(&dir, 2, &issue(&["--client", "app", "--scope", "system/*.rs"]), "--scope");
    refused(&dir, 2, &issue(&["--user", "ben", "--ttl", "soon"]), "24h");
    let lived = |tokens: &Value| tokens["expires_in"].as_u64();
    let of_anna = json_of(&dir, &issue(&["--user", "anna", "--client", "app", "--json"])).remove(0);
    assert_eq!((lived(&of_anna), &of_anna["scope"]), (Some(7200), &json!("user/*.*")));
    assert!(of_anna.get("refresh_token").is_none(), "{of_anna}");
    let keyed = json_of(&dir, &issue(&["--client", "keyed", "--json"])).remove(0);
    assert_eq!(
        (lived(&keyed), &keyed["scope"]),
        (Some(300), &json!("system/Patient.rs system/Group.rs"))
    );
    let less = json_of(
        &dir,
        &issue(&["--client", "keyed", "--scope", "system/Group.rs", "--ttl", "15m", "--json"]),
    )
    .remove(0);
    assert_eq!((lived(&less), &less["scope"]), (Some(900), &json!("system/Group.rs")));
    let plain = ran(&dir, 0, &issue(&["--client", "app"])).stdout;
    let served = dir.serve(&REQUIRED);
    let read = |token: &str| served.get_with("/fhir/Patient/x", &bearer(token)).status;
    // A resource without owner is for clients with keys whose scope covers it.
    assert_eq!(read(keyed["access_token"].as_str().expect("a token")), 200);
    assert_eq!(read(less["access_token"].as_str().expect("a token")), 403);
    assert_eq!(read(of_anna["access_token"].as_str().expect("a token")), 404);
    assert_eq!(read(plain.trim_end()), 404);
    assert_eq!(plain.trim_end().len(), 64);
    dir.check("s.db");
}

#[test]
fn a_new_signing_key_invalidates_file_urls() {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    ran(&dir, 0, &["user", "add", "s.db", "anna"]);
    dir.write("in.ndjson", patient("a", ""));
    dir.import(0, &["s.db", "in.ndjson", "--user", "anna"]);
    let served = dir.serve(&REQUIRED);
    let (to, headers) = (served.authority(), app.headers("client"));
    let manifest = get(to, EXPORT, &headers).json();
    let url = path(&url_of(&manifest, "Patient")).to_owned();
    assert_eq!(get(to, &url, &headers).status, 200);
    let told = ran(&dir, 0, &["key", "rotate", "s.db"]).stdout;
    assert!(told.contains("ended"), "{told}");
    get(to, &url, &headers).assert_outcome(403, "not signed by this store");
    assert_eq!(exported(to, &headers), stored(&dir, "s.db", &[number(&dir, "anna")]));
    refused(&dir, 3, &["key", "rotate", "missing.db"], "no store");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}
