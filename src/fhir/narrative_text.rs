//! The text of a narrative without its XHTML, for those who must not run what others wrote.
//!
//! <https://hl7.org/fhir/R4/narrative.html>. Tags and comments go, blocks begin lines, and character references are read.
//! The result is text: whoever puts it into a page escapes it like any other.

/// Elements that begin a line.
const BLOCKS: [&str; 16] = [
    "p", "div", "br", "li", "ul", "ol", "dl", "dt", "dd", "tr", "table", "h1", "h2", "h3", "h4",
    "hr",
];
/// The names of character references. XHTML in narratives may have all of HTML's; these are common.
const NAMED: [(&str, char); 7] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", '\u{a0}'),
    ("copy", '©'),
];

/// The text of XHTML.
pub fn narrative_text(xhtml: &str) -> String {
    let mut text = String::new();
    let mut rest = xhtml;
    while let Some(open) = rest.find('<') {
        add_text(&mut text, &rest[..open]);
        let tag = &rest[open..];
        let end = match tag.strip_prefix("<!--") {
            Some(comment) => comment.find("-->").map(|end| end + 7),
            None => tag.find('>').map(|end| end + 1),
        };
        let name: String = tag[1..]
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if BLOCKS.contains(&name.as_str()) && !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        } else if (name == "td" || name == "th") && !text.ends_with(['\n', ' ']) {
            text.push(' ');
        }
        rest = &tag[end.unwrap_or(tag.len())..];
    }
    add_text(&mut text, rest);
    text.trim().to_owned()
}

/// Adds text between tags: white space in one blank, references as their characters.
fn add_text(text: &mut String, piece: &str) {
    let mut rest = piece;
    while let Some(c) = rest.chars().next() {
        let (c, length) = match c {
            '&' => reference(rest).unwrap_or((c, 1)),
            _ => (c, c.len_utf8()),
        };
        rest = &rest[length..];
        match c {
            ' ' | '\t' | '\n' | '\r' if text.is_empty() || text.ends_with([' ', '\n']) => {}
            ' ' | '\t' | '\n' | '\r' => text.push(' '),
            c => text.push(c),
        }
    }
}

/// The character that a reference at the beginning of `text` stands for, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    let name = &text[1..text.char_indices().take(12).find(|(_, c)| *c == ';')?.0];
    let number = name.strip_prefix('#');
    let found = match number.map(|number| (number.strip_prefix(['x', 'X']), number)) {
        Some((Some(digits), _)) => char::from_u32(u32::from_str_radix(digits, 16).ok()?)?,
        Some((None, digits)) => char::from_u32(digits.parse().ok()?)?,
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((found, name.len() + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_text_stays() {
        for (xhtml, wanted) in [
            ("<div>a <b>b</b>\n  c</div>", "a b c"),
            ("<div><p>one</p><p>two</p></div>", "one\ntwo"),
            ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
            ("x &lt;script&gt; &#65;&#x42; &amp;amp; &bogus; &", "x <script> AB &amp; &bogus; &"),
            ("<!-- <p>hidden</p> -->shown", "shown"),
            ("<script>alert(1)</script>", "alert(1)"),
            ("broken <a href=\"", "broken"),
            ("é&é;", "é&é;"),
        ] {
            assert_eq!(narrative_text(xhtml), wanted, "{xhtml}");
        }
    }
}
