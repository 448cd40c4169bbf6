//! The callers, and the credentials that each presents.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::owners::{TENANTS, resources, run};
use crate::support::Dir;
use crate::support::client::send;
use crate::support::oneup::bearer;

/// A caller: the row of the table, a name, and the headers.
pub struct Caller {
    pub row: &'static str,
    pub name: String,
    pub headers: String,
}

fn secret(client_id: &str, client_secret: &str) -> String {
    format!("client_id: {client_id}\r\nclient_secret: {client_secret}\r\n")
}

fn for_whom(user: &str) -> String {
    format!("x-oneup-user-id: {user}\r\n")
}

/// Fills the store `s.db`; everyone who calls its servers.
pub fn callers_of(dir: &Dir) -> Vec<Caller> {
    let secret_of = |line: &str| {
        let made: Value = serde_json::from_str(&run(dir, line, &["--json"])).expect("JSON");
        made["client_secret"].as_str().expect("a secret").to_owned()
    };
    let add = |name: &str| secret_of(&format!("client add s.db --client-id {name}"));
    let (one_before, two, gone) = (add("one"), add("two"), add("gone"));
    for name in ["smart", "keen"] {
        let line = format!("client add s.db --client-id {name} --new-key {name}.pem");
        run(dir, &line, &["--scope", "system/*.rs"]);
    }
    run(dir, "user add s.db old --client gone", &[]);
    for (name, user) in TENANTS {
        let mut args = vec![];
        if let Some((app_user_id, client)) = user {
            run(dir, &format!("user add s.db {app_user_id} --client {client}"), &[]);
            args = vec!["--user", app_user_id, "--client", client];
        }
        for version in [1, 2] {
            dir.write("in.ndjson", resources(name, version));
            dir.import(0, &[&["s.db", "in.ndjson"], &args[..]].concat());
        }
        run(dir, &format!("delete s.db Observation/{name}-deleted"), &[]);
    }
    let users = run(dir, "user list s.db --json", &[]);
    let users: BTreeMap<(String, String), String> = users
        .lines()
        .map(|line| {
            let user: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| user[name].as_str().expect("a text").to_owned();
            ((text("app_user_id"), text("client_id")), user["oneup_user_id"].to_string())
        })
        .collect();
    let id = |user: &str, client: &str| users[&(user.to_owned(), client.to_owned())].as_str();
    let issue = |args: &str| run(dir, &format!("token issue s.db {args}"), &[]);

    // Credentials that are replaced or revoked later.
    let (one_token_before, smart_before) = (issue("--client one"), issue("--client smart"));
    let one = secret_of("client rotate s.db one");
    run(dir, "client rotate s.db smart --new-key smart-2.pem", &[]);
    // Issued after the rotation, which also ends the tokens of users.
    let ann_before = issue("--user ann --client one");
    run(dir, "user deactivate s.db ann --client one", &[]);
    run(dir, "user activate s.db ann --client one", &[]);
    let eve = issue("--user eve");
    run(dir, "user deactivate s.db eve", &[]);
    let (gone_token, old_token) = (issue("--client gone"), issue("--user old"));
    run(dir, "client remove s.db gone", &[]);
    let (ann, code, refresh) = signed_in(dir, &secret("one", &one));
    let one_for = |user: &str| secret("one", &one) + &for_whom(user);
    let all = for_whom("client");
    let limited = |scope: &str| {
        let token = run(dir, "token issue s.db --client smart --scope", &[scope]);
        bearer(&token)
    };
    let [unknown, foreign] = ["not authenticated", "another's user"];
    let callers = [
        (unknown, "nothing", String::new()),
        (unknown, "a bare Bearer", "Authorization: Bearer\r\n".to_owned()),
        (unknown, "a token that never was", bearer(&"0".repeat(64))),
        (unknown, "a token and more", bearer(&format!("{ann}0"))),
        (unknown, "a wrong token beside the right secret", bearer("x") + &one_for("client")),
        (unknown, "another scheme", format!("Authorization: Basic {ann}\r\n")),
        (unknown, "an authorization code", bearer(&code)),
        (unknown, "a refresh token", bearer(&refresh)),
        (unknown, "a secret as a token", bearer(&one)),
        (unknown, "a wrong secret", secret("one", &"0".repeat(64)) + &all),
        (unknown, "another's secret", secret("one", &two) + &all),
        (unknown, "no such client", secret("three", &one) + &all),
        (unknown, "a secret for a client without one", secret("smart", &one) + &all),
        (unknown, "the id alone", format!("client_id: one\r\n{all}")),
        (unknown, "ann's token from before she was inactive", bearer(&ann_before)),
        (unknown, "eve, who is inactive", bearer(&eve)),
        (unknown, "one's former secret", secret("one", &one_before) + &all),
        (unknown, "one's former token", bearer(&one_token_before)),
        (unknown, "smart's former token", bearer(&smart_before)),
        (unknown, "a removed client", secret("gone", &gone) + &all),
        (unknown, "a removed client's token", bearer(&gone_token)),
        (unknown, "a removed client's user", bearer(&old_token)),
        (foreign, "two for ann of one", secret("two", &two) + &for_whom(id("ann", "one"))),
        (foreign, "one for cat", one_for(id("ann", "two"))),
        (foreign, "one for sue", one_for(id("sue", "smart"))),
        (foreign, "one for eve", one_for(id("eve", "one"))),
        (foreign, "one for ann by name", one_for("ann")),
        (foreign, "one for nobody", one_for("0")),
        ("no user named", "one", secret("one", &one)),
        ("ann", "ann", bearer(&ann)),
        ("one for ann", "one for ann", one_for(id("ann", "one"))),
        ("bob", "bob", bearer(&issue("--user bob"))),
        ("one for bob", "one for bob", one_for(id("bob", "one"))),
        ("one", "one", one_for("client")),
        ("one's token", "one's token", bearer(&issue("--client one"))),
        ("two", "two", secret("two", &two) + &all),
        ("smart", "smart", bearer(&issue("--client smart"))),
        ("smart, of Patient only", "system/Patient.rs", limited("system/Patient.rs")),
        ("smart, of Patient only", "system/Patient.read", limited("system/Patient.read")),
        ("smart, to read only", "system/*.r", limited("system/*.r")),
        ("smart, to search only", "system/*.s", limited("system/*.s")),
        ("keen", "keen", bearer(&issue("--client keen"))),
    ];
    // Issued last: the store deletes expired tokens when it issues others.
    let expired = [
        ("ann, expired", issue("--user ann --client one")),
        ("one, expired", issue("--client one")),
        ("smart, expired", issue("--client smart")),
    ];
    for (name, token) in &expired {
        let hash = Sha256::digest(token).to_vec();
        let sql = "UPDATE token SET expires_at = issued_at - 1 WHERE hash = ?1";
        assert_eq!(dir.open("s.db").execute(sql, [hash]), Ok(1), "{name}");
    }
    let expired = expired.map(|(name, token)| (unknown, name, bearer(&token)));
    let caller =
        |(row, name, headers): (_, &str, _)| Caller { row, name: name.to_owned(), headers };
    expired.into_iter().chain(callers).map(caller).collect()
}

/// Signs ann in by the 1upHealth dialect; her access token, the code that was exchanged for it, and the refresh token.
fn signed_in(dir: &Dir, secret: &str) -> (String, String, String) {
    let served = dir.serve(&["s.db", "--auth", "required"]);
    let post = |path: &str| {
        let answer = send(served.authority(), "POST", path, secret, b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let text = |of: &Value, name: &str| of[name].as_str().expect("a text").to_owned();
    let code = text(&post("/user-management/v1/user/auth-code?app_user_id=ann"), "code");
    let exchange = format!("/oauth2/token?grant_type=authorization_code&code={code}");
    let tokens = post(&exchange);
    (text(&tokens, "access_token"), code, text(&tokens, "refresh_token"))
}
