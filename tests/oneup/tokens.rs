//! Authorization codes, access tokens and refresh tokens.

use std::thread;

use serde_json::json;

use super::{assert_error, assert_refused, assert_wrong, is_hex};
use crate::support::client::Answer;
use crate::support::oneup::{CODE, EXPORT, TOKEN, Tenants, bearer, exported, pair};

#[test]
fn a_code_works_once_for_its_client_until_it_expires() {
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
    // A code that is used twice revokes the tokens that came of it, and no others.
    assert_error(&here.app.exchange(to, &codes[0]), 400, "invalid_grant");
    assert_refused(&here.get(EXPORT, &bearer(&one.access)));
    assert_error(&here.app.refresh(to, &one.refresh), 400, "invalid_grant");
    assert_eq!(exported(to, &bearer(&two.access)), here.stored(&[here.anna]));
    // Another client cannot exchange a code, and does not use it up.
    let code = here.app.code(to, "ben");
    assert_error(&here.other.exchange(to, &code), 400, "invalid_grant");
    let tokens = pair(&here.app.exchange(to, &code));
    assert_error(&here.other.exchange(to, &code), 400, "invalid_grant");
    assert_error(&here.other.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    // No kind of token stands in for another kind.
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
    // The older path does the same.
    let asked = [("grant_type", "authorization_code"), ("code", &*here.app.code(to, "ben"))];
    let tokens = pair(&here.app.form(to, "POST", "/fhir/oauth2/token", &asked));
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    here.end();
}

#[test]
fn one_of_two_simultaneous_exchanges_succeeds() {
    let here = Tenants::new();
    let to = here.to();
    for round in 0..8 {
        let code = here.app.code(to, "anna");
        // Codes and refresh tokens in turn.
        let is_code = round % 2 == 0;
        let token = if is_code { code } else { pair(&here.app.exchange(to, &code)).refresh };
        let exchange = || {
            if is_code { here.app.exchange(to, &token) } else { here.app.refresh(to, &token) }
        };
        let answers: Vec<Answer> = thread::scope(|scope| {
            let asked: Vec<_> = (0..2).map(|_| scope.spawn(exchange)).collect();
            asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
        });
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 400], "{}", answers[1].text());
        // The second exchange was a replay, so the tokens of the first one are revoked.
        let won = answers.iter().find(|answer| answer.status == 200).expect("one");
        assert_refused(&here.get(EXPORT, &bearer(&pair(won).access)));
    }
    here.end();
}

#[test]
fn a_replayed_refresh_token_revokes_its_own_family_only() {
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
    // An expired access token is replaced by means of the refresh token.
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
fn tokens_stay_valid_through_a_restart_and_a_long_import() {
    let mut here = Tenants::new();
    let tokens = here.app.tokens(here.to(), "anna");
    let code = here.app.code(here.to(), "ben");
    let again = here.dir.serve(&["s.db", "--auth", "required"]);
    assert_eq!(std::mem::replace(&mut here.served, again).end("-TERM"), 0);
    let to = here.to();
    let expected = here.stored(&[here.anna]);
    assert_eq!(exported(to, &bearer(&tokens.access)), expected);
    // An import locks the store so.
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
    lock.execute_batch("ROLLBACK").expect("unlocked");
    // The code was not used up.
    let tokens = pair(&here.app.exchange(to, &code));
    assert_eq!(exported(to, &bearer(&tokens.access)), here.stored(&[here.ben]));
    here.end();
}
