//! Query strings and forms: <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::secrets::{holds_secret, is_secret};
use crate::fhir::name::short;

/// The media type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// What stands for a text that holds a secret.
const REDACTED: &str = "redacted";
/// About how many bytes the note of a request has at most, beside its target: a body may name a hundred thousand
/// patients.
const LONGEST_NOTE: usize = 4096;

/// Characters to escape in a parameter of a body that is noted as if it stood in the URL.
const PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'&').add(b'#').add(b'+');

/// Reads a query string or a form. Invalid UTF-8 becomes U+FFFD.
pub fn parse_form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// Joins a path and its query as they came, without secrets: a parameter whose value is secret is left out, any
/// other text that holds a secret is replaced.
pub fn target_without_secrets(path: &str, query: &str) -> String {
    let public = |segment| if holds_secret(segment) { REDACTED } else { segment };
    let mut target = path.split('/').map(public).collect::<Vec<_>>().join("/");
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if parse_form(pair.as_bytes()).iter().any(|(name, value)| is_secret(name, value)) {
            continue;
        }
        target.push(if target.contains('?') { '&' } else { '?' });
        match pair.split_once('=') {
            _ if !holds_secret(pair) => target.push_str(pair),
            Some((name, _)) if !holds_secret(name) => {
                target.push_str(&format!("{name}={REDACTED}"))
            }
            _ => target.push_str(REDACTED),
        }
    }
    // Control characters would reach the terminal of a person who reads the audit.
    utf8_percent_encode(&target, CONTROLS).to_string()
}

/// Adds parameters of a body to a target, without secrets. Of many parameters it adds the first ones and says how
/// many more there are.
pub fn target_with(target: &str, posted: &[(String, String)]) -> String {
    let mut target = target.to_owned();
    let longest = target.len() + LONGEST_NOTE;
    let public: Vec<_> = posted.iter().filter(|(name, value)| !is_secret(name, value)).collect();
    for (number, (name, value)) in public.iter().enumerate() {
        target.push(if target.contains('?') { '&' } else { '?' });
        if target.len() > longest {
            target.push_str(&format!("(and {} more parameters)", public.len() - number));
            break;
        }
        let cut = value.char_indices().nth(LONGEST_NOTE).map(|(end, _)| &value[..end]);
        let shown = if holds_secret(value) { REDACTED } else { cut.unwrap_or(value) };
        let name = if holds_secret(name) { REDACTED.to_owned() } else { short(name) };
        let encoded = |text| utf8_percent_encode(text, PLAIN);
        target.push_str(&format!("{}={}", encoded(&name), encoded(shown)));
        if shown != REDACTED && cut.is_some() {
            target.push_str("(and more)");
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_decoded_once() {
        for (text, pairs) in [
            ("a=b", &[("a", "b")][..]),
            ("a=b+c%2Bd", &[("a", "b c+d")]),
            ("a+b=c", &[("a b", "c")]),
            ("a=b=c&&d&=e&", &[("a", "b=c"), ("d", ""), ("", "e")]),
            ("a=%2525&a=%zz%", &[("a", "%25"), ("a", "%zz%")]),
            ("a=%C3%A9é%FF", &[("a", "éé\u{fffd}")]),
            ("a=%3Fb%26c%3D%2C,d", &[("a", "?b&c=,,d")]),
            ("", &[]),
        ] {
            let read = parse_form(text.as_bytes());
            let read: Vec<_> = read.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            assert_eq!(read, pairs, "{text}");
        }
    }

    #[test]
    fn secrets_are_left_out_of_targets() {
        for (query, target) in [
            ("", "/p"),
            ("a=%62+c", "/p?a=%62+c"),
            ("client_secret=s&a=b", "/p?a=b"),
            ("a=b&Client%5FSecret=s", "/p?a=b"),
            ("access_token", "/p"),
            ("_id=a;client_secret=s&b=c", "/p?_id=redacted&b=c"),
            ("a=b&x%255Fclient%255Fsecret=s", "/p?a=b&redacted"),
            ("code=00112233445566778899aabbccddeeff&code=8480-6", "/p?code=8480-6"),
            ("a=\u{1b}[2J", "/p?a=%1B[2J"),
        ] {
            assert_eq!(target_without_secrets("/p", query), target, "{query}");
        }
        assert_eq!(target_without_secrets("/p;client_secret=s/q", "a"), "/redacted/q?a");
        let posted = [("a b", "c&d"), ("refresh_token", "s"), ("e", "é")];
        let posted = posted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(target_with("/p", &posted), "/p?a%20b=c%26d&e=%C3%A9");
        assert_eq!(target_with("/p?q", &posted[..1]), "/p?q&a%20b=c%26d");
        let posted = ["a;client_secret=s", "b"].map(|value| ("_id".to_owned(), value.to_owned()));
        assert_eq!(target_with("/p", &posted), "/p?_id=redacted&_id=b");
        let many = vec![("patient".to_owned(), "Patient/1".to_owned()); 100_000];
        let note = target_with("/p", &many);
        assert!(note.len() < 2 * LONGEST_NOTE && note.ends_with(" more parameters)"), "{note}");
        let long = [("_id".to_owned(), "1,".repeat(100_000))];
        let note = target_with("/p", &long);
        assert!(note.len() < 2 * LONGEST_NOTE && note.ends_with("(and more)"), "{note}");
    }
}
