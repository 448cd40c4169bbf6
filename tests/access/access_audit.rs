//! `fhirlite audit --access`: who was refused, what was issued to whom, and what was changed.

use serde_json::{Value, json};

use super::{REQUIRED, with_data};
use crate::support::Dir;
use crate::support::client::{Kept, get, send};
use crate::support::oneup::{Client, EXPORT, TOKEN, USER, bearer, form};

/// What the command prints, as JSON.
fn access(dir: &Dir) -> Vec<Value> {
    let ran = dir.run(["audit", "s.db", "--access", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The records of an event: client, user and what.
fn of(records: &[Value], event: &str) -> Vec<(Value, Value, String)> {
    let of_event = records.iter().filter(|record| record["event"] == event);
    of_event
        .map(|one| {
            let what = one["what"].as_str().expect("a text").to_owned();
            (one["client"].clone(), one["user"].clone(), what)
        })
        .collect()
}

/// The sum of the counts that `what` tells: `once`, or `7 times`.
fn counted(records: &[(Value, Value, String)]) -> u64 {
    let count = |(_, _, what): &(Value, Value, String)| match what.split(' ').rev().nth(3) {
        Some(number) if what.contains(" times from ") => number.parse().expect("a number"),
        _ => 1,
    };
    records.iter().map(count).sum()
}

fn wrong(to: &str, name: &str) {
    let headers = format!("client_id: {name}\r\nclient_secret: no\r\nx-oneup-user-id: client\r\n");
    assert!([401, 429].contains(&get(to, EXPORT, &headers).status));
}

#[test]
fn failed_sign_ins_are_counted_and_name_the_client_that_was_tried() {
    let (dir, app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    // The client is known, so its tries are checked; those of others are not, in the end.
    assert_eq!(get(to, EXPORT, &app.headers("client")).status, 200);
    for _ in 0..30 {
        wrong(to, "app");
        wrong(to, "nobody");
        wrong(to, "nobody");
    }
    assert_eq!(get(to, EXPORT, &bearer("unknown")).status, 401);
    assert_eq!(app.exchange(to, "no-code").status, 400);
    let assertion = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", "a.b.c"),
    ];
    assert_eq!(form(to, "POST", TOKEN, &assertion).status, 401);
    assert_eq!(served.end("-TERM"), 0);
    let refused = of(&access(&dir), "refused");
    let of_app: Vec<_> = refused.iter().filter(|(client, ..)| client == "app").cloned().collect();
    assert_eq!(counted(&of_app), 30 + 1, "{refused:?}");
    for (name, what) in [
        ("app", "wrong secret, "),
        ("app", "unknown code or refresh token, once from 127.0.0.1"),
        ("nobody", "wrong secret, "),
        ("nobody", "too many tries, secret not checked, "),
    ] {
        let is_told =
            |(client, _, said): &(Value, Value, String)| client == name && said.starts_with(what);
        assert!(refused.iter().any(is_told), "{name} {what}: {refused:?}");
    }
    for what in
        ["unknown access token, once from 127.0.0.1", "wrong assertion, once from 127.0.0.1"]
    {
        assert!(
            refused.iter().any(|(client, _, said)| client.is_null() && said == what),
            "{refused:?}"
        );
    }
    let text = dir.run(["audit", "s.db", "--access"]).stdout;
    assert!(text.starts_with("at ") && text.contains("too many tries"), "{text}");
    dir.check("s.db");
}

#[test]
fn a_guesser_with_many_names_does_not_fill_the_store() {
    let (dir, _app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    for number in 0..500 {
        wrong(served.authority(), &format!("app-{number}"));
    }
    // A secret in the place of the name is not kept.
    wrong(served.authority(), &"0123456789abcdef".repeat(4));
    assert_eq!(served.end("-TERM"), 0);
    let refused = of(&access(&dir), "refused");
    assert_eq!(counted(&refused), 501);
    // In a minute; a slow machine may take several.
    assert!(refused.len() < 60, "{refused:?}");
    assert!(!format!("{refused:?}").contains("0123456789abcdef0123456789abcdef"), "{refused:?}");
}

#[test]
fn grants_and_changes_are_in_the_audit_with_who_made_them() {
    let dir = Dir::new();
    let app = Client::add(&dir, "s.db", "app");
    let run = |args: &[&str]| {
        let ran = dir.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    };
    run(&[
        "client",
        "add",
        "s.db",
        "--client-id",
        "study",
        "--new-key",
        "key.pem",
        "--scope",
        "system/*.rs",
    ]);
    run(&["user", "add", "s.db", "anna", "--client", "app"]);
    let issued =
        run(&["token", "issue", "s.db", "--client", "study", "--scope", "system/Patient.rs"]);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    app.add_user(to, "ben");
    let tokens = app.tokens(to, "ben");
    let refreshed = app.refresh(to, &tokens.refresh);
    assert_eq!(refreshed.status, 200, "{}", refreshed.text());
    // A refresh token that comes twice.
    assert_eq!(app.refresh(to, &tokens.refresh).status, 400);
    let change = [("app_user_id", "ben"), ("active", "false")];
    assert_eq!(app.form(to, "PUT", USER, &change).status, 200);
    run(&["user", "deactivate", "s.db", "anna"]);
    run(&["user", "activate", "s.db", "anna"]);
    run(&["client", "rotate", "s.db", "study", "--new-secret"]);
    run(&["client", "remove", "s.db", "study"]);
    run(&["key", "rotate", "s.db"]);
    assert_eq!(served.end("-TERM"), 0);
    let records = access(&dir);
    let has = |event: &str, client: &str, user: Option<&str>, what: &str| {
        let user = user.map_or(Value::Null, |user| json!(user));
        let found = of(&records, event)
            .into_iter()
            .filter(|(of, user_of, said)| {
                (of == client || client.is_empty()) && *user_of == user && said.contains(what)
            })
            .count();
        assert!(found > 0, "{event} {client} {user} {what}: {records:#?}");
        found
    };
    has("client", "app", None, "the operator registered the client, with a secret");
    has("client", "study", None, "with keys, the scope system/*.rs");
    has("client", "study", None, "the operator replaced the credentials");
    has("client", "study", None, "the operator removed the client");
    has("user", "app", Some("anna"), "the operator added the user");
    has("user", "app", Some("anna"), "the operator made the user inactive");
    has("user", "app", Some("anna"), "the operator made the user active");
    has("user", "app", Some("ben"), "the client added the user");
    has("user", "app", Some("ben"), "the client made the user inactive");
    has(
        "token",
        "study",
        None,
        "the operator issued an access token with the scope system/Patient.rs, valid until 20",
    );
    assert_eq!(has("token", "app", Some("ben"), "the client got an access token"), 2);
    has("token", "app", Some("ben"), "a second time: all tokens that came of it have ended");
    assert_eq!(has("code", "app", Some("ben"), "the client got a code"), 2);
    has("key", "", None, "the operator replaced the key");
    has("sign-in", "app", None, "first secret accepted from 127.0.0.1");
    // No record holds what it is about.
    let text = format!("{records:?}");
    for secret in [issued.trim(), &app.secret, &tokens.access, &tokens.refresh] {
        assert!(!text.contains(secret));
    }
    // Exports have their own list.
    assert_eq!(dir.run(["audit", "s.db", "--json"]).stdout, "");
    dir.check("s.db");
}

#[test]
fn secrets_in_the_wrong_place_are_not_kept() {
    const SECRET: &str = "Xq7pLm2Vz9Kt4Rw8Yb3N";
    let (dir, app) = with_data(1, 10);
    let served = dir.serve(&REQUIRED);
    let to = served.authority();
    let headers = app.headers("client");
    for target in [
        "/fhir/Patient?_id=a;client_secret=@@",
        "/fhir/Patient?_id=a%3Bclient_secret%3D@@",
        "/fhir/Patient?_id=a%253Bclient%255Fsecret%253D@@",
        "/fhir/Patient?_id=a%25253Bclient%25255Fsecret%25253D@@",
        "/fhir/Patient?_id=a,Bearer%20@@",
        "/fhir/Patient?_id=CLIENT-SECRET:@@",
        "/fhir/Patient?client%5Fsecret=@@",
        "/fhir/Patient?_id=1&access_token=@@",
        "/fhir/Patient/client_secret=@@",
        "/fhir/Patient;client_secret=@@/1",
        "/fhir;access%5Ftoken=@@/Patient/1",
        "/bulk-data/r4/$export?_type=Patient;access_token=@@",
        "/bulk-data/r4/$export?client_secret=@@&_type=Patient",
        "/fhir/$export?_type=Patient&refresh_token=@@",
        "/fhir/Patient?_id=eyJhbGciOiJSUzM4NCJ9.@@@@.x",
    ] {
        let target = target.replace("@@", SECRET);
        let lenient = format!("{headers}Prefer: handling=lenient, respond-async\r\n");
        for headers in [&headers, &lenient] {
            assert!(get(to, &target, headers).status < 500, "{target}");
        }
    }
    let form = format!(
        "_id=a;client_secret={SECRET}&client_secret={SECRET}&_id=b%3Baccess%5Ftoken%3D{SECRET}"
    );
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let all =
        format!("{headers}{kind}Content-Length: {}\r\nPrefer: handling=lenient\r\n", form.len());
    assert_eq!(send(to, "POST", "/fhir/Patient/_search", &all, form.as_bytes()).status, 200);
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.count("s.db", "SELECT count(*) FROM audit WHERE request LIKE '%redacted%'") > 5);
    let ran = dir.run(["audit", "s.db", "--json"]).stdout
        + &dir.run(["audit", "s.db", "--access"]).stdout;
    assert!(!ran.contains(SECRET), "{ran}");
    let columns =
        "coalesce(client, '') || coalesce(user, '') || request || event || coalesce(export, '')";
    let sql = format!("SELECT count(*) FROM audit WHERE {columns} LIKE '%{SECRET}%'");
    assert_eq!(dir.count("s.db", &sql), 0);
    // Of a kick-off the store keeps its URL.
    let sql =
        format!("SELECT count(*) FROM job WHERE json_extract(request, '$.url') LIKE '%{SECRET}%'");
    assert_eq!(dir.count("s.db", &sql), 0);
}

#[test]
fn while_the_audit_cannot_be_written_nothing_unaudited_leaves() {
    let (dir, app) = with_data(3, 10);
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT raise(ABORT, 'full'); END";
    dir.open("s.db").execute_batch(refuse).expect("a trigger");
    let served = dir.serve_with_log(&REQUIRED);
    let to = served.authority();
    let headers = app.headers("client");
    let request = format!("GET /fhir/Patient/1 HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n");
    let mut kept = Kept::connect(to);
    let mut read = 0;
    let refused = loop {
        kept.send(&request);
        let answer = kept.answer();
        if answer.status != 200 {
            break answer;
        }
        read += 1;
        assert!(read < 12_000, "reads go on for ever");
    };
    refused.assert_outcome(503, "the audit cannot be written");
    assert_eq!(refused.header("retry-after"), Some("5"));
    // The same for every other way to the data, and for kick-offs, of which no job remains.
    for target in ["/fhir/Patient?_id=1", EXPORT, "/fhir/$bulk-publish", "/fhir/Group/g/$export"] {
        let answer = get(to, target, &headers);
        assert!([503, 404, 403].contains(&answer.status), "{target}: {}", answer.text());
    }
    get(to, "/fhir/$export", &format!("{headers}Prefer: respond-async\r\n"))
        .assert_outcome(503, "audit");
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM job"), 0);
    // What holds no data is answered as ever.
    assert_eq!(get(to, "/fhir/metadata", "").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    let log = dir.text("stderr");
    let lines: Vec<&str> = log.lines().collect();
    let about = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    assert_eq!(about("requests for data are refused"), 1, "{log}");
    assert_eq!(about("events are missing in the audit"), 1, "{log}");
}
