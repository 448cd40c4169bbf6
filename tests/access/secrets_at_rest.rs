//! No secret is in the store's files or in the log.

use serde_json::Value;

use super::{REQUIRED, with_data};
use crate::support::client::{get, send};
use crate::support::oneup::{CODE, EXPORT, TOKEN, USER, bearer, body, encoded, exported, pair};
use crate::support::smart::register;

#[test]
fn no_secret_is_in_the_store_or_the_log() {
    let (dir, app) = with_data(3, 10);
    let mut secrets = vec![app.secret.clone()];
    let served = dir.serve_with_log(&REQUIRED);
    let to = served.authority();
    for way in 0..3 {
        let code = app.code(to, "anna");
        let tokens = pair(&app.exchange(to, &code));
        let next = pair(&app.refresh(to, &tokens.refresh));
        assert_eq!(exported(to, &bearer(&next.access)), exported(to, &app.headers("client")));
        // In URLs too, where they do not belong.
        let query = encoded(&[
            ("client_secret", &app.secret),
            ("access_token", &next.access),
            ("refresh_token", &next.refresh),
            ("client_assertion", "aaaa.bbbb"),
        ]);
        for target in [EXPORT, "/fhir/$export", "/fhir/Patient", "/fhir/Patient/0", "/fhir/Nothing"]
        {
            let headers =
                format!("{}Prefer: respond-async, handling=lenient\r\n", bearer(&next.access));
            let answer = get(to, &format!("{target}?{query}"), &headers);
            for secret in [&app.secret, &next.access, &next.refresh] {
                assert!(
                    !answer.text().contains(secret.as_str())
                        && !answer.head.contains(secret.as_str()),
                    "{target}: {} {}",
                    answer.head,
                    answer.text()
                );
            }
        }
        if way == 0 {
            // A replay, a wrong secret, a broken body.
            assert_eq!(app.exchange(to, &code).status, 400);
            assert_eq!(get(to, EXPORT, &bearer(&app.secret)).status, 401);
            let text = format!("{{\"client_secret\":\"{}\"", app.secret);
            let answer = body(to, "POST", TOKEN, "application/json", text.as_bytes());
            assert!(!answer.text().contains(&app.secret), "{}", answer.text());
            let target = format!(
                "{CODE}?{}",
                encoded(&[
                    ("client_id", "app"),
                    ("client_secret", &app.secret),
                    ("active", &app.secret),
                    ("app_user_id", "anna")
                ])
            );
            assert_eq!(send(to, "POST", &target, "", b"").status, 200);
        }
        secrets.extend([code, tokens.access, tokens.refresh, next.access, next.refresh]);
    }
    let made = app.add_user(to, "ben");
    secrets.push(made["code"].as_str().expect("a code").to_owned());
    assert_eq!(
        get(to, &format!("{USER}?client_id=app&client_secret={}", app.secret), "").status,
        200
    );
    for args in [
        &["token", "issue", "s.db", "--user", "anna"][..],
        &["token", "issue", "s.db", "--client", "app"],
    ] {
        secrets.push(dir.run(args).stdout.trim_end().to_owned());
    }
    let rotated = dir.run(["client", "rotate", "s.db", "app", "--json"]).stdout;
    let rotated: Value = serde_json::from_str(&rotated).expect("JSON");
    secrets.push(rotated["client_secret"].as_str().expect("a secret").to_owned());
    register(&dir, "k", "--new-key", "k.pem", "system/*.rs");
    let pem = dir.text("k.pem");
    secrets.push(pem.lines().nth(1).expect("a line of the key").to_owned());
    for name in ["s.db", "s.db-wal", "s.db-shm"] {
        assert_eq!(dir.mode(name), 0o600, "{name}");
    }
    let assert_none_in = |names: &[&str]| {
        for name in names {
            let bytes = dir.read(name);
            for secret in &secrets {
                assert!(secret.len() >= 32, "{secret}");
                for text in [secret.clone(), secret.to_uppercase()] {
                    let is_there =
                        bytes.windows(text.len()).any(|window| window == text.as_bytes());
                    assert!(!is_there, "{text} is in {name}");
                }
                // Nor are the bytes that the digits encode.
                let digits: Option<Vec<u8>> = (0..secret.len() / 2)
                    .map(|at| u8::from_str_radix(&secret[2 * at..2 * at + 2], 16).ok())
                    .collect();
                if let Some(digits) = digits {
                    assert!(
                        !bytes.windows(digits.len()).any(|window| window == digits),
                        "{secret} is in {name}"
                    );
                }
            }
        }
    };
    assert_eq!(secrets.len(), 21);
    assert!(!dir.read("s.db-wal").is_empty());
    assert_none_in(&["s.db", "s.db-wal", "stderr"]);
    assert_eq!(served.end("-TERM"), 0);
    assert_none_in(&["s.db", "stderr"]);
    assert_eq!(dir.text("stderr"), "");
    dir.check("s.db");
}
