//! Assertions that are accepted, and the other parameters of a token request.

use serde_json::json;

use super::two_clients;
use crate::support::client::{parse, raw};
use crate::support::signer::Signer;
use crate::support::smart::{
    EVERYTHING, FORM, JWT_BEARER, ask, endpoint, granted, post, protected, refused, tokens,
};

#[test]
fn each_valid_assertion_is_accepted() {
    let Some(signer) = Signer::start() else { return };
    let dir = two_clients(&signer);
    let served = protected(&dir);
    let url = endpoint(&served);
    assert_eq!(url, format!("{}/fhir/oauth2/token", served.url));
    for how in [
        json!({}),
        json!({"key": "EC/a", "alg": "ES384"}),
        json!({"claims": {"aud": ["https://a.example/", url]}}),
        json!({"claims": {"aud": format!("{}/oauth2/token", served.url)}}),
        json!({"times": {"iat": 0, "nbf": 0}}),
        json!({"times": {"exp": -15}}),
        json!({"times": {"exp": 310, "iat": 15, "nbf": 15}}),
        json!({"claims": {"more": {"a": [1]}}, "header": {"x": 1}}),
    ] {
        let answer = ask(&served, &signer.sign("one", &url, how.clone()), EVERYTHING);
        let header = granted(&answer, EVERYTHING);
        assert_eq!(served.get_with("/fhir/Patient", &header).status, 200, "{how}");
    }
    let fields = |assertion: &str, more: &[(&'static str, &'static str)]| {
        let mut fields = vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_assertion_type", JWT_BEARER.to_owned()),
            ("client_assertion", assertion.to_owned()),
            ("scope", EVERYTHING.to_owned()),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let more = more.iter().filter(|(_, value)| !value.is_empty());
        fields.extend(more.map(|(name, value)| (*name, (*value).to_owned())));
        fields
    };
    let form = |more: &[(&'static str, &'static str)], content_type: &str| {
        let fields = fields(&signer.sign("one", &url, json!({})), more);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        post(served.authority(), &fields, content_type)
    };
    granted(&form(&[], "application/x-www-form-urlencoded; charset=UTF-8"), EVERYTHING);
    granted(&form(&[("client_id", "one")], FORM), EVERYTHING);

    let before = tokens(&dir);
    let other = form(&[("client_id", "two")], FORM);
    refused(&other, 401, "invalid_client", "another client_id");
    for (name, value, error) in [
        ("grant_type", "password", "unsupported_grant_type"),
        ("grant_type", "CLIENT_CREDENTIALS", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
        ("client_assertion_type", "urn:example:other", "invalid_request"),
        ("client_assertion_type", "", "invalid_request"),
        ("client_assertion", "", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("scope", " ", "invalid_scope"),
    ] {
        refused(&form(&[(name, value)], FORM), 400, error, &format!("{name}={value}"));
    }
    assert_eq!(tokens(&dir), before);

    // The Host header does not prove that an assertion was meant for this server.
    let meant = "http://other.example/fhir/oauth2/token";
    let assertion = signer.sign("one", meant, json!({}));
    let body = format!(
        "grant_type=client_credentials&scope={EVERYTHING}&client_assertion_type={JWT_BEARER}&client_assertion={assertion}"
    );
    for host in ["other.example", "other.example:80"] {
        let head = format!(
            "POST /fhir/oauth2/token HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {FORM}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let answer = parse(&raw(served.authority(), format!("{head}{body}").as_bytes()));
        refused(&answer, 401, "invalid_client", host);
    }
    assert_eq!(tokens(&dir), before);
}
