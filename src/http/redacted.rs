//! Paths for a log: without secrets, tokens and codes, and of bounded length.
//!
//! Secrets belong in headers and bodies, which no log has. Clients send them in URLs all the same, under
//! wrong names and in wrong places. So a log hides the values of parameters with telling names, and
//! everything that looks like a token: long runs of hexadecimal digits and JSON Web Tokens. A secret that an
//! operator chose looks like any other word: it is hidden by the name of its parameter alone.

use percent_encoding::{CONTROLS, percent_decode_str, utf8_percent_encode};

/// What stands in place of a secret.
const HIDDEN: &str = "***";
/// The most bytes of a path.
const LONGEST: usize = 1000;
/// What stands behind a path that was cut.
const CUT: &str = "...";
/// So many hexadecimal digits in a row may be a code or a token. Ids of exports look the same.
const LIKE_A_CODE: usize = 32;
/// So many of these stay, so that the requests for one export or resource can be told from others.
const KEPT_DIGITS: usize = 8;
/// So often a text is decoded in search of secrets: a client may encode too often.
const DECODINGS: usize = 4;

/// Parts of the names of parameters whose values are hidden.
const TELLING: [&str; 5] = ["secret", "token", "assertion", "password", "authorization"];
/// Whole names of such parameters.
const TELLING_WHOLE: [&str; 4] = ["code", "api_key", "apikey", "key"];

/// The target of a request, for a log.
pub fn redacted(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let segments: Vec<String> = path.split('/').map(pairs).collect();
    let mut text = segments.join("/");
    if let Some(query) = query {
        text.push('?');
        text.push_str(&pairs(query));
    }
    let mut text = utf8_percent_encode(&text, CONTROLS).to_string();
    // Encoded, it is ASCII.
    if text.len() > LONGEST {
        text.truncate(LONGEST);
        text.push_str(CUT);
    }
    text
}

/// Hides the secrets among parameters, which `&` or `;` part.
fn pairs(text: &str) -> String {
    text.split_inclusive(['&', ';'])
        .map(|pair| {
            let (pair, end) = match pair.strip_suffix(['&', ';']) {
                Some(inner) => (inner, &pair[inner.len()..]),
                None => (pair, ""),
            };
            match pair.split_once('=') {
                Some((name, _)) if is_telling(name) => format!("{name}={HIDDEN}{end}"),
                _ => format!("{}{end}", value(pair)),
            }
        })
        .collect()
}

/// Hides what looks like a secret in a text that may be percent-encoded.
fn value(text: &str) -> String {
    let plain = decoded(text);
    if plain == text {
        return hide_runs(text);
    }
    // Names and values of parameters that were encoded as a whole.
    let is_pair = |pair: &str| pair.split_once('=').is_some_and(|(name, _)| is_telling(name));
    let has_secret = plain.split(['&', ';', '?', '/']).any(is_pair) || hide_runs(&plain) != plain;
    if has_secret { HIDDEN.to_owned() } else { text.to_owned() }
}

fn is_telling(name: &str) -> bool {
    let name = decoded(name).to_ascii_lowercase();
    TELLING.iter().any(|part| name.contains(part)) || TELLING_WHOLE.contains(&name.trim())
}

/// The text, percent-decoded as often as that changes something.
fn decoded(text: &str) -> String {
    let mut plain = text.to_owned();
    for _ in 0..DECODINGS {
        let next = percent_decode_str(&plain).decode_utf8_lossy().into_owned();
        if next == plain {
            break;
        }
        plain = next;
    }
    plain
}

/// Hides long runs of hexadecimal digits but for their beginnings, and JSON Web Tokens.
fn hide_runs(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        // https://www.rfc-editor.org/rfc/rfc7519#section-3: the first part is an object in base64url.
        if run.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("eyJ")) {
            shown.push_str(HIDDEN);
            let is_of_token = |c: char| is_word(c) || matches!(c, '.' | '=' | '~' | '+');
            rest = behind.trim_start_matches(is_of_token);
            continue;
        }
        shown.push_str(&hide_digits(run));
        rest = behind;
    }
    shown
}

fn hide_digits(run: &str) -> String {
    let mut shown = String::with_capacity(run.len());
    let mut rest = run;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_hexdigit();
        let end = rest.find(|c: char| c.is_ascii_hexdigit() != is_digit).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        if is_digit && digits.len() >= LIKE_A_CODE {
            shown.push_str(&digits[..KEPT_DIGITS]);
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(digits);
        }
        rest = behind;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_secret_is_hidden() {
        let (code, jwt) =
            ("0123456789abcdef".repeat(2), "eyJhbGciOiJSUzM4NCJ9.eyJpc3MiOiJhIn0.c2ln");
        for (target, shown) in [
            ("", ""),
            ("/fhir/Patient?_id=a&_count=5", "/fhir/Patient?_id=a&_count=5"),
            (
                "/fhir/Patient/906e1f94-dfd3-466c-ada4-d36f902eba8c",
                "/fhir/Patient/906e1f94-dfd3-466c-ada4-d36f902eba8c",
            ),
            ("/p?access_token=abc&a=b", "/p?access_token=***&a=b"),
            ("/p?a=b;client_secret=abc", "/p?a=b;client_secret=***"),
            ("/p?Client%5FSecret=abc", "/p?Client%5FSecret=***"),
            ("/p?client%255Fsecret=abc", "/p?client%255Fsecret=***"),
            ("/p?a=b%26client_secret%3Dabc", "/p?***"),
            ("/p?a=b%2526code%253Dabc", "/p?***"),
            ("/p;code=abc/q", "/p;code=***/q"),
            ("/p/client_secret=abc", "/p/client_secret=***"),
            ("/p/a%20b", "/p/a%20b"),
            ("/p?_since=2020-01-01T00:00:00Z", "/p?_since=2020-01-01T00:00:00Z"),
            ("/\u{1b}[2J\u{7f}", "/%1B[2J%7F"),
            (&format!("/fhir/jobs/{code}"), "/fhir/jobs/01234567***"),
            (&format!("/p?a={code}{code}"), "/p?a=01234567***"),
            (&format!("/p?a=x{}", code.replace('0', "%30")), "/p?***"),
            (&format!("/x/Patient/{jwt}.ndjson?b"), "/x/Patient/***?b"),
            (&format!("/p?a=b,{jwt},c"), "/p?a=b,***,c"),
        ] {
            assert_eq!(redacted(target), shown, "{target}");
        }
        assert_eq!(redacted(&"/é".repeat(600)).len(), LONGEST + CUT.len());
    }
}
