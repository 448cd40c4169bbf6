//! A client of SMART Backend Services, from its registration to its tokens.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::client::{Answer, send};
use super::{Dir, Served};

pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub const EVERYTHING: &str = "system/*.rs";

/// `client add` in the store `s.db`; `how` is `--jwks`, `--jwks-url` or `--new-key`.
pub fn register(dir: &Dir, client: &str, how: &str, keys: &str, scope: &str) {
    let keys = match how {
        "--jwks" => {
            dir.write("jwks.json", keys);
            "jwks.json"
        }
        _ => keys,
    };
    let ran =
        dir.run(["client", "add", "s.db", "--client-id", client, how, keys, "--scope", scope]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

pub fn protected(dir: &Dir) -> Served {
    dir.serve(&["s.db", "--auth", "required"])
}

/// Where tokens are had, as the server says.
pub fn endpoint(served: &Served) -> String {
    let configuration = served.get("/fhir/.well-known/smart-configuration").json();
    configuration["token_endpoint"].as_str().unwrap().to_owned()
}

/// POST of a form to the token endpoint.
pub fn post(authority: &str, fields: &[(&str, &str)], content_type: &str) -> Answer {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encode(name), encode(value));
    let body = fields.iter().map(pair).collect::<Vec<_>>().join("&");
    let headers = format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
    send(authority, "POST", "/fhir/oauth2/token", &headers, body.as_bytes())
}

pub const FORM: &str = "application/x-www-form-urlencoded";

/// A token request as it should be, but for what `assertion` is.
pub fn ask(served: &Served, assertion: &str, scope: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
        ("scope", scope),
    ];
    post(served.authority(), &fields, FORM)
}

/// The header of a token that was granted.
pub fn granted(answer: &Answer, scope: &str) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let said = answer.json();
    assert_eq!(said["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"));
    assert_eq!(said["expires_in"], 300);
    assert_eq!(said["scope"], scope);
    assert!(said.get("refresh_token").is_none());
    format!("Authorization: Bearer {}\r\n", said["access_token"].as_str().unwrap())
}

/// It must be an error of OAuth, and no token.
pub fn refused(answer: &Answer, status: u16, error: &str, name: &str) {
    assert_eq!(answer.status, status, "{name}: {}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{name}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{name}");
    let said = answer.json();
    assert_eq!(said["error"], error, "{name}");
    assert!(said["error_description"].is_string() && said.get("access_token").is_none(), "{name}");
}

pub fn tokens(dir: &Dir) -> i64 {
    dir.count("s.db", "SELECT count(*) FROM token")
}
