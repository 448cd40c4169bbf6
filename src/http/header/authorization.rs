//! `Authorization` and `WWW-Authenticate`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-11.6>, <https://www.rfc-editor.org/rfc/rfc6750>,
//! <https://www.rfc-editor.org/rfc/rfc7617>

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Asks for an access token.
pub const BEARER: &str = "Bearer realm=\"fhirlite\"";
/// Asks for another access token than the one that came.
pub const INVALID_TOKEN: &str = "Bearer realm=\"fhirlite\", error=\"invalid_token\"";
/// Asks for an access token with a wider scope.
pub const INSUFFICIENT_SCOPE: &str = "Bearer realm=\"fhirlite\", error=\"insufficient_scope\"";
/// Asks for a client's id and secret.
pub const BASIC: &str = "Basic realm=\"fhirlite\"";

/// The access token of an `Authorization` header.
///
/// `None` also for the scheme alone: some clients send it as long as they have no token.
pub fn bearer(header: &str) -> Option<&str> {
    credentials(header, "bearer").filter(|token| !token.is_empty())
}

/// The id and the password of an `Authorization` header, as they are written there.
pub fn basic(header: &str) -> Option<(String, String)> {
    let bytes = BASE64_STANDARD.decode(credentials(header, "basic")?).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, password) = text.split_once(':')?;
    Some((id.to_owned(), password.to_owned()))
}

/// The text after a scheme.
fn credentials<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (named, text) = header.split_once(' ').unwrap_or((header, ""));
    named.eq_ignore_ascii_case(scheme).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_are_read_in_any_case() {
        for (header, token) in [
            ("Bearer abc", Some("abc")),
            ("bearer   abc ", Some("abc")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Basic abc", None),
            ("", None),
        ] {
            assert_eq!(bearer(header), token, "{header}");
        }
        let pair = |id: &str, password: &str| Some((id.to_owned(), password.to_owned()));
        for (header, read) in [
            ("Basic YTpi", pair("a", "b")),
            ("BASIC YTpiOmM=", pair("a", "b:c")),
            ("Basic YQ==", None),
            ("Basic ?", None),
            ("Bearer YTpi", None),
        ] {
            assert_eq!(basic(header), read, "{header}");
        }
    }
}
