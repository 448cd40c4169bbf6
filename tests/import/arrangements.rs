//! JSON in any arrangement: pretty-printed or on one line, joined with line breaks or without, in lists.

use super::{A, B, C, all};
use crate::support::Dir;

/// The same text over several lines.
fn pretty(text: &str) -> String {
    text.replace(",\"", ",\r\n\t \"").replace('{', "{\n ")
}

/// The names under which each arrangement is tried; on standard input there is none.
const NAMES: [&str; 3] = ["in.ndjson", "in.json", "in"];

/// Imports `text` under every name and from standard input; the messages, which are the same but for the name.
fn messages(text: &str, code: i32, expected: &[(String, String)]) -> String {
    let mut seen: Option<String> = None;
    for name in NAMES.into_iter().map(Some).chain([None]) {
        let dir = Dir::new();
        let ran = match name {
            Some(name) => {
                dir.write(name, text);
                dir.run(["import", "s.db", name])
            }
            None => dir.run_with_input(["import", "s.db", "-"], text.as_bytes()),
        };
        assert_eq!(ran.code, code, "{name:?} {text:?}: {}", ran.stderr);
        let bodies = if expected.is_empty() { Vec::new() } else { dir.bodies("s.db") };
        assert_eq!(bodies, expected, "{name:?} {text:?}: {}", ran.stderr);
        let told = ran.stderr.replace(&format!("{}:", name.unwrap_or("-")), "IN:");
        assert_eq!(*seen.get_or_insert(told.clone()), told, "{name:?}");
    }
    seen.unwrap_or_default()
}

#[test]
fn every_arrangement_is_taken_under_every_name() {
    let (pa, pb) = (pretty(A), pretty(B));
    let brackets = |text: &str| text.replacen('{', r#"{"x":"}{{[","#, 1);
    let unlike =
        [("Observation/c", brackets(C)), ("Patient/a", brackets(A)), ("Patient/b", brackets(B))]
            .map(|(place, body)| (place.to_owned(), body));
    for text in [
        format!("{pa}\n{pb}\n{C}\n"),
        format!("{pa}{pb}{C}"),
        format!("{A}{B}\n{C}"),
        format!("{A}\n{pb}\n\n{C}"),
        format!("{A}\r{B}\r{C}"),
        format!("\u{feff}{A}\n\u{feff}{B}\u{feff}{C}"),
        format!("\u{feff}{pa}\u{feff}{pb}\u{feff}{C}"),
        format!("[{A},{B},{C}]"),
        format!("[\n  {pa},\n  {pb},\n  {C}\n]\n"),
        format!("[{A},{B}]\n{C}"),
        format!("[]\n[{A}]{B}[{C}]"),
        format!("{}\n}}\n{B}{C}", &A[..A.len() - 1]),
    ] {
        assert_eq!(messages(&text, 0, &all()), "", "{text:?}");
    }
    let text = [A, B, C].map(brackets).join("\n");
    assert_eq!(messages(&text, 0, &unlike), "");
}

#[test]
fn the_line_of_a_wrong_text_is_right_wherever_it_stands() {
    let (pa, broken) = (pretty(A), pretty(B).replacen("\"id\"", "id", 1));
    let lines = pa.lines().count();
    let c = all()[..1].to_vec();
    let ac = all()[..2].to_vec();
    let before_id = broken
        .lines()
        .position(|line| line.contains("id:") || line.trim_start().starts_with("id"))
        .unwrap();
    for (text, place, expected) in [
        (format!("{A}\n{}\n{C}\n", &B[..40]), 2, &ac),
        (format!("{A}\n\n[{B}\n{C}\n"), 3, &ac),
        (format!("{pa}\n{broken}\n{C}\n"), lines + before_id + 1, &ac),
        (format!("{broken}\n{C}\n"), before_id + 1, &c),
        (format!("{C}\n[\n1,\n2]"), 3, &c),
    ] {
        let told = messages(&text, 1, expected);
        assert!(told.starts_with(&format!("IN:{place}: ")), "{text}: {told}");
    }
}

#[test]
fn what_a_broken_text_contains_is_not_taken_for_resources() {
    let text = format!(
        "{{\n\"resourceType\": \"Bundle\",\n\"type\": oops,\n\"entry\": [\n{{\"resource\":\n{{\n\"resourceType\": \"Patient\", \"id\": \"in\"\n}}\n}},\n{{\"resource\": {A}}}\n]\n}}\n{C}\n"
    );
    let told = messages(&text, 1, &all()[..1]);
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.starts_with("IN:3: not valid JSON"), "{told}");
}
