//! Signing in where authentication is required: who gets in, what the cookie opens, and how a visit ends.

use super::visits::{HOSTILE, assert_escaped, attributes, cookie, post, post_from, with_cookies};
use crate::support::client::Answer;
use crate::support::oneup::{Client, EXPORT};
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served};

const PATIENT: &str = r#"{"resourceType":"Patient","id":"a"}"#;
const NAME: &str = "fhirlite_page";

/// A store with the client `app` and its user `alice`.
fn store() -> (Dir, Client) {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    let app = Client::add(&dir, "s.db", "app");
    assert_eq!(dir.run(["user", "add", "s.db", "alice", "--client", "app"]).code, 0);
    (dir, app)
}

fn protected(dir: &Dir, more: &[&str]) -> Served {
    dir.serve(&[&["s.db", "--auth", "required"], more].concat())
}

fn sign_in(served: &Served, app: &Client, more: &[(&str, &str)]) -> Answer {
    let own = [("client_id", &*app.id), ("client_secret", &*app.secret)];
    post(served, "/sign-in", "", &[&own[..], more].concat())
}

/// An access token that the operator issues.
fn issued(dir: &Dir, args: &[&str]) -> String {
    let ran = dir.run([&["token", "issue", "s.db"], args].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

fn reads(served: &Served, token: &str) -> u16 {
    served.get_with(EXPORT, &format!("Authorization: Bearer {token}\r\n")).status
}

#[test]
fn a_screen_leads_strangers_to_the_form_and_back() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let start = served.get("/");
    assert_eq!((start.status, start.header("location")), (303, Some("/sign-in")));
    let target = "/?a=b&c=%22d";
    let away = served.get(target);
    assert_eq!(away.header("location"), Some("/sign-in?then=%2F%3Fa%3Db%26c%3D%2522d"));
    let form = served.get(away.header("location").unwrap());
    assert_eq!(form.status, 200);
    assert!(form.text().contains("name=\"then\" value=\"/?a=b&#38;c=%22d\""), "{}", form.text());
    let answer = sign_in(&served, &app, &[("then", target)]);
    assert_eq!((answer.status, answer.header("location")), (303, Some(target)));
    let shown = with_cookies(&served, target, &cookie(&answer));
    assert_eq!(shown.status, 200);
    assert!(shown.text().contains("Signed in: <strong>app</strong>"), "{}", shown.text());
    // A program is told what it lacks.
    let refused = served.get_with("/", "Authorization: Bearer wrong\r\n");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"));
    assert!(refused.text().contains("href=\"/sign-in\""));
}

#[test]
fn the_cookie_is_for_the_screens_of_this_server_alone() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let answer = sign_in(&served, &app, &[]);
    let set = answer.header("set-cookie").unwrap();
    let parts: Vec<&str> = set.split("; ").collect();
    assert!(parts[0].starts_with("fhirlite_page=") && parts[0].len() == NAME.len() + 65, "{set}");
    assert_eq!(parts[1..], ["Path=/", "Max-Age=7200", "HttpOnly", "SameSite=Strict"], "{set}");
    assert_eq!(answer.header("location"), Some("/"));
    assert!(!answer.text().contains(&parts[0][NAME.len() + 1..]));
    for path in [EXPORT, "/fhir/Patient", "/fhir/Patient/a", "/fhir/$export"] {
        assert_eq!(with_cookies(&served, path, &cookie(&answer)).status, 401, "{path}");
    }
    let kick_off = post(&served, "/fhir/$export", &cookie(&answer), &[]);
    assert_eq!(kick_off.status, 401, "{}", kick_off.text());
    // A cookie beside credentials in the headers does not count.
    let both = format!("Cookie: {}\r\nAuthorization: Bearer wrong\r\n", cookie(&answer));
    assert_eq!(served.get_with("/", &both).status, 401);
    for other in ["fhirlite_page=wrong", "fhirlite_page=", "other=x; fhirlite_pag=y"] {
        assert_eq!(with_cookies(&served, "/", other).status, 303, "{other}");
    }
    let among = format!("a=b; {}; c", cookie(&answer));
    assert_eq!(with_cookies(&served, "/", &among).status, 200);
}

#[test]
fn with_tls_the_cookie_needs_it() {
    let (dir, app) = store();
    let proxied = protected(&dir, &["--trust-proxy", "127.0.0.1"]);
    let own = [("client_id", &*app.id), ("client_secret", &*app.secret)];
    let headers =
        "Sec-Fetch-Site: same-origin\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
    let answer = post_from(&proxied, "/sign-in", headers, &own);
    assert!(answer.header("set-cookie").unwrap().ends_with("; Secure"), "{}", answer.head);
    drop(proxied);
    let based = protected(&dir, &["--base-url", "https://x.example/demo"]);
    let answer = post_from(&based, "/sign-in", "Origin: https://x.example\r\n", &own);
    let set = answer.header("set-cookie").unwrap();
    assert!(set.contains("; Path=/demo;") && set.ends_with("; Secure"), "{set}");
    assert_eq!(answer.header("location"), Some("/demo/"));
}

#[test]
fn signing_out_ends_the_visit_and_its_token() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let visit = cookie(&sign_in(&served, &app, &[]));
    let other = cookie(&sign_in(&served, &app, &[]));
    let token = visit.split_once('=').unwrap().1.to_owned();
    assert_eq!(reads(&served, &token), 200);
    let out = post(&served, "/sign-out", &visit, &[]);
    assert_eq!((out.status, out.header("location")), (303, Some("/")));
    let gone = "fhirlite_page=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(out.header("set-cookie"), Some(gone));
    assert_eq!(reads(&served, &token), 401);
    assert_eq!(with_cookies(&served, "/", &visit).status, 303);
    assert_eq!(with_cookies(&served, "/", &other).status, 200);
    assert_eq!(post(&served, "/sign-out", &visit, &[]).status, 303);
    let audit = dir.run(["audit", "s.db", "--access"]).stdout;
    assert!(audit.contains("the client ended an access token"), "{audit}");
}

#[test]
fn a_user_of_a_client_is_named_or_numbered() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let number = dir.count("s.db", "SELECT id FROM user").to_string();
    for name in ["alice", &number] {
        let answer = sign_in(&served, &app, &[("user", name)]);
        let html = with_cookies(&served, "/", &cookie(&answer)).text();
        assert!(html.contains("<strong>alice, of app</strong>"), "{html}");
    }
    let wrong = sign_in(&served, &app, &[("user", "bob")]);
    assert_eq!(wrong.status, 403);
    assert!(wrong.text().contains("no user &#34;bob&#34;"), "{}", wrong.text());
    let visit = cookie(&sign_in(&served, &app, &[("user", "alice")]));
    assert_eq!(dir.run(["user", "deactivate", "s.db", "alice"]).code, 0);
    assert_eq!(with_cookies(&served, "/", &visit).status, 303);
    let inactive = sign_in(&served, &app, &[("user", "alice")]);
    assert_eq!((inactive.status, inactive.header("set-cookie")), (403, None));
}

#[test]
fn a_token_opens_a_visit_that_ends_with_it() {
    let (dir, _app) = store();
    register(&dir, "lab", "--new-key", "lab.pem", EVERYTHING);
    let served = protected(&dir, &[]);
    let token = issued(&dir, &["--client", "lab", "--ttl", "15m"]);
    let answer = post(&served, "/sign-in", "", &[("token", &token)]);
    assert_eq!(answer.status, 303, "{}", answer.text());
    let set = answer.header("set-cookie").unwrap();
    let seconds: u64 =
        set.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap();
    assert!((800..=900).contains(&seconds), "{set}");
    assert!(!set.contains(&token), "the visit has a token of its own");
    let ends = "SELECT count(DISTINCT expires_at) FROM token";
    assert_eq!(dir.count("s.db", ends), 1);
    assert!(with_cookies(&served, "/", &cookie(&answer)).text().contains("<strong>lab</strong>"));
    post(&served, "/sign-out", &cookie(&answer), &[]);
    assert_eq!(reads(&served, &token), 200);
    assert_eq!(with_cookies(&served, "/", &cookie(&answer)).status, 303);
    let operator = issued(&dir, &["--operator"]);
    for none in ["wrong", &operator] {
        let refused = post(&served, "/sign-in", "", &[("token", none)]);
        assert_eq!((refused.status, refused.header("set-cookie")), (401, None));
        assert!(!refused.text().contains(none), "the token is shown");
    }
    // A token that ends, ends its visit.
    let visit = cookie(&post(&served, "/sign-in", "", &[("token", &token)]));
    assert_eq!(dir.run(["client", "remove", "s.db", "lab"]).code, 0);
    assert_eq!(with_cookies(&served, "/", &visit).status, 303);
}

#[test]
fn a_guesser_is_refused_and_then_slowed() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let guess = |secret: &str| {
        post(&served, "/sign-in", "", &[("client_id", "app"), ("client_secret", secret)])
    };
    let first = guess("wrong");
    assert_eq!((first.status, first.header("set-cookie")), (401, None));
    assert!(first.header("www-authenticate").unwrap().starts_with("Bearer"));
    assert!(first.text().contains("role=\"alert\""), "{}", first.text());
    let slowed = (0..60).map(|number| guess(&format!("{number}"))).find(|one| one.status == 429);
    let slowed = slowed.expect("a 429");
    assert!(slowed.header("retry-after").is_some());
    assert_eq!(guess(&app.secret).status, 429, "the secret is not even checked");
    let noted = dir.run(["audit", "s.db", "--access", "--json"]);
    assert_eq!(noted.code, 0);
}

#[test]
fn what_is_filled_in_is_text_and_leads_nowhere_else() {
    let (dir, app) = store();
    let served = protected(&dir, &[]);
    let fields = [("client_id", HOSTILE), ("client_secret", "x"), ("user", HOSTILE)];
    let answer = post(&served, "/sign-in", "", &fields);
    assert_eq!(answer.status, 401);
    assert_escaped(&answer.text());
    assert_escaped(&sign_in(&served, &app, &[("user", HOSTILE)]).text());
    for then in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: a=b",
        "/\u{202e}",
        "",
    ] {
        let answer = sign_in(&served, &app, &[("then", then)]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{then}");
        assert!(!answer.head.contains("a=b"), "{then}");
    }
    let form = served.get("/sign-in?then=https%3A%2F%2Fevil.example&client_id=planted");
    assert!(!form.text().contains("evil.example"), "{}", form.text());
    for fields in [&[][..], &[("client_id", "app")], &[("token", "a"), ("client_id", "app")]] {
        assert_eq!(post(&served, "/sign-in", "", fields).status, 400, "{fields:?}");
    }
    let long = "x".repeat(20_000);
    assert_eq!(post(&served, "/sign-in", "", &[("token", &long)]).status, 413);
}

#[test]
fn strangers_learn_nothing_of_the_store() {
    let (dir, _app) = store();
    let served = protected(&dir, &[]);
    for path in ["/sign-in", "/access"] {
        let html = served.get(path).text();
        assert!(!html.contains("s.db"), "{path}: {html}");
        assert_eq!(html.matches("<nav").count(), 0, "{path}");
        let labels = attributes(&html, "for");
        let fields: Vec<String> = attributes(&html, "id");
        assert!(!labels.is_empty() && labels.iter().all(|label| fields.contains(label)), "{path}");
    }
    let error = post_from(&served, "/sign-in", "", &[]);
    assert_eq!(error.status, 403);
    assert!(!error.text().contains("s.db"));
}

#[test]
fn an_open_server_has_no_sign_in() {
    let (dir, _app) = store();
    let served = dir.serve(&["s.db"]);
    let answer = served.get("/sign-in?then=/x");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    assert!(!served.get("/").text().contains("Signed in"));
}
