//! `deny.toml` tells the truth: licences, sources and duplicates of the dependencies are what it allows, and it
//! allows nothing that does not occur. cargo-deny need not be installed for that.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::{left_out, project, succeed};

fn file(name: &str) -> String {
    std::fs::read_to_string(project().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines of the list `key` in a section of `deny.toml`, comments left out.
fn list(section: &str, key: &str) -> Vec<String> {
    let text = file("deny.toml");
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let inside = lines
        .skip_while(|line| *line != format!("[{section}]"))
        .skip(1)
        .take_while(|line| !line.starts_with("[") || line.ends_with("],"));
    let begin = format!("{key} = [");
    let mut inside = inside.skip_while(|line| !line.starts_with(&begin));
    let first = inside.next().unwrap_or_else(|| panic!("[{section}] has no {key}"));
    match first[begin.len()..].strip_suffix(']') {
        Some(items) => items.split(", ").map(str::to_owned).collect(),
        None => inside.take_while(|line| *line != "]").map(str::to_owned).collect(),
    }
}

/// The text between the first quotes behind `before`.
fn quoted(line: &str, before: &str) -> String {
    let rest = line.split_once(before).map_or("", |(_, rest)| rest);
    rest.split('"').nth(1).unwrap_or_else(|| panic!("{before:?} in {line:?}")).to_owned()
}

/// The packages in `Cargo.lock`: name, version, source.
fn locked() -> Vec<(String, String, Option<String>)> {
    let text = file("Cargo.lock");
    let packages = text.split("[[package]]").skip(1);
    let package = |text: &str| {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")))?;
            Some(line.trim_matches('"').to_owned())
        };
        (value("name").expect("a name"), value("version").expect("a version"), value("source"))
    };
    packages.map(package).collect()
}

#[test]
fn every_source_is_allowed() {
    let registries = list("sources", "allow-registry");
    let allowed: BTreeSet<String> =
        registries.iter().map(|line| format!("registry+{}", quoted(line, ""))).collect();
    let sources: BTreeSet<String> = locked()
        .into_iter()
        .filter(|(name, ..)| name != "fhirlite")
        .filter_map(|(.., s)| s)
        .collect();
    assert_eq!(sources, allowed);
    let without: Vec<String> = locked()
        .into_iter()
        .filter(|(.., source)| source.is_none())
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(without, ["fhirlite"]);
}

#[test]
fn every_duplicate_has_a_reason_and_every_reason_a_duplicate() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version, _) in locked() {
        versions.entry(name).or_default().insert(version);
    }
    let mut excepted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in list("bans", "skip") {
        assert!(quoted(&line, "reason").len() > 20, "{line}");
        let krate = quoted(&line, "crate");
        let (name, version) = krate.split_once('@').expect("name@version");
        excepted.entry(name.to_owned()).or_default().insert(version.to_owned());
    }
    for (name, skipped) in &excepted {
        assert!(skipped.is_subset(&versions[name]), "{name} {skipped:?} does not occur");
    }
    for (name, versions) in versions {
        let skipped = excepted.remove(&name).unwrap_or_default();
        // One version is left: no more are excepted than there are too many.
        assert_eq!(versions.len() - skipped.len(), 1, "{name}: {versions:?}");
    }
}

#[test]
fn every_licence_is_allowed_and_every_allowed_one_occurs() {
    let allowed: BTreeSet<String> =
        list("licenses", "allow").iter().map(|line| quoted(line, "")).collect();
    let (metadata, is_whole) = metadata();
    let mut needed = BTreeSet::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = &package["name"];
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name}: no licence"));
        let used = satisfied(licence, &allowed);
        needed.extend(used.unwrap_or_else(|| panic!("{name}: {licence} is not allowed")));
    }
    if is_whole {
        assert_eq!(needed, allowed, "deny.toml allows a licence that no dependency has");
    } else {
        left_out("the crates for other systems are not downloaded; `cargo fetch` does that");
    }
}

/// What cargo knows about the dependencies: for every system, or, where the crates for others are not
/// downloaded, for this one.
fn metadata() -> (Value, bool) {
    let command = || {
        let mut command = Command::new(env!("CARGO"));
        command.args(["metadata", "--offline", "--locked", "--format-version", "1"]);
        command.current_dir(project());
        command
    };
    let whole = command().output().expect("cargo starts");
    let is_whole = whole.status.success();
    let text = if is_whole {
        String::from_utf8(whole.stdout).expect("UTF-8")
    } else {
        let version = succeed(Command::new(env!("CARGO")).arg("-vV"));
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        succeed(command().args(["--filter-platform", host.expect("a host")]))
    };
    (serde_json::from_str(&text).expect("JSON"), is_whole)
}

/// The allowed licences in an expression of <https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/>,
/// where they are enough. The old `/` stands for OR.
fn satisfied(expression: &str, allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    let used = either(&mut rest, allowed);
    assert!(rest.is_empty(), "{expression}");
    used
}

fn either(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let mut used = both(words, allowed);
    while let Some((&"OR", rest)) = words.split_first() {
        *words = rest;
        let other = both(words, allowed);
        used = match (used, other) {
            (Some(mut used), Some(other)) => {
                used.extend(other);
                Some(used)
            }
            (used, other) => used.or(other),
        };
    }
    used
}

fn both(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let mut used = one(words, allowed);
    while let Some((&"AND", rest)) = words.split_first() {
        *words = rest;
        let other = one(words, allowed);
        used = used.zip(other).map(|(mut used, other)| {
            used.extend(other);
            used
        });
    }
    used
}

fn one(words: &mut &[&str], allowed: &BTreeSet<String>) -> Option<BTreeSet<String>> {
    let (first, rest) = words.split_first().expect("a licence");
    if *first == "(" {
        *words = rest;
        let used = either(words, allowed);
        let (last, rest) = words.split_first().expect("a closing parenthesis");
        assert_eq!(*last, ")");
        *words = rest;
        return used;
    }
    let (licence, rest) = match rest {
        ["WITH", exception, rest @ ..] => (format!("{first} WITH {exception}"), rest),
        rest => ((*first).to_owned(), rest),
    };
    *words = rest;
    allowed.contains(&licence).then(|| BTreeSet::from([licence]))
}

#[test]
fn expressions_of_licences_are_read() {
    let allowed = ["MIT", "ISC", "Unicode-3.0"].map(str::to_owned).into();
    for (expression, is_enough) in [
        ("MIT", true),
        ("Apache-2.0", false),
        ("MIT OR Apache-2.0", true),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 AND ISC", false),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", false),
        ("MIT WITH LLVM-exception", false),
        ("Apache-2.0 WITH LLVM-exception OR ISC", true),
    ] {
        assert_eq!(satisfied(expression, &allowed).is_some(), is_enough, "{expression}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_library_page_counts_the_dependencies() {
    let count = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(project()).args(["tree", "--offline", "--locked", "--edges", "normal"]);
        command.args(["--prefix", "none", "--no-dedupe"]).args(more);
        let printed = succeed(&mut command);
        // One of the lines is the crate itself.
        printed.lines().collect::<BTreeSet<_>>().len() - 1
    };
    let (all, library) = (count(&[]), count(&["--no-default-features"]));
    let told = format!("compiles {all} dependencies on Linux, without them {library}.");
    assert!(file("docs/library.md").contains(&told), "{told}");
}
