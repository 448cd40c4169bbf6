//! Links between pages lead somewhere, and the README stays short.

use std::collections::BTreeSet;

use super::{page, pages, rows, section, spans};
use crate::support::project;

/// A page without its code: neither blocks nor spans hold links.
fn prose(text: &str) -> String {
    let mut inside = false;
    let mut prose = String::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    headings.map(anchor).collect()
}

/// The targets of a page's links.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let links = prose.match_indices("](").map(|(at, _)| &prose[at + 2..]);
    links.filter_map(|rest| Some(rest[..rest.find(')')?].to_owned())).collect()
}

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let mut links = 0;
    for path in pages() {
        let text = page(&path);
        for target in targets(&text) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = project().join(&path).parent().unwrap().to_owned();
            let file = if file.is_empty() { project().join(&path) } else { folder.join(file) };
            assert!(file.exists(), "{path}: {target}");
            if !anchor.is_empty() {
                let linked = std::fs::read_to_string(&file).unwrap();
                assert!(anchors(&linked).contains(anchor), "{path}: {target}");
            }
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}

#[test]
fn the_readme_leads_to_every_page_and_is_short() {
    let text = page("README.md");
    let linked: BTreeSet<String> = targets(&text).into_iter().collect();
    for path in pages() {
        assert!(path == "README.md" || linked.contains(&path), "{path}");
    }
    assert!(text.lines().count() <= 150);
}

#[test]
fn the_least_rust_is_that_of_the_manifest() {
    let manifest = page("Cargo.toml");
    let value = |key: &str| {
        let line = manifest.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.and_then(|line| line.strip_suffix('"')).unwrap_or_else(|| panic!("{key}")).to_owned()
    };
    let least = value("rust-version");
    for path in ["README.md", "CONTRIBUTING.md"] {
        assert!(page(path).contains(&format!("Rust {least} or newer")), "{path}");
    }
    // Cargo before 1.85 stops at this line, before it downloads anything.
    assert_eq!(value("edition"), "2024");
}

#[test]
fn ci_runs_the_tests_as_the_readme_says() {
    let readme = page("README.md");
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next());
    let command = block.expect("a block of sh").trim();
    assert!(command.starts_with("cargo test"), "{command}");
    // A packaged crate has no CI.
    let ci = project().join(".ci/run");
    if ci.exists() {
        let ci = std::fs::read_to_string(ci).unwrap();
        let runs = |line: &str| line.starts_with("timeout ") && line.ends_with(command);
        assert!(ci.lines().any(runs), "{command}");
    }
}

#[test]
fn every_file_that_the_pages_name_exists() {
    let mut files = 0;
    for path in ["docs/architecture.md", "CONTRIBUTING.md"] {
        let text = prose(&page(path));
        for span in spans(&text) {
            let is_path = ["src/", "tests/", "docs/", "examples/", ".ci/"]
                .iter()
                .any(|folder| span.starts_with(folder));
            if is_path {
                let file = span.split(' ').next().unwrap_or_default();
                assert!(project().join(file).exists(), "{path}: {file}");
                files += 1;
            }
        }
    }
    assert!(files > 60, "{files}");
}

#[test]
fn the_architecture_has_a_level_for_every_file_and_folder() {
    let text = page("docs/architecture.md");
    let levels = section(&text, "## Levels").join("\n");
    for entry in std::fs::read_dir(project().join("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let end = if entry.file_type().unwrap().is_dir() { "/" } else { "" };
        assert!(levels.contains(&format!("`src/{name}{end}`")), "{name}");
    }
}

/// A newcomer's questions have one file each as the answer.
#[test]
fn each_question_has_one_file() {
    let text = page("docs/architecture.md");
    let questions = rows(&section(&text, "## Three questions"));
    assert_eq!(questions.len(), 3);
    for row in questions {
        let [file] = spans(row[1])[..] else { panic!("{row:?}") };
        assert!(project().join(file).is_file(), "{file}");
    }
}
