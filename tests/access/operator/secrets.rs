//! Clients with a secret.

use serde_json::json;

use super::{REQUIRED, clients, json_of, ran, refused};
use crate::support::Dir;
use crate::support::client::get;
use crate::support::oneup::{Client, EXPORT, bearer};

#[test]
fn a_secret_is_shown_once_and_works_until_it_is_rotated() {
    let dir = Dir::new();
    let told = ran(&dir, 0, &["client", "add", "s.db", "--client-id", "told"]);
    let secret = told.stdout.lines().find_map(|line| line.strip_prefix("client_secret  "));
    let secret = secret.expect("a secret").to_owned();
    assert!(secret.len() == 64 && secret.bytes().all(|b| b.is_ascii_hexdigit()), "{secret}");
    assert!(told.stdout.contains("told") && told.stderr.contains("only now"), "{}", told.stderr);
    let made = json_of(&dir, &["client", "add", "s.db", "--json"]);
    assert_eq!(made[0]["client_id"].as_str().map(str::len), Some(32));
    let own = "twenty-characters-ok";
    dir.write("own", format!("{own}\n"));
    let added = json_of(
        &dir,
        &["client", "add", "s.db", "--client-id", "filed", "--secret-file", "own", "--json"],
    );
    assert_eq!(
        added,
        [json!({"client_id": "filed", "client_secret": null, "keys": null, "scope": null})]
    );
    let piped = ["client", "add", "s.db", "--client-id", "piped", "--secret-file", "-"];
    assert_eq!(dir.run_with_input(piped, format!("{own}-too").as_bytes()).code, 0);
    let shown = ran(&dir, 0, &["client", "list", "s.db"]).stdout;
    let listed = json_of(&dir, &["client", "list", "s.db", "--json"]);
    assert_eq!(listed.len(), 4);
    assert_eq!(
        (&listed[0]["client_id"], &listed[0]["secret"], &listed[0]["users"]),
        (&json!("told"), &json!(true), &json!(0))
    );
    assert!(shown.contains("told") && shown.contains("piped"), "{shown}");
    assert!(!shown.contains(&secret) && !shown.contains(own), "{shown}");

    let before = clients(&dir);
    for (text, word) in
        [("nineteen-characters", "20"), ("", "20"), ("twenty characters ok", "blanks")]
    {
        dir.write("short", text);
        refused(&dir, 2, &["client", "add", "s.db", "--secret-file", "short"], word);
    }
    refused(&dir, 3, &["client", "add", "s.db", "--secret-file", "missing"], "missing");
    refused(&dir, 2, &["client", "add", "s.db", "--client-id", "told"], "there already");
    for odd in ["", "a b", "a,b", "a\"b", "a\\b", "ä", "a\nb", &"x".repeat(256)] {
        refused(&dir, 2, &["client", "add", "s.db", "--client-id", odd], "client_id should");
    }
    assert_eq!(clients(&dir), before);

    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    for (id, secret) in [("told", &*secret), ("filed", own), ("piped", "twenty-characters-ok-too")]
    {
        let client = Client { id: id.to_owned(), secret: secret.to_owned() };
        assert_eq!(get(to, EXPORT, &client.headers("client")).status, 200, "{id}");
    }
    let old = Client { id: "told".to_owned(), secret };
    old.add_user(to, "anna");
    let (tokens, code) = (old.tokens(to, "anna"), old.code(to, "anna"));
    let rotated = json_of(&dir, &["client", "rotate", "s.db", "told", "--json"]);
    let secret = rotated[0]["client_secret"].as_str().expect("a secret").to_owned();
    let new = Client { id: "told".to_owned(), secret };
    assert_ne!(new.secret, old.secret);
    assert_eq!(get(to, EXPORT, &old.headers("client")).status, 401);
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 401);
    assert_eq!(new.exchange(to, &code).status, 400);
    assert_eq!(new.refresh(to, &tokens.refresh).status, 400);
    assert_eq!(get(to, EXPORT, &new.headers("client")).status, 200);
    // The client keeps its users until it is removed together with them.
    let tokens = new.tokens(to, "anna");
    let status =
        get(to, "/fhir/$export", &format!("{}Prefer: respond-async\r\n", new.headers("client")));
    assert_eq!(status.status, 202);
    let removed = ran(&dir, 0, &["client", "remove", "s.db", "told"]).stdout;
    assert!(removed.contains("removed told") && removed.contains("1 user"), "{removed}");
    assert_eq!(get(to, EXPORT, &new.headers("client")).status, 401);
    assert_eq!(get(to, EXPORT, &bearer(&tokens.access)).status, 401);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
    for args in [&["client", "remove", "s.db", "told"], &["client", "rotate", "s.db", "told"]] {
        refused(&dir, 3, args, "no client \"told\"");
    }
    refused(&dir, 2, &["client", "add", "s.db", "--client-id", "told"], "removed");
    refused(&dir, 3, &["user", "activate", "s.db", "anna"], "no user");
    refused(&dir, 3, &["client", "list", "missing.db"], "no store");
    assert_eq!(served.end("-TERM"), 0);
    dir.check("s.db");
}
