//! A resource as lines of JSON that people read: references are links to what they name.
//!
//! Only references and attachments of this server become links, and to its own screens, so nothing that a resource holds is
//! ever the target of a link.

use std::borrow::Cow;
use std::slice::Iter;

use super::words::resource_path;
use crate::fhir::attachment_list::own_reference;
use crate::fhir::binary::BINARY;
use crate::fhir::json::{Tree, quoted};
use crate::fhir::name::is_type;
use crate::http::rest::id_segment;
use crate::shown::{shortened, shown_json};

/// The most characters of a string. Longer ones are data.
const LONGEST: usize = 600;

/// A line.
#[derive(Clone, Debug, Default)]
pub struct JsonLine {
    /// Its parts, the first one the blanks in front.
    pub pieces: Vec<JsonPiece>,
}

/// A part of a line.
#[derive(Clone, Debug)]
pub struct JsonPiece {
    /// What it says.
    pub text: String,
    /// Where it leads; empty for nowhere.
    pub href: String,
    /// How it looks: a class of the style sheet; empty for plain text.
    pub class: &'static str,
}

impl JsonLine {
    /// The text of the line.
    pub fn text(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    fn push(&mut self, class: &'static str, text: impl Into<String>) {
        self.pieces.push(JsonPiece { text: text.into(), href: String::new(), class });
    }
}

/// What links need.
#[derive(Clone, Copy)]
pub struct LinkBase<'l> {
    /// The path in front of all paths.
    pub root: &'l str,
    /// The URL of this server's resources, with its last slash.
    pub fhir: &'l str,
}

/// A list or an object that has not ended.
enum Unclosed<'t> {
    Array(Iter<'t, Tree<'t>>),
    Object(Iter<'t, (Cow<'t, str>, Tree<'t>)>),
}

/// The lines of a resource, as long as they have no more than `most_bytes`; false where there are more.
pub fn json_lines(tree: &Tree<'_>, base: LinkBase<'_>, most_bytes: usize) -> (Vec<JsonLine>, bool) {
    let (mut lines, mut line, mut length) = (Vec::new(), JsonLine::default(), 0);
    let mut open: Vec<Unclosed<'_>> = Vec::new();
    let (mut next, mut name) = (Some(tree), "");
    let mut is_begun = false;
    loop {
        if let Some(tree) = next.take() {
            is_begun = match tree {
                Tree::Array(values) if !values.is_empty() => {
                    line.push("", "[");
                    open.push(Unclosed::Array(values.iter()));
                    true
                }
                Tree::Object(members) if !members.is_empty() => {
                    line.push("", "{");
                    open.push(Unclosed::Object(members.iter()));
                    true
                }
                simple => {
                    line.pieces.push(piece(simple, name, base));
                    false
                }
            };
        }
        let Some(last) = open.last_mut() else {
            lines.push(line);
            return (lines, true);
        };
        let following = match last {
            Unclosed::Array(values) => values.next().map(|value| (None, value)),
            Unclosed::Object(members) => members.next().map(|(name, value)| (Some(name), value)),
        };
        let is_array = matches!(last, Unclosed::Array(_));
        if following.is_some() && !is_begun {
            line.push("", ",");
        }
        is_begun = false;
        length +=
            line.pieces.iter().map(|piece| piece.text.len() + piece.href.len()).sum::<usize>();
        lines.push(std::mem::take(&mut line));
        if length > most_bytes {
            return (lines, false);
        }
        let depth = open.len() - usize::from(following.is_none());
        line.push("", "  ".repeat(depth));
        match following {
            Some((member, value)) => {
                if let Some(member) = member {
                    line.push("key", shown_json(&quoted(&shortened(member, LONGEST))).into_owned());
                    line.push("", ": ");
                    name = member;
                }
                next = Some(value);
            }
            None => {
                line.push("", if is_array { "]" } else { "}" });
                open.pop();
            }
        }
    }
}

/// A value without values.
fn piece(value: &Tree<'_>, name: &str, base: LinkBase<'_>) -> JsonPiece {
    let plain = |class, text: &str| JsonPiece { text: text.to_owned(), href: String::new(), class };
    match value {
        Tree::Null => plain("word", "null"),
        Tree::Bool(true) => plain("word", "true"),
        Tree::Bool(false) => plain("word", "false"),
        Tree::Number(lexeme) => plain("word", &shortened(lexeme, LONGEST)),
        Tree::Array(_) => plain("", "[]"),
        Tree::Object(_) => plain("", "{}"),
        Tree::Text(text) => {
            let cut = shortened(text, LONGEST);
            let mut shown = shown_json(&quoted(&cut)).into_owned();
            if cut.len() < text.len() {
                shown.push_str(&format!(" ({} characters)", text.chars().count()));
            }
            JsonPiece { text: shown, href: link(text, name, base).unwrap_or_default(), class: "" }
        }
    }
}

/// Where a reference or the URL of an attachment leads on this server; `None` for all else.
fn link(text: &str, name: &str, base: LinkBase<'_>) -> Option<String> {
    let (resource_type, id) = own_reference(text, base.fhir)?;
    match name {
        "reference" if is_type(resource_type) => Some(resource_path(base.root, resource_type, id)),
        "url" if resource_type == BINARY => {
            Some(format!("{}/fhir/{BINARY}/{}", base.root, id_segment(id)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown_lines(text: &str) -> String {
        let tree = Tree::parse(text).unwrap();
        let base = LinkBase { root: "", fhir: "http://own/fhir/" };
        let (lines, is_whole) = json_lines(&tree, base, usize::MAX);
        assert!(is_whole);
        lines.iter().map(JsonLine::text).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_lines_are_json_that_means_the_same() {
        for text in [
            r#"{"a":[1,2.50,{"b":null},[],{}],"c":"x\u202e\n\"","d":true}"#,
            "[]",
            "7",
            r#"[[["deep"]],false]"#,
        ] {
            let shown = shown_lines(text);
            let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(value(&shown), value(text), "{shown}");
            assert!(!shown.contains('\u{202e}'), "{shown}");
        }
        assert_eq!(shown_lines(r#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}");
        let deep = format!("{}{}", "[".repeat(900), "]".repeat(900));
        assert_eq!(shown_lines(&deep).lines().count(), 1799);
    }

    #[test]
    fn only_what_is_here_is_a_link() {
        let link = |name, text| link(text, name, LinkBase { root: "/r", fhir: "http://own/fhir/" });
        let to = |path: &str| Some(path.to_owned());
        assert_eq!(link("reference", "Patient/1"), to("/r/browse/Patient/1"));
        assert_eq!(
            link("reference", "http://own/fhir/Patient/1/_history/2"),
            to("/r/browse/Patient/1")
        );
        assert_eq!(link("url", "Binary/1"), to("/r/fhir/Binary/1"));
        for (name, text) in [
            ("reference", "javascript:alert(1)//Patient/1"),
            ("reference", "http://other/fhir/Patient/1"),
            ("reference", "//other/Patient/1"),
            ("reference", "#p"),
            ("url", "Patient/1"),
            ("url", "javascript:alert(1)"),
            ("display", "Patient/1"),
        ] {
            assert_eq!(link(name, text), None, "{name} {text}");
        }
    }
}
