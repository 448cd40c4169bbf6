//! Credentials of clients: wrong ones, missing ones, and the user that they ask for.

use std::thread;
use std::time::Duration;

use super::assert_error;
use crate::support::client::{Answer, get};
use crate::support::oneup::{CODE, Client, EXPORT, TOKEN, Tenants, USER, encoded, exported, form};
use crate::support::smart::register;

#[test]
fn an_unknown_client_and_a_wrong_secret_are_answered_alike() {
    let here = Tenants::new();
    let to = here.to();
    register(&here.dir, "keyed", "--new-key", "key.pem", "system/*.rs");
    assert_eq!(Client::add(&here.dir, "s.db", "gone").id, "gone");
    assert_eq!(here.dir.run(["client", "remove", "s.db", "gone"]).code, 0);
    let token = [("grant_type", "authorization_code"), ("code", "x")];
    let ask = |id: &str, path: &str| {
        let client = Client { id: id.to_owned(), secret: "wrong".to_owned() };
        match path {
            EXPORT => get(to, EXPORT, &client.headers("client")),
            TOKEN => client.form(to, "POST", TOKEN, &token),
            CODE => client.form(to, "POST", CODE, &[("app_user_id", "anna")]),
            _ => client.form(to, "GET", USER, &[]),
        }
    };
    // Sixteen failures: after some more they would have to wait.
    for path in [EXPORT, TOKEN, CODE, USER] {
        let known = ask("app", path);
        assert_eq!(known.status, 401, "{path}: {}", known.text());
        for id in ["nobody", "keyed", "gone"] {
            let unknown = ask(id, path);
            assert_eq!(unknown.undated(), known.undated(), "{id} {path}");
            assert_eq!(unknown.text(), known.text(), "{id} {path}");
        }
    }
    // The right secret succeeds, whatever was tried before.
    assert_eq!(exported(to, &here.app.headers("client")), here.stored(&[here.anna, here.ben]));
    here.end();
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2>: a 401 must name a way to authenticate.
#[test]
fn a_401_names_a_way_to_authenticate() {
    let here = Tenants::new();
    let to = here.to();
    for credentials in [&[][..], &[("client_id", "app"), ("client_secret", "wrong")]] {
        let asked =
            [credentials, &[("grant_type", "refresh_token"), ("refresh_token", "x")]].concat();
        for path in [TOKEN, USER, CODE] {
            let answer = form(to, "POST", path, &asked);
            assert_eq!(answer.status, 401, "{path}: {}", answer.text());
            assert!(answer.header("www-authenticate").is_some(), "{path}: {}", answer.head);
        }
    }
    here.end();
}

#[test]
fn the_header_x_oneup_user_id_selects_the_users() {
    let here = Tenants::new();
    let to = here.to();
    let asked = |user: &str| here.get(EXPORT, &here.app.headers(user));
    here.get(EXPORT, &here.app.credentials()).assert_outcome(400, "x-oneup-user-id");
    let carl = here.carl.to_string();
    let nobody = asked("1").text();
    for user in [
        &*carl,
        "anna",
        "Client",
        "-1",
        "0",
        "99999999999999999999",
        "open",
        "users-1",
        "1 OR 1=1",
        "*",
    ] {
        let answer = asked(user);
        answer.assert_outcome(403, "no user of this client");
        assert_eq!(answer.text(), nobody, "{user}");
    }
    // A secret in the URL does not authenticate, and is not repeated in the answer.
    let query = encoded(&[
        ("client_id", &here.app.id),
        ("client_secret", &here.app.secret),
        ("access_token", "tttt"),
    ]);
    assert_eq!(here.get(&format!("{EXPORT}?{query}"), "x-oneup-user-id: client\r\n").status, 401);
    let answer = here.get(&format!("{EXPORT}?{query}"), &here.other.headers("client"));
    assert!(
        !answer.text().contains(&here.app.secret) && !answer.text().contains("tttt"),
        "{}",
        answer.text()
    );
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    assert_eq!(exported(to, &here.app.headers(&here.ben.to_string())), here.stored(&[here.ben]));
    here.end();
}

#[test]
fn repeated_wrong_secrets_delay_one_client_and_no_other() {
    let here = Tenants::new();
    let to = here.to();
    let in_form = || {
        let asked = [
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("client_secret", "x"),
            ("refresh_token", "x"),
        ];
        form(to, "POST", TOKEN, &asked)
    };
    let in_headers =
        || get(to, EXPORT, "client_id: app\r\nclient_secret: x\r\nx-oneup-user-id: client\r\n");
    // A client that has got in from this address is known here.
    assert_eq!(exported(to, &here.app.headers("client")), here.stored(&[here.anna, here.ben]));
    for _ in 0..5 {
        assert_error(&in_form(), 401, "invalid_client");
    }
    // Turns come back slowly, so a slow machine too is told to wait in the end.
    let told = (0..100).find_map(|_| Some(in_form()).filter(|answer| answer.status == 429));
    let told = told.expect("a wait");
    assert_eq!(told.json()["error"], "temporarily_unavailable");
    assert!((1..=60).contains(&retry_after(&told)));
    let told = (0..100).find_map(|_| Some(in_headers()).filter(|answer| answer.status == 429));
    let told = told.expect("a wait");
    told.assert_outcome(429, "try again later");
    // The right secret need not wait, nor does another client.
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    // A client that waits as long as it was told gets an answer.
    thread::sleep(Duration::from_secs(retry_after(&told)));
    assert_eq!(in_headers().status, 401);
    assert_eq!(exported(to, &here.app.headers("client")), here.stored(&[here.anna, here.ben]));
    here.end();
}

/// The seconds in `Retry-After`.
fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds")
}
