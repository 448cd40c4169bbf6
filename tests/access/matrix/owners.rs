//! The owners, what each of them has, and who may see it.

use std::collections::BTreeSet;

use serde_json::json;

use super::OPEN;
use crate::support::Dir;

/// The owners: the name in ids, and the user and client. Ann, bob and eve are users of `one`, and eve is inactive. Cat
/// is a user of `two`, which calls her ann too.
pub const TENANTS: [(&str, Option<(&str, &str)>); 7] = [
    ("ann", Some(("ann", "one"))),
    ("bob", Some(("bob", "one"))),
    ("eve", Some(("eve", "one"))),
    ("cat", Some(("ann", "two"))),
    ("sue", Some(("sue", "smart"))),
    ("kim", Some(("kim", "keen"))),
    ("nobody", None),
];

/// The owners whose data the callers of a row may see.
pub fn within_reach(row: &str) -> BTreeSet<&'static str> {
    BTreeSet::from_iter(match row {
        "ann" | "one for ann" => vec!["ann"],
        "bob" | "one for bob" => vec!["bob"],
        "one" | "one's token" => vec!["ann", "bob"],
        "two" => vec!["cat"],
        "keen" => vec!["kim", "nobody"],
        OPEN => TENANTS.map(|(name, _)| name).to_vec(),
        row if row.starts_with("smart") => vec!["sue", "nobody"],
        _ => vec![],
    })
}

/// The owners whose resources are in a text.
pub fn named_in(text: &str) -> BTreeSet<&'static str> {
    let names = TENANTS.iter().map(|(name, _)| *name);
    names
        .filter(|name| {
            ["secret", "deleted"].iter().any(|it| text.contains(&format!("{name}-{it}")))
        })
        .collect()
}

/// A patient, Observations of the patient, and a Group with a missing member. With one resource in each file, a manifest
/// of them has two pages.
pub fn resources(of: &str, version: u32) -> String {
    let subject = format!("Patient/{of}");
    let mark = format!("{of}-secret-{version}");
    let mut lines = vec![
        json!({"resourceType": "Patient", "id": of, "name": [{"family": mark}]}),
        json!({"resourceType": "Group", "id": of, "type": "person", "actual": true, "name": mark,
            "member": [{"entity": {"reference": subject}},
                       {"entity": {"reference": format!("Patient/{of}-secret-missing")}}]}),
        json!({"resourceType": "Observation", "id": format!("{of}-deleted"), "valueString": mark,
            "subject": {"reference": subject}}),
    ];
    lines.extend((0..10).map(|n| {
        let id = if n == 0 { of.to_owned() } else { format!("{of}-{n}") };
        json!({"resourceType": "Observation", "id": id, "valueString": mark,
            "subject": {"reference": subject}})
    }));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Runs the program, which must succeed; its standard output.
pub fn run(dir: &Dir, line: &str, more: &[&str]) -> String {
    let ran = dir.run(line.split(' ').chain(more.iter().copied()));
    assert_eq!(ran.code, 0, "{line}: {}", ran.stderr);
    ran.stdout.trim_end().to_owned()
}
