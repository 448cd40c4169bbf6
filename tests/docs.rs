//! README.md, CONTRIBUTING.md and docs/ tell the truth: their commands print what the pages show, their tables
//! are those of the program, and their links lead somewhere.

mod commands;
mod links;
mod nginx;
mod performance;
mod promises;
mod service;
mod tables;

use crate::support::project;

/// The text of a page, by its path in the project.
fn page(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of all pages.
fn pages() -> Vec<String> {
    let docs = std::fs::read_dir(project().join("docs")).expect("the folder docs");
    let names = docs.map(|file| file.expect("an entry").file_name().into_string().expect("a name"));
    let mut pages: Vec<String> =
        names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")).collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned));
    pages.sort();
    pages
}

/// The lines of a page below a heading, up to the next heading of the same or a higher level.
fn section<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let level = heading.chars().take_while(|c| *c == '#').count();
    let is_next = |line: &str| {
        let marks = line.chars().take_while(|c| *c == '#').count();
        (1..=level).contains(&marks) && line[marks..].starts_with(' ')
    };
    let mut lines = text.lines().skip_while(|line| *line != heading);
    assert!(lines.next().is_some(), "there is no heading {heading:?}");
    lines.take_while(|line| !is_next(line)).collect()
}

/// The rows of the tables in `lines`, cell by cell, without their heads.
fn rows<'a>(lines: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_row = |line: &&&str| line.starts_with('|');
    let cells = |line: &&'a str| line.trim_matches('|').split(" | ").map(str::trim).collect();
    let mut found = Vec::new();
    let mut rest = lines.iter().peekable();
    while let Some(line) = rest.next() {
        if line.starts_with('|') && rest.peek().is_some_and(|next| next.starts_with("|---")) {
            rest.next();
            while let Some(row) = rest.next_if(is_row) {
                found.push(cells(row));
            }
        }
    }
    found
}

/// The code spans in a text: what stands between backticks.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
