//! A client of SMART Backend Services, from its registration to its tokens.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Answer, send};
use super::{Dir, Served};

pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The scope that allows to read everything.
pub const EVERYTHING: &str = "system/*.rs";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Registers a client in the store `s.db`. `option` is `--jwks`, `--jwks-url` or `--new-key`.
pub fn register(dir: &Dir, client: &str, option: &str, keys: &str, scope: &str) {
    let keys = if option == "--jwks" {
        dir.write("jwks.json", keys);
        "jwks.json"
    } else {
        keys
    };
    let ran =
        dir.run(["client", "add", "s.db", "--client-id", client, option, keys, "--scope", scope]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

/// Serves `s.db` to registered clients only.
pub fn protected(dir: &Dir) -> Served {
    dir.serve(&["s.db", "--auth", "required"])
}

/// The URL of the token endpoint, as the server's configuration has it.
pub fn endpoint(served: &Served) -> String {
    let configuration = served.get("/fhir/.well-known/smart-configuration").json();
    configuration["token_endpoint"].as_str().unwrap().to_owned()
}

/// Posts a form to the token endpoint.
pub fn post(authority: &str, fields: &[(&str, &str)], content_type: &str) -> Answer {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
    let headers = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    send(authority, "POST", "/fhir/oauth2/token", &headers, body.as_bytes())
}

/// Requests a token with this assertion and scope.
pub fn ask(served: &Served, assertion: &str, scope: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
        ("scope", scope),
    ];
    post(served.authority(), &fields, FORM)
}

/// Fails unless this grants a token with this scope; the header line that presents the token.
pub fn granted(answer: &Answer, scope: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let body = answer.json();
    assert_eq!(body["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"));
    assert_eq!(body["expires_in"], 300);
    assert_eq!(body["scope"], scope);
    assert!(body.get("refresh_token").is_none());
    format!("Authorization: Bearer {}\r\n", body["access_token"].as_str().unwrap())
}

/// Fails unless this is an OAuth error without a token. `case` names the case.
pub fn refused(answer: &Answer, status: u16, error: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{case}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{case}");
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{case}");
    let body = answer.json();
    assert_eq!(body["error"], error, "{case}");
    assert!(body["error_description"].is_string() && body.get("access_token").is_none(), "{case}");
}

/// The number of tokens in the store `s.db`.
pub fn tokens(dir: &Dir) -> i64 {
    dir.count("s.db", "SELECT count(*) FROM token")
}
