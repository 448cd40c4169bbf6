//! What tests read of a screen, and what every screen must be.

use crate::support::Served;
use crate::support::client::Answer;

/// The most bytes of a screen over the wire.
const MOST_BYTES: usize = 60_000;

/// Gets a screen and checks what every screen must be; its HTML.
pub fn screen(served: &Served, target: &str) -> String {
    screen_with(served, target, 200, "")
}

/// The same for a status and with headers.
pub fn screen_with(served: &Served, target: &str, status: u16, headers: &str) -> String {
    let answer = served.get_with(target, headers);
    check(target, &answer, status);
    let packed = served.get_with(target, &format!("{headers}Accept-Encoding: gzip\r\n"));
    assert!(packed.body.len() < MOST_BYTES, "{target} takes {} bytes", packed.body.len());
    answer.text()
}

/// Checks what every screen must be.
fn check(target: &str, answer: &Answer, status: u16) {
    let html = answer.text();
    assert_eq!(answer.status, status, "{target}: {html}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"), "{target}");
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(html.matches("<h1>").count(), 1, "{target}");
    // Nothing but the two files of the page runs or looks.
    assert_eq!(html.matches("<script").count(), 1, "{target}: {html}");
    assert!(!html.contains(" style=") && !html.contains(" onclick="), "{target}");
    for c in html.chars() {
        let is_control = c.is_control() && c != '\n';
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!is_control && !turns, "{target} has {c:?}");
    }
    for link in links(&html) {
        let is_own = link.starts_with('/') && !link.starts_with("//") || link.starts_with('#');
        assert!(is_own, "{target} links to {link}");
    }
    for heading in html.split("<th").skip(1) {
        let has_scope = heading.starts_with(" scope=") || heading.starts_with("ead>");
        assert!(has_scope, "{target}: <th{}", &heading[..heading.len().min(40)]);
    }
    let labels: Vec<&str> = values(&html, " for=\"");
    for (element, attribute) in [("<input ", "id=\""), ("<select ", "id=\"")] {
        for field in html.split(element).skip(1) {
            let id = values(field, attribute).first().copied().unwrap_or_default();
            assert!(labels.contains(&id), "{target}: {id} has no label");
        }
    }
    let ids = values(&html, " id=\"");
    for id in &ids {
        assert_eq!(ids.iter().filter(|one| *one == id).count(), 1, "{target}: id {id}");
    }
}

/// What stands between `before` and the next quote, each time.
fn values<'h>(html: &'h str, before: &str) -> Vec<&'h str> {
    let ends = html.split(before).skip(1);
    ends.map(|rest| rest.split('"').next().unwrap_or_default()).collect()
}

/// The targets of all links and forms, as a browser reads them.
pub fn links(html: &str) -> Vec<String> {
    let read = |link: &&str| unescaped(link);
    let mut links: Vec<String> = values(html, " href=\"").iter().map(read).collect();
    links.extend(values(html, " action=\"").iter().map(read));
    links
}

/// The link that says `text`.
pub fn link_of(html: &str, text: &str) -> String {
    let end =
        html.find(&format!(">{text}<")).unwrap_or_else(|| panic!("no link says {text}: {html}"));
    let link = html[..end].rsplit("href=\"").next().expect("a link");
    unescaped(link.split('"').next().expect("its end"))
}

/// Text without its character references.
pub fn unescaped(html: &str) -> String {
    let mut text = html.to_owned();
    for (reference, character) in
        [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")]
    {
        text = text.replace(reference, character);
    }
    text
}

/// The text of a screen without its tags.
pub fn plain(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, behind)| behind));
    }
    unescaped(&text)
}

/// The rows of the body of the only table: the texts of their cells.
pub fn rows(html: &str) -> Vec<Vec<String>> {
    let body = html.split("<tbody>").nth(1).unwrap_or_default();
    let body = body.split("</tbody>").next().unwrap_or_default();
    let cells = |row: &str| -> Vec<String> {
        let ends = row.replace("</th>", "</td>");
        let mut cells: Vec<String> = ends.split("</td>").map(plain).collect();
        cells.pop();
        cells
    };
    body.split("<tr>").skip(1).map(cells).collect()
}
