//! What screens show on a server that requires authorization: what the caller could read by the API, and nothing else.

use super::browse_html::{links, plain, rows, screen_with};
use crate::support::oneup::{Client, bearer};
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served};

const SHARED: &str = r#"{"resourceType":"Patient","id":"p","name":[{"text":"Shared Name"}]}
{"resourceType":"Organization","id":"org","name":"Ward"}
{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p"}}
"#;

fn token(dir: &Dir, args: &[&str]) -> String {
    let ran = dir.run([&["token", "issue", "s.db"], args].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    format!("Authorization: Bearer {}\r\n", ran.stdout.trim_end())
}

fn protected() -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", SHARED);
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "app", "--new-key", "key.pem", EVERYTHING);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    (dir, served)
}

#[test]
fn nothing_is_shown_without_a_token() {
    let (_dir, served) = protected();
    for target in
        ["/", "/browse", "/browse/Patient", "/browse/Patient/p", "/browse/Patient/p?version=1"]
    {
        let answer = served.get(target);
        assert_eq!(answer.status, 303, "{target}");
        let to = answer.header("location").expect("the way to sign in");
        assert!(to.starts_with("/sign-in"), "{target}: {to}");
        let html = answer.text();
        assert!(
            !html.contains("Shared Name") && !html.contains("Organization"),
            "{target}: {html}"
        );
    }
    for target in
        ["/browse/Patient.csv", "/browse/Patient.ndjson", "/browse/Patient/p/attachments/0"]
    {
        assert_eq!(served.get(target).status, 401, "{target}");
    }
}

#[test]
fn a_scope_limits_screens() {
    let (dir, served) = protected();
    let all = token(&dir, &["--client", "app"]);
    let some = token(&dir, &["--client", "app", "--scope", "system/Observation.rs"]);
    let types = |header: &str| -> Vec<String> {
        rows(&screen_with(&served, "/", 200, header))
            .into_iter()
            .map(|row| row[0].clone())
            .collect()
    };
    assert_eq!(types(&all), ["Observation", "Organization", "Patient"]);
    assert_eq!(types(&some), ["Observation"]);
    let start = plain(&screen_with(&served, "/", 200, &some));
    assert!(start.contains("Token endpoint") && start.contains("the client app"), "{start}");
    assert!(!start.contains("Earlier versions kept"), "{start}");
    for target in ["/browse/Patient", "/browse/Patient/p", "/browse/Patient.csv"] {
        assert_eq!(served.get_with(target, &all).status, 200, "{target}");
        assert_eq!(served.get_with(target, &some).status, 403, "{target}");
    }
    // The name of a patient is told to those alone who may read patients.
    let named = |header: &str| {
        rows(&screen_with(&served, "/browse/Observation", 200, header))[0][5].clone()
    };
    assert_eq!((named(&all).as_str(), named(&some).as_str()), ("Shared Name", "p"));
    let referrers = screen_with(&served, "/browse/Observation/o?referrers=1", 200, &some);
    assert!(!links(&referrers).contains(&"/browse/Patient".to_owned()));
}

#[test]
fn a_user_sees_only_what_is_theirs() {
    let dir = Dir::new();
    dir.write("org.ndjson", r#"{"resourceType":"Organization","id":"org"}"#);
    dir.import(0, &["s.db", "org.ndjson"]);
    let client = Client::add(&dir, "s.db", "app");
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let to = served.authority();
    client.add_user(to, "alice");
    client.add_user(to, "bob");
    for (user, count) in [("alice", 3), ("bob", 1)] {
        let lines: String = (0..count)
            .map(|n| format!("{{\"resourceType\":\"Patient\",\"id\":\"{user}{n}\",\"name\":[{{\"text\":\"{user} {n}\"}}]}}\n"))
            .collect();
        let file = format!("{user}.ndjson");
        dir.write(&file, lines);
        let ran = dir.run(["import", "s.db", &file, "--user", user]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let bob = bearer(&client.tokens(to, "bob").access);
    let start = screen_with(&served, "/", 200, &bob);
    assert_eq!(rows(&start)[0][..2], ["Patient", "1"]);
    assert!(plain(&start).contains("the user bob of the client app"), "{start}");
    let list = screen_with(&served, "/browse/Patient", 200, &bob);
    assert_eq!(rows(&list).len(), 1);
    for target in
        ["/", "/browse", "/browse/Patient", "/browse/Patient.ndjson", "/browse/Patient.csv"]
    {
        let text = served.get_with(target, &bob).text();
        assert!(!text.contains("alice"), "{target}: {text}");
    }
    screen_with(&served, "/browse/Patient/alice0", 404, &bob);
    screen_with(&served, "/browse/Patient/alice0?version=1", 404, &bob);
    assert_eq!(served.get_with("/browse/Patient.ndjson", &bob).text().lines().count(), 1);
}
