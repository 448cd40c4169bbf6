//! The 1upHealth dialect as one of its clients goes through it: users, codes, tokens, exports.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::bulk::path;
use crate::support::client::{Answer, get, send};
use crate::support::oneup::{
    CODE, Client, EXPORT, TOKEN, Tenants, USER, bearer, body, data, encoded, exported, form, pair,
};
use crate::support::smart::register;

/// It must say no to who asks; who does that often is told to wait.
fn assert_refused(answer: &Answer) {
    assert!([401, 429].contains(&answer.status), "{} {}", answer.status, answer.text());
    assert!(!answer.text().contains("resourceType\":\"Patient"), "{}", answer.text());
}

/// It must be an OAuth error of this name.
fn assert_error(answer: &Answer, status: u16, error: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["error"], error, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// It must be an error of user management.
fn assert_wrong(answer: &Answer, status: u16, word: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    let said = answer.json();
    assert_eq!(said["success"], false);
    assert!(said["error"].as_str().is_some_and(|said| said.contains(word)), "{said} {word}");
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn is_hex(value: &Value, digits: usize) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[test]
fn a_client_goes_from_a_new_user_to_their_data_and_on() {
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
        // With the token of somebody else, and with none, the URL is worth nothing.
        let ben = here.app.tokens(to, "ben");
        assert_eq!(here.get(url, &bearer(&ben.access)).status, 403);
        assert_eq!(here.get(url, "").status, 401);
    }
    assert_eq!(exported(to, &bearer(&first.access)), expected);

    let second = pair(&here.app.refresh(to, &first.refresh));
    assert!(second.access != first.access && second.refresh != first.refresh);
    assert_eq!(exported(to, &bearer(&second.access)), expected);
    // Also by the client's own headers, for one user and for all of them.
    assert_eq!(exported(to, &here.app.headers(&dora.to_string())), expected);
    let all = here.stored(&[here.anna, here.ben, dora]);
    assert_eq!(exported(to, &here.app.headers("client")), all);
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    let ben = here.app.tokens(to, "ben");
    assert_eq!(exported(to, &bearer(&ben.access)), here.stored(&[here.ben]));
    here.end();
}

#[test]
fn parameters_come_in_the_query_a_form_json_or_headers() {
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
    // Each turns the user off or on, which tells that it was understood.
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
    // A number is as good as its digits.
    let text =
        json!({"client_id": id, "client_secret": secret, "app_user_id": 1_499_270_216_467_u64});
    let made = body(to, "POST", USER, "application/json", text.to_string().as_bytes()).json();
    assert_eq!(made["app_user_id"], "1499270216467");
    // Tokens by each way.
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
    // Given twice with different values: nobody knows which one is meant.
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
    // Nothing came of it.
    assert_eq!(here.app.exchange(to, &code).status, 200);
    here.end();
}

#[test]
fn json_that_gives_a_parameter_twice_is_refused() {
    let here = Tenants::new();
    let Client { id, secret } = &here.app;
    let text = format!(
        "{{\"client_id\":\"{id}\",\"client_secret\":\"{secret}\",\"app_user_id\":\"anna\",\"app_user_id\":\"ben\"}}"
    );
    let answer = body(here.to(), "GET", USER, "application/json", text.as_bytes());
    assert_wrong(&answer, 400, "twice");
}

#[test]
fn users_are_made_shown_renamed_and_turned_off() {
    let here = Tenants::new();
    let to = here.to();
    let entry = |asked: &[(&str, &str)]| here.app.form(to, "GET", USER, asked).json();
    let user = |number: i64, name: &str, active: bool| json!({"oneup_user_id": number, "app_user_id": name, "active": active});
    let (anna, ben) = (here.anna.to_string(), here.ben.to_string());
    let already = json!({"success": false, "error": "this user already exists"});
    assert_eq!(here.app.add_user(to, "anna"), already);
    let (a, b) = (user(here.anna, "anna", true), user(here.ben, "ben", true));
    assert_eq!(entry(&[]), json!({"entry": [a, b]}));
    assert_eq!(entry(&[("app_user_id", "anna")]), json!({"entry": [a]}));
    assert_eq!(entry(&[("oneup_user_id", &ben)]), json!({"entry": [b]}));
    assert_eq!(entry(&[("app_user_id", "anna"), ("oneup_user_id", &ben)]), json!({"entry": []}));
    // In the query with the credentials in headers, as clients do it.
    let answer = here.get(&format!("{USER}?app_user_id=ben"), &here.app.credentials());
    assert_eq!(answer.json(), json!({"entry": [b]}));
    // Another client's user is nobody, whoever asks; the name is free for one's own.
    let carl = here.carl.to_string();
    for asked in [("app_user_id", "carl"), ("oneup_user_id", &*carl), ("app_user_id", "x")] {
        assert_eq!(entry(&[asked]), json!({"entry": []}));
        assert_wrong(
            &here.app.form(to, "PUT", USER, &[asked, ("active", "false")]),
            400,
            "not exist",
        );
        assert_wrong(&here.app.form(to, "POST", CODE, &[asked]), 400, "not exist");
    }
    let own = here.app.add_user(to, "carl");
    assert_eq!(own["success"], true);
    assert_ne!(own["oneup_user_id"], here.carl);
    assert_eq!(here.other.user(to, "carl"), here.carl);

    let put = |asked: &[(&str, &str)]| here.app.form(to, "PUT", USER, asked);
    let answer = put(&[("oneup_user_id", &anna), ("active", "false")]);
    assert_eq!(answer.json()["active"], false);
    assert_eq!(
        entry(&[("app_user_id", "anna")]),
        json!({"entry": [user(here.anna, "anna", false)]})
    );
    // Renamed, and still not active.
    let answer = put(&[("oneup_user_id", &anna), ("app_user_id", "ann")]);
    assert_eq!(
        answer.json(),
        json!({"success": true, "oneup_user_id": here.anna, "app_user_id": "ann", "active": false})
    );
    assert_wrong(
        &put(&[("oneup_user_id", &anna), ("app_user_id", "ben"), ("active", "true")]),
        400,
        "another user",
    );
    assert_eq!(
        entry(&[("oneup_user_id", &anna)]),
        json!({"entry": [user(here.anna, "ann", false)]})
    );
    assert_eq!(put(&[("app_user_id", "ann"), ("active", "true")]).json()["active"], true);
    // Nothing to change is no fault.
    assert_eq!(put(&[("app_user_id", "ann")]).json()["active"], true);

    let long = "x".repeat(256);
    for (asked, word) in [
        (&[("active", "true")][..], "missing"),
        (&[("app_user_id", ""), ("active", "true")], "missing"),
        (&[("app_user_id", "ann"), ("active", "yes")], "true or false"),
        (&[("oneup_user_id", "ann"), ("active", "true")], "number"),
        (&[("oneup_user_id", &anna), ("app_user_id", &long)], "255"),
    ] {
        assert_wrong(&put(asked), 400, word);
    }
    for name in [" ", "a\nb", &long] {
        assert_wrong(&here.app.form(to, "POST", USER, &[("app_user_id", name)]), 400, "255");
    }
    assert_wrong(&here.app.form(to, "POST", USER, &[]), 400, "missing");
    let odd = here.app.add_user(to, "Zoë & \"Q\" <1>");
    assert_eq!(odd["app_user_id"], "Zoë & \"Q\" <1>");
    here.end();
}

#[test]
fn codes_work_once_for_their_client_and_not_for_long() {
    let here = Tenants::new();
    let (to, anna, ben) = (here.to(), here.anna.to_string(), here.ben.to_string());
    let asked = |asked: &[(&str, &str)]| here.app.form(to, "POST", CODE, asked);
    let mut codes = Vec::new();
    for by in [
        &[("app_user_id", "anna")][..],
        &[("oneup_user_id", &anna)],
        &[("app_user_id", "anna"), ("oneup_user_id", &anna)],
    ] {
        let said = asked(by).json();
        assert!(is_hex(&said["code"], 32), "{said}");
        let code = said["code"].as_str().expect("a code").to_owned();
        assert_eq!(
            said,
            json!({"success": true, "code": code, "oneup_user_id": here.anna, "app_user_id": "anna", "active": true})
        );
        codes.push(code);
    }
    assert_wrong(&asked(&[("app_user_id", "anna"), ("oneup_user_id", &ben)]), 400, "not exist");
    assert_wrong(&asked(&[]), 400, "missing");
    let mut families = codes.iter().map(|code| pair(&here.app.exchange(to, code)));
    let (one, two) = (families.next().expect("one"), families.next().expect("two"));
    drop(families);
    // What was used comes again: all that came of it ends, what came of others does not.
    assert_error(&here.app.exchange(to, &codes[0]), 400, "invalid_grant");
    assert_refused(&here.get(EXPORT, &bearer(&one.access)));
    assert_error(&here.app.refresh(to, &one.refresh), 400, "invalid_grant");
    assert_eq!(exported(to, &bearer(&two.access)), here.stored(&[here.anna]));
    // Another client can do nothing with a code, and does not use it up.
    let code = here.app.code(to, "ben");
    assert_error(&here.other.exchange(to, &code), 400, "invalid_grant");
    let tokens = pair(&here.app.exchange(to, &code));
    assert_error(&here.other.exchange(to, &code), 400, "invalid_grant");
    assert_error(&here.other.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    // None is good as another.
    let code = here.app.code(to, "ben");
    assert_error(&here.app.exchange(to, &tokens.refresh), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, &tokens.access), 400, "invalid_grant");
    assert_error(&here.app.refresh(to, &tokens.access), 400, "invalid_grant");
    assert_error(&here.app.refresh(to, &code), 400, "invalid_grant");
    assert_refused(&here.get(EXPORT, &bearer(&tokens.refresh)));
    assert_refused(&here.get(EXPORT, &bearer(&code)));
    here.expire("code");
    assert_error(&here.app.exchange(to, &code), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, "x"), 400, "invalid_grant");
    for (asked, error) in [
        (&[("grant_type", "password")][..], "unsupported_grant_type"),
        (&[], "invalid_request"),
        (&[("grant_type", "authorization_code")], "invalid_request"),
        (&[("grant_type", "refresh_token"), ("code", "x")], "invalid_request"),
        (&[("grant_type", "client_credentials")], "invalid_request"),
    ] {
        assert_error(&here.app.form(to, "POST", TOKEN, asked), 400, error);
    }
    // The older path is the same.
    let asked = [("grant_type", "authorization_code"), ("code", &*here.app.code(to, "ben"))];
    let tokens = pair(&here.app.form(to, "POST", "/fhir/oauth2/token", &asked));
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    here.end();
}

#[test]
fn of_two_exchanges_at_once_one_wins() {
    let here = Tenants::new();
    let to = here.to();
    for round in 0..8 {
        let code = here.app.code(to, "anna");
        // Refresh tokens as well as codes.
        let code = match round % 2 {
            0 => code.clone(),
            _ => pair(&here.app.exchange(to, &code)).refresh,
        };
        let exchange = || match round % 2 {
            0 => here.app.exchange(to, &code),
            _ => here.app.refresh(to, &code),
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let asked: Vec<_> = (0..2).map(|_| scope.spawn(exchange)).collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{}", answers[1].text());
        // The second one was a replay, so what the first one got has ended.
        let won = answers.iter().find(|answer| answer.status == 200).expect("one");
        assert_refused(&here.get(EXPORT, &bearer(&pair(won).access)));
    }
    here.end();
}

#[test]
fn a_replayed_refresh_token_ends_its_family_alone() {
    let here = Tenants::new();
    let to = here.to();
    let (first, apart) = (here.app.tokens(to, "anna"), here.app.tokens(to, "anna"));
    let second = pair(&here.app.refresh(to, &first.refresh));
    let third = pair(&here.app.refresh(to, &second.refresh));
    let expected = here.stored(&[here.anna]);
    assert_eq!(exported(to, &bearer(&third.access)), expected);
    assert_error(&here.app.refresh(to, &first.refresh), 400, "invalid_grant");
    for ended in [&first, &second, &third] {
        assert_refused(&here.get(EXPORT, &bearer(&ended.access)));
        assert_error(&here.app.refresh(to, &ended.refresh), 400, "invalid_grant");
    }
    assert_eq!(exported(to, &bearer(&apart.access)), expected);
    // Access ends by itself, and the refresh token gives another.
    here.expire("access");
    assert_refused(&here.get(EXPORT, &bearer(&apart.access)));
    let again = pair(&here.app.refresh(to, &apart.refresh));
    assert_eq!(exported(to, &bearer(&again.access)), expected);
    here.expire("refresh");
    assert_error(&here.app.refresh(to, &again.refresh), 400, "invalid_grant");
    assert_eq!(exported(to, &bearer(&again.access)), expected);
    here.end();
}

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
    let plain = |answer: &Answer| {
        let head =
            answer.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        (head.map(str::to_owned).collect::<Vec<_>>(), answer.text())
    };
    // Four of each: a fifth would have to wait.
    for path in [EXPORT, TOKEN, CODE, USER] {
        let known = ask("app", path);
        assert_eq!(known.status, 401, "{path}: {}", known.text());
        for id in ["nobody", "keyed", "gone"] {
            assert_eq!(plain(&ask(id, path)), plain(&known), "{id} {path}");
        }
    }
    // A right secret is right, whatever was tried before.
    assert_eq!(exported(to, &here.app.headers("client")), here.stored(&[here.anna, here.ben]));
    here.end();
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2>: a 401 says how it could be otherwise.
#[test]
fn who_is_not_known_is_told_how_to_show_who_it_is() {
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
fn bodies_and_methods_that_are_none_are_refused() {
    let here = Tenants::new();
    let to = here.to();
    for path in [TOKEN, USER, CODE] {
        let with = |kind: &str, text: &str| {
            let headers = format!(
                "{}Content-Type: {kind}\r\nContent-Length: {}\r\n",
                here.app.credentials(),
                text.len()
            );
            send(to, "POST", path, &headers, text.as_bytes())
        };
        let json = "application/json";
        for (kind, text, status) in [
            (json, "{", 400),
            (json, "[]", 400),
            (json, "\"client_id\"", 400),
            (json, "null", 400),
            (json, "{\"app_user_id\":[\"anna\"]}", 400),
            (json, "{\"app_user_id\":{}}", 400),
            (json, "app_user_id=anna", 400),
            ("text/plain", "app_user_id=anna", 415),
            ("application/fhir+json", "{}", 415),
            ("multipart/form-data; boundary=x", "--x--", 415),
        ] {
            let answer = with(kind, text);
            assert_eq!(answer.status, status, "{path} {kind} {text}: {}", answer.text());
            let said = answer.json();
            match path {
                TOKEN => assert_eq!(said["error"], "invalid_request", "{said}"),
                _ => assert_eq!(said["success"], false, "{said}"),
            }
        }
        // It is not waited for: what it would be is said before.
        let long = format!("Content-Type: {json}\r\nContent-Length: {}\r\n", 64 << 20);
        assert_eq!(send(to, "POST", path, &long, b"").status, 413, "{path}");
        let allowed = if path == USER { "GET, POST, PUT, OPTIONS" } else { "POST, OPTIONS" };
        for method in ["DELETE", "PATCH", "HEAD", "GET", "PUT"] {
            if allowed.split(", ").any(|known| known == method) {
                continue;
            }
            let answer = send(to, method, path, &here.app.credentials(), b"");
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some(allowed)),
                "{method} {path}"
            );
        }
        assert_eq!(send(to, "OPTIONS", path, "", b"").status, 204, "{path}");
    }
    assert_eq!(here.dir.count("s.db", "SELECT count(*) FROM user"), 3);
    here.end();
}

#[test]
fn client_headers_say_for_whom() {
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
    // A secret in the URL is none, and is not told again.
    let query = encoded(&[
        ("client_id", &here.app.id),
        ("client_secret", &here.app.secret),
        ("access_token", "tttt"),
    ]);
    assert_eq!(here.get(&format!("{EXPORT}?{query}"), "x-oneup-user-id: client\r\n").status, 401);
    let told = here.get(&format!("{EXPORT}?{query}"), &here.other.headers("client"));
    assert!(
        !told.text().contains(&here.app.secret) && !told.text().contains("tttt"),
        "{}",
        told.text()
    );
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    assert_eq!(exported(to, &here.app.headers(&here.ben.to_string())), here.stored(&[here.ben]));
    here.end();
}

#[test]
fn nobody_is_given_what_is_an_inactive_users() {
    let here = Tenants::new();
    let (to, anna) = (here.to(), here.anna.to_string());
    let urls = |headers: &str| -> Vec<String> {
        let manifest = here.get(EXPORT, headers).json();
        let output = manifest["output"].as_array().expect("a list").clone();
        output.iter().map(|file| path(file["url"].as_str().expect("a url")).to_owned()).collect()
    };
    let (all, own) = (here.app.headers("client"), here.app.headers(&anna));
    let tokens = here.app.tokens(to, "anna");
    let code = here.app.code(to, "anna");
    let (files_of_all, files_of_anna) = (urls(&all), urls(&own));
    let bens = urls(&here.app.headers(&here.ben.to_string()));
    assert_eq!((files_of_all.len(), files_of_anna.len()), (2, 2));
    let turn = |active: &str| {
        let answer = here.app.form(to, "PUT", USER, &[("app_user_id", "anna"), ("active", active)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    turn("false");
    assert_refused(&here.get(EXPORT, &bearer(&tokens.access)));
    assert_error(&here.app.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, &code), 400, "invalid_grant");
    assert_wrong(&here.app.form(to, "POST", CODE, &[("app_user_id", "anna")]), 400, "not active");
    for target in [EXPORT, "/fhir/Patient/anna", "/fhir/Patient", "/fhir/Observation?_count=5"] {
        here.get(target, &own).assert_outcome(403, "not active");
        let answer = here.get(target, &all);
        assert!(!answer.text().contains("\"anna"), "{target}: {}", answer.text());
    }
    here.get("/fhir/Patient/anna", &all).assert_outcome(404, "Patient/anna");
    for file in &files_of_anna {
        assert_eq!(here.get(file, &own).status, 403);
        assert_refused(&here.get(file, &bearer(&tokens.access)));
    }
    // These would not hold what they were said to.
    for file in &files_of_all {
        assert_eq!(here.get(file, &all).status, 404);
    }
    assert_eq!(exported(to, &all), here.stored(&[here.ben]));
    for file in &bens {
        assert_eq!(here.get(file, &here.app.headers(&here.ben.to_string())).status, 200);
    }
    let ran = here.dir.run(["token", "issue", "s.db", "--user", "anna"]);
    assert_eq!((ran.code, &*ran.stdout), (2, ""));
    // What has ended does not come back with the user.
    turn("true");
    assert_refused(&here.get(EXPORT, &bearer(&tokens.access)));
    assert_error(&here.app.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, &code), 400, "invalid_grant");
    assert_eq!(exported(to, &all), here.stored(&[here.anna, here.ben]));
    assert_eq!(exported(to, &own), here.stored(&[here.anna]));
    here.end();
}

#[test]
fn who_fails_again_and_again_has_to_wait_and_nobody_else() {
    let here = Tenants::new();
    let to = here.to();
    let wrong = || {
        form(
            to,
            "POST",
            TOKEN,
            &[
                ("grant_type", "refresh_token"),
                ("client_id", "app"),
                ("client_secret", "x"),
                ("refresh_token", "x"),
            ],
        )
    };
    for _ in 0..5 {
        assert_error(&wrong(), 401, "invalid_client");
    }
    // However slow this machine is: each failure makes the wait longer.
    let told = (0..20).find_map(|_| Some(wrong()).filter(|answer| answer.status == 429));
    let told = told.expect("a wait");
    assert_eq!(told.json()["error"], "temporarily_unavailable");
    let seconds: u64 =
        told.header("retry-after").and_then(|text| text.parse().ok()).expect("seconds");
    assert!((1..=60).contains(&seconds));
    // Another one goes on.
    assert_eq!(exported(to, &here.other.headers("client")), here.stored(&[here.carl]));
    // By any way, and not for ever.
    let by_header =
        || get(to, EXPORT, "client_id: app\r\nclient_secret: x\r\nx-oneup-user-id: client\r\n");
    let mut waited = 0;
    let answer = (0..2000).find_map(|_| {
        let answer = by_header();
        if answer.status == 429 {
            answer.assert_outcome(429, "try again later");
            assert!(answer.header("retry-after").is_some());
            waited += 1;
            thread::sleep(Duration::from_millis(50));
        }
        Some(answer).filter(|answer| answer.status != 429)
    });
    assert_eq!(answer.expect("an end").status, 401);
    assert!(waited > 0, "it did not have to wait");
    // Who has the right secret does not wait for others, and all is forgotten then.
    assert_eq!(by_header().status, 429);
    assert_eq!(exported(to, &here.app.headers("client")), here.stored(&[here.anna, here.ben]));
    assert_error(&wrong(), 401, "invalid_client");
    here.end();
}

#[test]
fn tokens_outlive_the_server_and_a_store_that_is_kept_busy() {
    let mut here = Tenants::new();
    let tokens = here.app.tokens(here.to(), "anna");
    let code = here.app.code(here.to(), "ben");
    let again = here.dir.serve(&["s.db", "--auth", "required"]);
    assert_eq!(std::mem::replace(&mut here.served, again).end("-TERM"), 0);
    let to = here.to();
    let expected = here.stored(&[here.anna]);
    assert_eq!(exported(to, &bearer(&tokens.access)), expected);
    // As an import does it.
    let lock = here.dir.open("s.db");
    lock.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    let answers = thread::scope(|scope| {
        let asked = [
            scope.spawn(|| here.app.exchange(to, &code)),
            scope.spawn(|| here.app.form(to, "POST", CODE, &[("app_user_id", "anna")])),
        ];
        assert_eq!(exported(to, &bearer(&tokens.access)), expected);
        asked.map(|asked| asked.join().expect("an answer"))
    });
    for answer in &answers {
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.header("retry-after").is_some(), "{}", answer.head);
    }
    assert_eq!(answers[0].json()["error"], "temporarily_unavailable");
    assert_eq!(exported(to, &bearer(&tokens.access)), expected);
    lock.execute_batch("ROLLBACK").expect("let go");
    // The code is as good as before.
    let tokens = pair(&here.app.exchange(to, &code));
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    here.end();
}
