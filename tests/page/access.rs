//! Clients and tokens: what the operator does with them, and that nobody else does.

use super::visits::{HOSTILE, assert_escaped, attributes, cookie, post, post_from, with_cookies};
use crate::support::client::Answer;
use crate::support::oneup::{Client, EXPORT};
use crate::support::{Dir, Served};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;

/// A store with the client `app`, and its server.
fn protected() -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    Client::add(&dir, "s.db", "app");
    let served = dir.serve(&["s.db", "--auth", "required"]);
    (dir, served)
}

/// Shows a token of the operator; the cookie.
fn unlocked(dir: &Dir, served: &Served) -> String {
    let ran = dir.run(["token", "issue", "s.db", "--operator"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let answer = post(served, "/access/operator", "", &[("token", ran.stdout.trim())]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/access")));
    let set = answer.header("set-cookie").unwrap();
    assert!(set.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict"), "{set}");
    cookie(&answer)
}

/// The text of the only block to copy.
fn copied(answer: &Answer) -> String {
    let html = answer.text();
    let (_, block) = html.split_once("class=\"copied\"").expect("a block");
    let (_, text) = block.split_once("<pre>").expect("a text");
    text.split_once("</pre>").unwrap().0.to_owned()
}

/// The path of a client's screen.
fn client_path(served: &Served, operator: &str, client_id: &str) -> String {
    let html = with_cookies(served, "/access", operator).text();
    let row = html.lines().find(|line| line.contains(&format!(">{client_id}</a>")));
    attributes(row.unwrap_or_else(|| panic!("{client_id}: {html}")), "href").remove(0)
}

fn reads(served: &Served, token: &str) -> u16 {
    served.get_with(EXPORT, &format!("Authorization: Bearer {token}\r\n")).status
}

#[test]
fn nobody_but_the_operator_sees_or_changes_clients() {
    let (dir, served) = protected();
    let number = dir.count("s.db", "SELECT id FROM client");
    let token = dir.run(["token", "issue", "s.db", "--client", "app"]).stdout;
    let visit = format!("fhirlite_page={}", token.trim());
    let before = dir.count("s.db", "SELECT count(*) FROM token");
    for cookies in ["", "fhirlite_operator=wrong", &visit, &visit.replace("page", "operator")] {
        for path in ["/access".to_owned(), format!("/access/clients/{number}")] {
            let shown = with_cookies(&served, &path, cookies);
            assert_eq!(shown.status, 200, "{path}");
            let html = shown.text();
            assert!(html.contains("Token of the operator"), "{path} with {cookies}: {html}");
            assert!(!html.contains(&number.to_string()) && !html.contains("Revoke"), "{html}");
        }
        for (path, fields) in [
            ("/access/clients".to_owned(), [("kind", "secret")]),
            (format!("/access/clients/{number}/tokens"), [("seconds", "900")]),
            (format!("/access/clients/{number}/revoke"), [("token", "all")]),
            (format!("/access/clients/{number}/remove"), [("sure", "yes")]),
        ] {
            let answer = post(&served, &path, cookies, &fields);
            assert_eq!(answer.status, 403, "{path} with {cookies}: {}", answer.text());
        }
        let answer = post(&served, "/access/operator", cookies, &[("token", token.trim())]);
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None));
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM client WHERE removed_at IS NULL"), 1);
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM token"), before);
    // What opens this gives no resources.
    let operator = dir.run(["token", "issue", "s.db", "--operator"]).stdout;
    assert_eq!(reads(&served, operator.trim()), 401);
    let visit = format!("fhirlite_page={}", operator.trim());
    assert_eq!(with_cookies(&served, "/", &visit).status, 303);
}

#[test]
fn a_client_is_registered_and_its_secret_shown_once() {
    let (dir, served) = protected();
    let operator = unlocked(&dir, &served);
    let fields = [("client_id", "lab"), ("kind", "secret")];
    let answer = post(&served, "/access/clients", &operator, &fields);
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let lab = Client { id: "lab".to_owned(), secret: copied(&answer) };
    assert_eq!(lab.secret.len(), 64);
    assert_eq!(served.get_with(EXPORT, &lab.headers("client")).status, 200);
    let list = with_cookies(&served, "/access", &operator).text();
    let own = with_cookies(&served, &client_path(&served, &operator, "lab"), &operator).text();
    assert!(!list.contains(&lab.secret) && !own.contains(&lab.secret));
    // The same name again is said to be taken, and what was filled in stays.
    let again = post(&served, "/access/clients", &operator, &fields);
    assert_eq!(again.status, 400);
    let html = again.text();
    assert!(html.contains("role=\"alert\"") && html.contains("value=\"lab\""), "{html}");
    let audit = dir.run(["audit", "s.db", "--access"]).stdout;
    assert!(audit.contains("the operator registered the client, with a secret"), "{audit}");
}

#[test]
fn a_client_with_keys_has_scopes() {
    let (dir, served) = protected();
    let operator = unlocked(&dir, &served);
    let fields = [("client_id", "keys"), ("kind", "new-key"), ("scope", "system/Patient.rs")];
    let answer = post(&served, "/access/clients", &operator, &fields);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(copied(&answer).starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let html = with_cookies(&served, "/access", &operator).text();
    assert!(html.contains("system/Patient.rs") && html.contains("keys: "), "{html}");
    for (fields, word) in [
        (&[("kind", "new-key")][..], "system/*.rs is everything"),
        (&[("kind", "new-key"), ("scope", "patient/x")], "scope"),
        (&[("kind", "jwks"), ("scope", "system/*.rs"), ("jwks", "{}")], "keys"),
        (&[("kind", "jwks-url"), ("scope", "system/*.rs"), ("jwks_url", "javascript:x")], "https"),
        (&[("kind", "secret"), ("scope", "system/*.rs")], "no scopes"),
        (&[("kind", "other"), ("scope", "system/*.rs")], "say how"),
        (&[("kind", "secret"), ("client_id", "a b")], "plain characters"),
    ] {
        let answer = post(&served, "/access/clients", &operator, fields);
        assert_eq!(answer.status, 400, "{fields:?}: {}", answer.text());
        assert!(answer.text().contains(word), "{fields:?}: {}", answer.text());
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM client"), 2);
}

#[test]
fn tokens_are_issued_and_ended() {
    let (dir, served) = protected();
    assert_eq!(dir.run(["user", "add", "s.db", "alice", "--client", "app"]).code, 0);
    let operator = unlocked(&dir, &served);
    let path = client_path(&served, &operator, "app");
    let issue = |fields: &[(&str, &str)]| {
        let answer = post(&served, &format!("{path}/tokens"), &operator, fields);
        assert_eq!((answer.status, answer.header("location")), (200, None), "{}", answer.text());
        copied(&answer)
    };
    let (one, two) = (issue(&[]), issue(&[("user", "alice"), ("seconds", "86400")]));
    let three = issue(&[("user", "alice")]);
    assert_eq!([&one, &two, &three].map(|token| reads(&served, token)), [200, 200, 200]);
    let html = with_cookies(&served, &path, &operator).text();
    assert!(html.contains("3 in all") && !html.contains(&one), "{html}");
    let rows: Vec<&str> = html.split("<tr>").filter(|row| row.contains("name=\"token\"")).collect();
    assert_eq!(rows.len(), 3);
    // The one of the client itself has no user.
    let row = rows.iter().find(|row| !row.contains("alice")).unwrap();
    let hash = attributes(row, "value").remove(0);
    let answer = post(&served, &format!("{path}/revoke"), &operator, &[("token", &hash)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some(&*path)));
    assert_eq!([&one, &two, &three].map(|token| reads(&served, token)), [401, 200, 200]);
    post(&served, &format!("{path}/revoke"), &operator, &[("token", "all")]);
    assert_eq!([&two, &three].map(|token| reads(&served, token)), [401, 401]);
    for (fields, status) in [
        (&[("user", "bob")][..], 400),
        (&[("scope", "system/*.rs")], 400),
        (&[("seconds", "x")], 200),
    ] {
        let answer = post(&served, &format!("{path}/tokens"), &operator, fields);
        assert_eq!(answer.status, status, "{fields:?}: {}", answer.text());
    }
    for token in ["", "x", "zz", "\u{e9}\u{e9}"] {
        let answer = post(&served, &format!("{path}/revoke"), &operator, &[("token", token)]);
        assert!([303, 400].contains(&answer.status), "{token}: {}", answer.text());
    }
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM token WHERE client > 0"), 1);
}

#[test]
fn a_client_is_removed_by_who_is_sure() {
    let (dir, served) = protected();
    let operator = unlocked(&dir, &served);
    let path = client_path(&served, &operator, "app");
    let token = dir.run(["token", "issue", "s.db", "--client", "app"]).stdout;
    let unsure = post(&served, &format!("{path}/remove"), &operator, &[]);
    assert_eq!(unsure.status, 400);
    assert_eq!(reads(&served, token.trim()), 200);
    let answer = post(&served, &format!("{path}/remove"), &operator, &[("sure", "yes")]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/access")));
    assert_eq!(reads(&served, token.trim()), 401);
    assert_eq!(with_cookies(&served, &path, &operator).status, 404);
    for path in ["/access/clients/0", "/access/clients/x", "/access/clients/%3Cscript%3E"] {
        let answer = with_cookies(&served, path, &operator);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    }
}

#[test]
fn names_and_scopes_are_text() {
    let (dir, served) = protected();
    let operator = unlocked(&dir, &served);
    let name = "\"'><script>alert(1)</script>&amp;<b>".replace('"', "'");
    let fields = [("kind", "secret"), ("client_id", &*name)];
    let answer = post(&served, "/access/clients", &operator, &fields);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_escaped(&answer.text());
    let list = with_cookies(&served, "/access", &operator).text();
    assert_escaped(&list);
    assert_eq!(dir.run(["user", "add", "s.db", HOSTILE, "--client", &name]).code, 0);
    let number = dir.count("s.db", "SELECT id FROM client WHERE client_id LIKE '%script%'");
    let path = format!("/access/clients/{number}");
    let issued = post(&served, &format!("{path}/tokens"), &operator, &[("user", HOSTILE)]);
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert_escaped(&issued.text());
    let html = with_cookies(&served, &path, &operator).text();
    assert_escaped(&html);
    assert!(html.contains('\u{202e}'), "the user is not shown");
    let form = [("kind", HOSTILE), ("client_id", HOSTILE), ("scope", HOSTILE), ("jwks", HOSTILE)];
    assert_escaped(&post(&served, "/access/clients", &operator, &form).text());
    let form = [("user", HOSTILE), ("scope", HOSTILE)];
    assert_escaped(&post(&served, &format!("{path}/tokens"), &operator, &form).text());
}

#[test]
fn a_store_in_memory_needs_no_proof() {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    let served = dir.serve(&[":memory:", "in.ndjson"]);
    assert!(served.get("/access").text().contains("Register a client"));
    let answer = post(&served, "/access/clients", "", &[("kind", "secret")]);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn it_is_there_only_for_browsers_on_this_machine_that_ask_directly() {
    let (dir, served) = protected();
    let operator = unlocked(&dir, &served);
    let shown = |served: &Served, headers: &str| {
        let headers = format!("{headers}Cookie: {operator}\r\n");
        let seen = served.get_with("/access", &headers).text().contains("Register a client");
        let headers = format!("{headers}Sec-Fetch-Site: same-origin\r\n");
        let fields = [("kind", "secret")];
        let changed = post_from(served, "/access/clients", &headers, &fields).status == 200;
        assert_eq!(seen, changed, "{headers}");
        seen
    };
    assert!(shown(&served, ""));
    for passed_on in ["Forwarded: for=127.0.0.1", "X-Forwarded-For: 127.0.0.1", "Via: 1.1 a"] {
        assert!(!shown(&served, &format!("{passed_on}\r\n")), "{passed_on}");
    }
    drop(served);
    for options in [
        &["--base-url", "http://127.0.0.1"][..],
        &["--trust-proxy", "127.0.0.1", "--base-url", "https://x.example/demo"],
    ] {
        let served = dir.serve(&[&["s.db", "--auth", "required"], options].concat());
        assert!(!shown(&served, ""), "{options:?}");
    }
    let simulated = dir.serve(&["s.db", "--simulate"]);
    assert!(!shown(&simulated, ""));
    assert!(simulated.get("/access").text().contains("simulates faults"));
}
