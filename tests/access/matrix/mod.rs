//! Who gets what: every caller at every path of both dialects, as one table.
//!
//! Four clients share a store, and every resource names its owner. An answer that is granted must hold the resources of
//! the caller's owners and of nobody else. An answer that is refused must hold none.

mod callers;
mod door;
mod owners;
mod requests;
mod table;

use std::collections::BTreeMap;

use callers::{Caller, callers_of};
use door::Door;
use owners::{named_in, resources, run, within_reach};
use requests::{Asked, asked, begin};
use table::TABLE;

use crate::support::Dir;
use crate::support::client::Answer;
use crate::support::oneup::bearer;

/// The row of the table for an open server.
const OPEN: &str = "anyone, open server";

/// Who started exports: the name in the table, the row of the caller, and the Group that is exported.
const OWNERS: [(&str, &str, &str); 4] = [
    ("ann", "one for ann", "ann"),
    ("one", "one", "bob"),
    ("smart", "smart", "sue"),
    ("anybody", "", "ann"),
];

/// The part of a path that the caller may know or guess: the id of a job, or the name of an owner.
fn subject(path: &str, of: &str) -> Option<String> {
    let is_job = |word: &&str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let job = path.split('/').find(is_job);
    let named = format!("/{of}");
    job.map(|id| format!("/{id}")).or(path.contains(&named).then_some(named))
}

#[test]
fn each_caller_gets_the_data_of_their_owners_and_no_other() {
    let dir = Dir::new();
    let callers = callers_of(&dir);
    let required = Door::new(&dir, &["s.db", "--auth", "required"]);
    let open = Door::new(&dir, &["s.db"]);
    let owners = OWNERS.map(|(owner, row, group)| {
        let caller = callers.iter().find(|caller| caller.row == row);
        let door = if caller.is_some() { &required } else { &open };
        let headers = caller.map_or("", |caller| caller.headers.as_str());
        (owner, (door, headers, begin(door, headers, group)))
    });
    let owners = BTreeMap::from(owners);

    let mut section = ("", "");
    let mut columns: Vec<&str> = Vec::new();
    let mut answered = 0;
    for line in TABLE.lines().filter(|line| !line.is_empty()) {
        let Some((row, expected)) = line.split_once('|') else {
            let (title, names) = line.split_once(':').expect("a title");
            section = title.split_once(" of ").unwrap_or((title, ""));
            columns = names.split_whitespace().collect();
            continue;
        };
        let row = row.trim();
        let expected: Vec<u16> =
            expected.split_whitespace().map(|code| code.parse().expect("a status")).collect();
        assert_eq!(expected.len(), columns.len(), "{line}");
        let door = if row == OPEN { &open } else { &required };
        let callers: Vec<_> =
            callers.iter().filter(|caller| row == OPEN || caller.row == row).collect();
        assert!(!callers.is_empty(), "{row}?");
        for Caller { name, headers, .. } in callers {
            for (column, status) in columns.iter().copied().zip(expected.iter().copied()) {
                let (kind, of) = section;
                let asked = match (kind, column) {
                    ("exports", "DELETE" | "1up-DELETE") => {
                        let (door, headers, _) = &owners[of];
                        let begun = match column {
                            "DELETE" => Asked::get("/fhir/$export"),
                            _ => Asked::apart("/bulk-data/r4/$export"),
                        };
                        Asked { method: "DELETE", ..Asked::get(door.begun(&begun, headers)) }
                    }
                    ("exports", column) => Asked::get(owners[of].2[column].clone()),
                    _ => asked(column, of),
                };
                let answer = door.send(&asked, headers);
                let case = format!("{kind} of {of}: {name} ({row}) at {column} {}", asked.path);
                assert_eq!(answer.status, status, "{case}: {}", answer.text());
                answered += 1;
                if status >= 400 {
                    refused(door, &asked, headers, of, &answer, &case);
                } else {
                    granted(door, headers, (kind, column, of, row), &answer, &case);
                }
                if asked.method == "DELETE" {
                    let (door, headers, _) = &owners[of];
                    let is_there = door.get(&asked.path, headers).status == 200;
                    assert_eq!(is_there, status >= 400, "{case}");
                }
            }
        }
    }
    assert!(answered > 5000, "only {answered} answers");
}

/// Fails if a refused answer holds anyone's resource, or tells whether it exists.
fn refused(door: &Door<'_>, asked: &Asked, headers: &str, of: &str, answer: &Answer, case: &str) {
    // The caller's own words may be repeated.
    let said = asked.path.rsplit('/').next().unwrap_or_default();
    let text = format!("{}{}", answer.head, answer.text().replace(said, ""));
    assert!(named_in(&text).is_empty(), "{case}: {text}");
    assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{case}");
    let is_challenge = answer.header("www-authenticate").is_some();
    // An open server demands no authentication.
    let is_expected = matches!(answer.status, 401 | 403) && !case.contains(OPEN);
    assert_eq!(is_challenge, is_expected, "{case}");
    if answer.status == 404 {
        let subject = subject(&asked.path, of).unwrap_or_else(|| panic!("{case}: 404 for what?"));
        let unknown = format!("/{}", "0".repeat(subject.len() - 1));
        let path = asked.path.replace(&subject, &unknown);
        let other = door.send(&Asked { path, ..asked.clone() }, headers);
        assert_eq!(other.text(), answer.text().replace(&subject, &unknown), "{case}");
        assert_eq!(other.undated(), answer.undated(), "{case}");
    }
}

/// Fails unless a granted answer holds all that the request asks for of the caller's owners, and nothing of others.
fn granted(
    door: &Door<'_>,
    headers: &str,
    (kind, column, of, row): (&str, &str, &str, &str),
    answer: &Answer,
    case: &str,
) {
    let text = door.all_of(answer, headers);
    let mine = within_reach(row);
    let found = named_in(&text);
    assert!(found.is_subset(&mine), "{case}: {found:?} in {text}");
    let is_limited = row.starts_with("smart, ");
    match kind {
        "data" if !is_limited => {
            let expected = mine.iter().filter(|name| **name == of).copied().collect();
            assert_eq!(found, expected, "{case}: {text}");
        }
        "data" => assert!(found.iter().all(|name| *name == of), "{case}: {text}"),
        "exports" if column.contains("DELETE") => assert!(found.is_empty(), "{case}: {text}"),
        "exports" => assert!(!found.is_empty(), "{case}: {text}"),
        _ if row.ends_with("to read only") || row.ends_with("to search only") => {
            assert!(found.is_empty(), "{case}: {text}");
        }
        _ => assert_eq!(found, mine, "{case}: {text}"),
    }
    if row.ends_with("of Patient only") {
        assert!(!text.contains("Observation") && !text.contains(":\"Group\""), "{case}: {text}");
    }
    if column.ends_with("search") {
        let bundle = answer.json();
        assert_eq!(bundle["total"], u64::from(mine.contains(of)), "{case}: {bundle}");
    }
    if row != OPEN {
        let is_public = answer.header("cache-control").is_some_and(|it| it.contains("public"));
        assert!(!is_public, "{case}");
    }
}

/// A scope that does not cover Group must not learn its members from the errors of an export.
#[test]
fn without_group_in_its_scope_a_client_does_not_learn_the_members() {
    let dir = Dir::new();
    run(&dir, "client add s.db --client-id smart --new-key k.pem --scope system/*.rs", &[]);
    dir.write("in.ndjson", resources("nobody", 1));
    dir.import(0, &["s.db", "in.ndjson"]);
    let token = run(&dir, "token issue s.db --client smart --scope system/Device.rs", &[]);
    let (door, headers) = (Door::new(&dir, &["s.db", "--auth", "required"]), bearer(&token));
    assert_eq!(door.get("/fhir/Group/nobody", &headers).status, 403);
    let answer = door.get("/fhir/Group/nobody/$export", &headers);
    let text = door.all_of(&answer, &headers);
    assert!(!text.contains("nobody-secret"), "{text}");
}
