//! Query strings and forms: <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The media type of forms.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Parameters whose values appear in no manifest and in no audit.
const SECRETS: [&str; 4] = ["access_token", "client_assertion", "client_secret", "refresh_token"];

/// Characters to escape in a parameter of a body that is noted as if it stood in the URL.
const PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'&').add(b'#').add(b'+');

/// Reads a query string or a form. Invalid UTF-8 becomes U+FFFD.
pub fn parse_form(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// True for the name of a parameter whose value is secret.
pub fn is_secret(name: &str) -> bool {
    SECRETS.contains(&name.to_ascii_lowercase().as_str())
}

/// Joins a path and its query as they came, without secret parameters.
pub fn target_without_secrets(path: &str, query: &str) -> String {
    let is_public =
        |pair: &&str| !form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| is_secret(&name));
    let public: Vec<&str> = query.split('&').filter(is_public).collect();
    let target = match public.join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    // Control characters would reach the terminal of a person who reads the audit.
    utf8_percent_encode(&target, CONTROLS).to_string()
}

/// Adds parameters of a body to a target, without the secret ones.
pub fn target_with(target: &str, posted: &[(String, String)]) -> String {
    let mut target = target.to_owned();
    for (name, value) in posted.iter().filter(|(name, _)| !is_secret(name)) {
        let sign = if target.contains('?') { '&' } else { '?' };
        let encoded = |text| utf8_percent_encode(text, PLAIN);
        target.push_str(&format!("{sign}{}={}", encoded(name), encoded(value)));
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
            ("a=\u{1b}[2J", "/p?a=%1B[2J"),
        ] {
            assert_eq!(target_without_secrets("/p", query), target, "{query}");
        }
        let posted = [("a b", "c&d"), ("refresh_token", "s"), ("e", "é")];
        let posted = posted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(target_with("/p", &posted), "/p?a%20b=c%26d&e=%C3%A9");
        assert_eq!(target_with("/p?q", &posted[..1]), "/p?q&a%20b=c%26d");
    }
}
