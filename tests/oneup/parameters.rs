//! Parameters in the query, in a form, in JSON or in headers.

use serde_json::{Value, json};

use super::{assert_error, assert_wrong};
use crate::support::client::{Answer, send};
use crate::support::oneup::{Client, TOKEN, Tenants, USER, bearer, body, encoded, exported, pair};

#[test]
fn parameters_may_be_in_the_query_a_form_json_or_headers() {
    let here = Tenants::new();
    let to = here.to();
    let (id, secret) = (&*here.app.id, &*here.app.secret);
    let number = here.anna.to_string();
    let both = [("client_id", id), ("client_secret", secret)];
    let query = |path: &str, more: &[(&str, &str)]| {
        format!("{path}?{}", encoded(&[&both[..], more].concat()))
    };
    let header = |more: &[(&str, &str)]| {
        let lines = both.iter().chain(more).map(|(name, value)| format!("{name}: {value}\r\n"));
        lines.collect::<String>()
    };
    let json =
        |value: Value| body(to, "PUT", USER, "application/json", value.to_string().as_bytes());
    let basic = {
        use base64::Engine;
        let text = format!("{id}:{secret}");
        let text = base64::prelude::BASE64_STANDARD.encode(text);
        format!("Authorization: Basic {text}\r\n")
    };
    // Each request deactivates or activates the user, which shows that it was understood.
    let ways: [(&str, bool, Answer); 9] = [
        (
            "query",
            false,
            send(to, "PUT", &query(USER, &[("app_user_id", "anna"), ("active", "false")]), "", b""),
        ),
        (
            "form",
            true,
            here.app.form(to, "PUT", USER, &[("oneup_user_id", &number), ("active", "true")]),
        ),
        (
            "JSON texts",
            false,
            json(
                json!({"client_id": id, "client_secret": secret, "oneup_user_id": number, "active": "false"}),
            ),
        ),
        (
            "JSON",
            true,
            json(
                json!({"client_id": id, "client_secret": secret, "oneup_user_id": here.anna, "active": true, "app_user_id": null}),
            ),
        ),
        (
            "headers",
            false,
            send(to, "PUT", USER, &header(&[("app_user_id", "anna"), ("active", "false")]), b""),
        ),
        (
            "Basic",
            true,
            send(to, "PUT", &format!("{USER}?app_user_id=anna&active=true"), &basic, b""),
        ),
        ("mixed", false, {
            let text = json!({"client_secret": secret, "active": false}).to_string();
            let headers = format!(
                "client_id: {id}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n",
                text.len()
            );
            send(to, "PUT", &format!("{USER}?app_user_id=anna"), &headers, text.as_bytes())
        }),
        ("no type, JSON", true, {
            let text = json!({"client_id": id, "client_secret": secret, "app_user_id": "anna", "active": true}).to_string();
            send(to, "PUT", USER, &format!("Content-Length: {}\r\n", text.len()), text.as_bytes())
        }),
        (
            "given twice alike",
            false,
            send(
                to,
                "PUT",
                &query(USER, &[("app_user_id", "anna"), ("active", "false")]),
                &header(&[("active", "false")]),
                b"",
            ),
        ),
    ];
    for (name, active, answer) in &ways {
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
        let expected = json!({"success": true, "oneup_user_id": here.anna, "app_user_id": "anna", "active": active});
        assert_eq!(answer.json(), expected, "{name}");
    }
    // A number in JSON is its digits.
    let text =
        json!({"client_id": id, "client_secret": secret, "app_user_id": 1_499_270_216_467_u64});
    let made = body(to, "POST", USER, "application/json", text.to_string().as_bytes()).json();
    assert_eq!(made["app_user_id"], "1499270216467");
    // The token endpoint accepts each way too.
    for way in 0..4 {
        let code = here.app.code(to, "ben");
        let asked = [("grant_type", "authorization_code"), ("code", &code)];
        let all: Vec<_> =
            both.iter().chain(&asked).map(|(name, value)| (*name, json!(value))).collect();
        let answer = match way {
            0 => send(to, "POST", &query(TOKEN, &asked), "", b""),
            1 => here.app.exchange(to, &code),
            2 => send(to, "POST", TOKEN, &header(&asked), b""),
            _ => {
                let all: serde_json::Map<_, _> =
                    all.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
                body(
                    to,
                    "POST",
                    TOKEN,
                    "application/json",
                    Value::Object(all).to_string().as_bytes(),
                )
            }
        };
        assert_eq!(exported(to, &bearer(&pair(&answer).access)), here.stored(&[here.ben]), "{way}");
    }
    // A parameter with two different values is an error.
    let twice = [
        send(to, "GET", &query(USER, &[("client_id", "else")]), "", b""),
        send(to, "GET", &query(USER, &[]), "client_secret: x\r\n", b""),
        send(
            to,
            "PUT",
            &query(USER, &[("app_user_id", "ben"), ("active", "true")]),
            "active: false\r\n",
            b"",
        ),
        send(to, "GET", &format!("{USER}?client_id=else"), &basic, b""),
        body(
            to,
            "PUT",
            &format!("{USER}?active=false"),
            "application/json",
            json!({"active": true}).to_string().as_bytes(),
        ),
    ];
    for answer in &twice {
        assert_wrong(answer, 400, "twice");
    }
    let code = here.app.code(to, "ben");
    let asked = [("grant_type", "authorization_code"), ("code", &*code), ("code", "x")];
    assert_error(&here.app.form(to, "POST", TOKEN, &asked), 400, "invalid_request");
    // The code was not used up.
    assert_eq!(here.app.exchange(to, &code).status, 200);
    here.end();
}

#[test]
fn json_with_a_duplicate_parameter_is_refused() {
    let here = Tenants::new();
    let Client { id, secret } = &here.app;
    let text = format!(
        "{{\"client_id\":\"{id}\",\"client_secret\":\"{secret}\",\"app_user_id\":\"anna\",\"app_user_id\":\"ben\"}}"
    );
    let answer = body(here.to(), "GET", USER, "application/json", text.as_bytes());
    assert_wrong(&answer, 400, "twice");
}
