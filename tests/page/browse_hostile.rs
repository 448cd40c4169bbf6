//! Data and URLs that want to be more than text.

use super::browse_html::{screen, screen_with, unescaped};
use crate::support::served;

/// Texts that a page must show and never obey.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "javascript:alert(1)",
    "</code></pre><h1>x</h1>",
    "a\u{202e}b\u{2066}c",
    "a\u{0007}\u{001b}[2J\u{0000}b",
    "{{ 7*7 }}{% if %}&lt;&#60;",
];

/// Resources with a text in every place that screens show.
fn data(text: &str) -> String {
    let text = serde_json::to_string(text).expect("JSON");
    let coded = format!(
        "{{\"coding\":[{{\"system\":{text},\"code\":{text},\"display\":{text}}}],\"text\":{text}}}"
    );
    let long = serde_json::to_string(&"w".repeat(5000)).expect("JSON");
    [
        format!("{{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{{\"text\":{text},\"family\":{text}}}],\"gender\":{text},\"birthDate\":{text},\"address\":[{{\"city\":{text},\"state\":{text}}}],\"text\":{{\"status\":\"generated\",\"div\":{text}}},\"photo\":[{{\"contentType\":{text},\"title\":{text},\"data\":{text}}},{{\"contentType\":{text},\"url\":{text}}}],{text}:{text}}}"),
        format!("{{\"resourceType\":\"Observation\",\"id\":\"o\",\"status\":{text},\"code\":{coded},\"subject\":{{\"reference\":\"Patient/p\",\"display\":{text}}},\"encounter\":{{\"reference\":{text}}},\"valueQuantity\":{{\"value\":1,\"unit\":{text}}},\"effectiveDateTime\":{text}}}"),
        format!("{{\"resourceType\":\"Organization\",\"id\":\"o\",\"name\":{text},\"alias\":[{long}]}}"),
        format!("{{\"resourceType\":\"Organization\",\"id\":\"long\",\"name\":{long}}}"),
    ]
    .join("\n")
}

#[test]
fn hostile_texts_are_shown_and_not_obeyed() {
    for text in HOSTILE {
        let (dir, served) = served(&data(text));
        dir.write("next.ndjson", data(&format!("{text}2")));
        dir.import(0, &["s.db", "next.ndjson"]);
        // `screen` looks for scripts, for links that lead away, and for characters that rule a terminal.
        for target in [
            "/",
            "/browse",
            "/browse/Patient",
            "/browse/Observation",
            "/browse/Organization",
            "/browse/Patient/p?referrers=1",
            "/browse/Observation/o?referrers=1",
            "/browse/Organization/long",
            "/browse/Patient/p?version=1&with=2",
            "/browse/Observation/o?version=1",
        ] {
            let html = screen(&served, target);
            assert!(!html.contains("<img") && !html.contains("'onmouseover"), "{target}: {html}");
        }
        let html = unescaped(&screen(&served, "/browse/Organization"));
        let visible: String = text.chars().take_while(|c| c.is_ascii_graphic()).collect();
        assert!(html.contains(&visible), "{visible}: {html}");
    }
}

#[test]
fn hostile_urls_are_shown_and_not_obeyed() {
    let (_dir, served) = served(&data("plain"));
    for text in HOSTILE {
        let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (target, status) in [
            (format!("/browse/{escaped}"), 404),
            (format!("/browse/Patient/{escaped}"), 404),
            (format!("/browse/Patient/p?version={escaped}"), 404),
            (format!("/browse/Patient/p?version=1&with={escaped}"), 404),
            (format!("/browse/Patient/p/attachments/{escaped}"), 404),
            (format!("/browse/Patient?{escaped}=1"), 400),
            (format!("/browse/Patient?name={escaped}"), 200),
            (format!("/browse/Patient?_sort={escaped}"), 400),
            (format!("/browse/Patient?_snapshot={escaped}"), 400),
        ] {
            let html = screen_with(&served, &target, status, "");
            assert!(!html.contains("<img"), "{target}: {html}");
        }
    }
}
