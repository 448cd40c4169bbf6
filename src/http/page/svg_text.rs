//! Text and numbers as pictures of SVG have them. Every text of a picture goes through here.

use crate::shown::{shortened, shown};

/// A text as content or attribute of SVG: cut to `most` characters, without characters that rule a terminal or turn the
/// direction of writing, and escaped.
pub fn svg_text(text: &str, most: usize) -> String {
    let shown = shown(text);
    let text = shortened(&shown, most);
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no such characters.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate with one decimal; 0 for what is no number.
pub fn coordinate(value: f64) -> String {
    let value = if value.is_finite() { value.clamp(-1e6, 1e6) } else { 0.0 };
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        let text = svg_text("</title><script>\"'&\u{202e}\u{0}", 100);
        assert_eq!(text, "&lt;/title&gt;&lt;script&gt;&quot;&#39;&amp;\\u{202e}\\u{0}");
        assert_eq!(svg_text(&"<".repeat(9), 2), "&lt;&lt;…");
    }

    #[test]
    fn coordinates_are_numbers() {
        for (value, text) in [
            (1.25, "1.2"),
            (3.0, "3"),
            (-0.04, "-0"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
            (1e300, "1000000"),
        ] {
            assert_eq!(coordinate(value), text);
        }
    }
}
