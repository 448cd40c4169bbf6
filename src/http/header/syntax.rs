//! What headers have in common: lists, parameters, quoted strings and weights.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-5.6>

/// The weight of a list element that names none: 1.000 in thousandths.
const FULL_WEIGHT: u16 = 1000;

/// An element of a list: a value and its parameters.
pub struct ListElement {
    /// The value in lower case.
    pub value: String,
    /// Names in lower case, and values without their quotes.
    pub parameters: Vec<(String, String)>,
}

impl ListElement {
    /// Reads `value; name=value; …`.
    pub fn parse(text: &str) -> ListElement {
        let mut parts = split(text, ';');
        let value = parts.next().unwrap_or_default().to_ascii_lowercase();
        ListElement { value, parameters: parts.map(parameter).collect() }
    }

    /// The value of a parameter, by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The weight `q` in thousandths. A missing or misspelt weight is the full one.
    ///
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2>
    pub fn weight(&self) -> u16 {
        let is_number = |q: &&str| q.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let weight = self.parameter("q").filter(is_number).and_then(|q| q.parse::<f32>().ok());
        weight.map_or(FULL_WEIGHT, |weight| (weight.min(1.0) * f32::from(FULL_WEIGHT)) as u16)
    }
}

/// The elements of a comma-separated list. Empty elements do not count.
pub fn list(text: &str) -> impl Iterator<Item = ListElement> {
    split(text, ',').filter(|element| !element.is_empty()).map(ListElement::parse)
}

/// Splits at each `separator` outside of quoted strings, and trims the parts.
pub fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text.split(move |c| {
        let is_plain = !is_escaped;
        is_escaped = is_quoted && is_plain && c == '\\';
        if c == '"' && is_plain {
            is_quoted = !is_quoted;
        }
        c == separator && !is_quoted
    });
    parts.map(str::trim)
}

/// Reads `name=value`, with or without quotes and blanks; the name in lower case.
pub fn parameter(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.trim().to_ascii_lowercase(), unquoted(value.trim()))
}

/// The content of a quoted string; a token as it is.
fn unquoted(text: &str) -> String {
    let Some(content) = text.strip_prefix('"') else { return text.to_owned() };
    let content = content.strip_suffix('"').unwrap_or(content);
    let mut is_escaped = false;
    let is_content = |c: &char| {
        is_escaped = !is_escaped && *c == '\\';
        !is_escaped
    };
    content.chars().filter(is_content).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_outside_of_quoted_strings() {
        for (text, parts) in [
            ("a,b", &["a", "b"][..]),
            (" a , , b ", &["a", "", "b"]),
            ("a=\"x, y\", b", &["a=\"x, y\"", "b"]),
            (r#"a="x\", y", b"#, &[r#"a="x\", y""#, "b"]),
            (r#"a="x\\", b"#, &[r#"a="x\\""#, "b"]),
            (r"a\,b", &[r"a\", "b"]),
            ("\"never closed, b", &["\"never closed, b"]),
            ("", &[""]),
        ] {
            assert_eq!(split(text, ',').collect::<Vec<_>>(), parts, "{text}");
        }
    }

    #[test]
    fn parameters_lose_their_quotes() {
        for (text, name, value) in [
            ("charset=UTF-8", "charset", "UTF-8"),
            ("Charset = \"utf-8\"", "charset", "utf-8"),
            (r#"a="x\"y\\z""#, "a", r#"x"y\z"#),
            ("a=", "a", ""),
            ("a", "a", ""),
            ("a=\"never closed", "a", "never closed"),
        ] {
            assert_eq!(parameter(text), (name.to_owned(), value.to_owned()), "{text}");
        }
    }

    #[test]
    fn weights_are_thousandths() {
        for (text, weight) in [
            ("a", 1000),
            ("a;q=0", 0),
            ("a; Q=0.000", 0),
            ("a;q=\"0\"", 0),
            ("a;b=c;q=0.5", 500),
            ("a;q=.2", 200),
            ("a;q=1.000", 1000),
            ("a;q=7", 1000),
            ("a;q=nan", 1000),
            ("a;q=-1", 1000),
            ("a;q=", 1000),
        ] {
            assert_eq!(ListElement::parse(text).weight(), weight, "{text}");
        }
    }
}
