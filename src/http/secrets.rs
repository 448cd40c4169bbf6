//! Finds secrets in what a client sent, so that no audit and no manifest keeps them.
//!
//! A secret may stand where it should not: in the value of another parameter, behind a semicolon, in the path, in
//! percent-encoding of percent-encoding. Text that names a secret anywhere counts as one. A secret without its name
//! cannot be told from an id.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The names of parameters whose values are secret.
const SECRETS: [&str; 11] = [
    "access_token",
    "api_key",
    "apikey",
    "authorization",
    "client_assertion",
    "client_secret",
    "id_token",
    "password",
    "refresh_token",
    "secret",
    "token",
];
/// What a text holds that holds a secret: in lower case, without `_`, `-`, `.` and blanks.
const WORDS: [&str; 9] = [
    "accesstoken",
    "apikey",
    "bearer",
    "clientassertion",
    "clientsecret",
    "idtoken",
    "passwd",
    "password",
    "refreshtoken",
];
/// How often a text may be encoded. What is encoded more often counts as a secret.
const MOST_ENCODED: usize = 8;
/// The digits of an authorization code.
const CODE_LENGTH: usize = 32;
/// The fewest characters of a JSON Web Token.
const SHORTEST_JWT: usize = 40;

/// True for a parameter whose value is secret.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.trim().to_ascii_lowercase();
    let is_code = value.len() == CODE_LENGTH && value.bytes().all(|b| b.is_ascii_hexdigit());
    SECRETS.contains(&name.as_str()) || (name == "code" && is_code)
}

/// True for a text that holds a secret, encoded or not.
pub fn holds_secret(text: &str) -> bool {
    let mut text = Cow::Borrowed(text);
    for _ in 0..=MOST_ENCODED {
        if names_secret(&text) || holds_jwt(&text) {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == *text {
            return false;
        }
        text = Cow::Owned(decoded);
    }
    true
}

fn names_secret(text: &str) -> bool {
    let is_kept = |c: &char| !"_-.+ ".contains(*c) && !c.is_control();
    let plain: String = text.chars().filter(is_kept).map(|c| c.to_ascii_lowercase()).collect();
    WORDS.iter().any(|word| plain.contains(word))
}

/// True for a text with a JSON Web Token, whose header begins with `{"`: <https://www.rfc-editor.org/rfc/rfc7519>.
fn holds_jwt(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.=".contains(c);
    text.split(|c| !is_part(c)).any(|word| {
        let start = word.find("eyJ").map(|at| &word[at..]);
        start.is_some_and(|jwt| jwt.len() >= SHORTEST_JWT && jwt.contains('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_their_names_however_they_are_written() {
        let jwt = format!("a={}.{}", "eyJhbGciOiJSUzM4NCJ9", "x".repeat(30));
        let often = "client%5Fsecret=s".replace('%', &format!("%{}", "25".repeat(20)));
        for text in [
            "_id=a;client_secret=s",
            "a;client%5fsecret=s",
            "a%3Bclient%255Fsecret%253Ds",
            "CLIENT-SECRET: s",
            "Client Secret s",
            "Authorization=Bearer+s",
            "x.access_token.s",
            "refresh%00_token",
            &jwt,
            &often,
        ] {
            assert!(holds_secret(text), "{text}");
        }
        for text in [
            "",
            "_id=a;b",
            "_type=Patient,Observation",
            "identifier=http://example.org/id|12%25",
            "%zz%",
            "eyJ",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert!(!holds_secret(text), "{text}");
        }
        assert!(is_secret("Client_Secret", "s") && is_secret("code", &"0f".repeat(16)));
        assert!(!is_secret("code", "8480-6") && !is_secret("_id", "s"));
    }
}
