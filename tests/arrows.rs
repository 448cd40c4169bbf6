//! The house: levels without upward arrows, files without circles, one meaning for each name, files
//! that fit in a head, and each technology in one room. `docs/architecture.md` draws what is held here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::support::project;
use crate::support::rust::{paths, tokens, types};

/// The levels, the lowest first. Folders of one level never see each other.
const LEVELS: [&[&str]; 7] = [
    &["error", "random", "shown", "spilled", "sync", "time"],
    &["fhir"],
    &["source", "store", "view"],
    &["search"],
    &["access", "export", "import"],
    &["http"],
    &["cli", "main"],
];
/// The level of the floor, whose files form one room.
const FLOOR: usize = 0;
/// Crates that only one folder knows.
const ROOMS: [(&str, &str); 11] = [
    ("rusqlite", "store/"),
    ("httparse", "http/engine/"),
    ("socket2", "http/engine/"),
    ("rustls", "http/engine/"),
    ("rcgen", "http/engine/"),
    ("ipnet", "http/"),
    ("parquet", "view/"),
    ("listenfd", "cli/"),
    ("signal_hook", "cli/"),
    ("clap", "cli/"),
    ("ureq", "access/"),
];
/// Files that stand in for others in builds without their cargo features, and so have their names.
const STAND_INS: [&str; 3] = ["access/https_off.rs", "http/engine/tls_off.rs", "http/page_off.rs"];
/// The crate's face: a list of what is public, above everything but the program.
const FACE: &str = "lib.rs";
/// The most lines of a file.
const LONGEST: usize = 400;

/// Rust files by their path below a folder, with `/` between names.
type Files = BTreeMap<String, String>;

fn files(folder: &str) -> Files {
    fn walk(folder: &Path, below: &str, files: &mut Files) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_dir() {
                walk(&path, &format!("{below}{name}/"), files);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8");
                files.insert(format!("{below}{name}"), text);
            }
        }
    }
    let mut files = Files::new();
    walk(&project().join(folder), "", &mut files);
    files
}

/// The module that a file is: `store/open.rs` is `store::open`, `store/mod.rs` is `store`.
fn module(file: &str) -> Vec<&str> {
    let mut names: Vec<&str> = file.trim_end_matches(".rs").split('/').collect();
    if matches!(names.last(), Some(&"mod" | &"lib")) {
        names.pop();
    }
    names
}

/// The file that a path leads to: that of the innermost module which the path names.
fn target<'f>(files: &'f Files, from: &str, path: &[String]) -> Option<&'f str> {
    // The program's root is main.rs, and its modules lie in the same folder as the library's.
    let mut at = if from == "main.rs" { Vec::new() } else { module(from) };
    let mut rest = path;
    let mut is_rooted = false;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" | "fhirlite" => at.clear(),
            "self" => {}
            "super" => {
                at.pop();
            }
            _ => break,
        }
        is_rooted = true;
        rest = after;
    }
    let own = at.clone();
    for name in rest {
        at.push(name);
        let is_module = files.keys().any(|file| module(file) == at);
        if !is_module {
            at.pop();
            break;
        }
    }
    // A path that begins with another crate, a type or an imported name.
    if !is_rooted && at == own {
        return None;
    }
    files.keys().map(String::as_str).find(|file| module(file) == at)
}

/// Which files each file names.
fn arrows(files: &Files) -> BTreeMap<&str, BTreeSet<&str>> {
    let of = |(file, text): (&'_ String, &String)| {
        let named = paths(&tokens(text));
        named
            .iter()
            .filter_map(|path| target(files, file, path))
            .filter(|target| target != file)
            .collect::<BTreeSet<_>>()
    };
    files.iter().map(|entry| (entry.0.as_str(), of(entry))).collect()
}

fn level(file: &str) -> Option<usize> {
    let top = file.split(['/', '.']).next().unwrap_or_default();
    LEVELS.iter().position(|level| level.contains(&top))
}

fn folder(file: &str) -> &str {
    file.split_once('/').map_or(file, |(folder, _)| folder)
}

/// Why an arrow may not be; `None` where it may.
fn objection(from: &str, to: &str) -> Option<String> {
    let is_program = level(from) == Some(LEVELS.len() - 1);
    if from == FACE || (to == FACE && is_program) {
        return None;
    }
    if to == FACE {
        return Some("an arrow to the crate's face".to_owned());
    }
    let [Some(above), Some(below)] = [level(from), level(to)] else {
        return Some("a file without a level; name its folder in LEVELS".to_owned());
    };
    if above < below {
        Some("an arrow to a higher level".to_owned())
    } else if above == below && folder(from) != folder(to) && above != FLOOR && !is_program {
        Some("an arrow between folders of one level".to_owned())
    } else {
        None
    }
}

/// A circle that begins and ends at `start`, where there is one.
fn circle<'f>(
    arrows: &BTreeMap<&'f str, BTreeSet<&'f str>>,
    start: &'f str,
) -> Option<Vec<&'f str>> {
    let mut ways = vec![vec![start]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        let inner = arrows[way[way.len() - 1]].iter().filter(|file| **file != FACE);
        for next in inner {
            let longer = [way.as_slice(), &[*next]].concat();
            if *next == start {
                return Some(longer);
            }
            if seen.insert(*next) {
                ways.push(longer);
            }
        }
    }
    None
}

/// Everything about the arrows of a tree that its rules forbid.
fn faults(files: &Files) -> Vec<String> {
    let arrows = arrows(files);
    let mut faults = Vec::new();
    for (from, targets) in &arrows {
        for to in targets {
            if let Some(objection) = objection(from, to) {
                faults.push(format!("{from} → {to}: {objection}"));
            }
        }
        if *from != FACE
            && let Some(circle) = circle(&arrows, from)
        {
            faults.push(format!("a circle: {}", circle.join(" → ")));
        }
    }
    faults
}

#[test]
fn arrows_point_downwards_and_never_in_a_circle() {
    let files = files("src");
    let arrows: usize = arrows(&files).values().map(BTreeSet::len).sum();
    assert!(arrows > 200, "only {arrows} arrows were read");
    let faults = faults(&files);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// A small tree, and what its rules object to.
fn objections(tree: &[(&str, &str)]) -> Vec<String> {
    faults(&tree.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect())
}

#[test]
fn a_planted_fault_is_found() {
    let none: [&str; 0] = [];
    let tree = [
        ("lib.rs", "pub use store::Store;"),
        ("error.rs", ""),
        ("fhir/mod.rs", "pub mod json;"),
        ("fhir/json.rs", "use crate::error::Error; // use crate::store::Store;"),
        ("store/mod.rs", "pub use open::{Store, sql::One};"),
        ("store/open.rs", "use super::sql::{self, One as Two};\nuse crate::fhir::{json::{Edits}};"),
        (
            "store/sql.rs",
            "const A: &str = \"crate::http\"; #[cfg(test)]\nmod tests { use super::*; }",
        ),
        ("import/mod.rs", "use crate::store::Store;"),
        ("export/mod.rs", ""),
        ("main.rs", "mod cli; use fhirlite::Store; fn main() { cli::run() }"),
        ("cli/mod.rs", "pub mod get;"),
        ("cli/get.rs", "use super::Command;"),
    ];
    assert_eq!(objections(&tree), none);
    let with = |file: &str, text: &str| {
        let mut files: Vec<_> = tree.into_iter().filter(|(name, _)| *name != file).collect();
        files.push((file, text));
        objections(&files)
    };
    assert_eq!(
        with("store/sql.rs", "fn a() { super::open::b() }"),
        [
            "a circle: store/open.rs → store/sql.rs → store/open.rs",
            "a circle: store/sql.rs → store/open.rs → store/sql.rs"
        ]
    );
    assert_eq!(
        with("store/sql.rs", "use super::Store;"),
        [
            "a circle: store/mod.rs → store/open.rs → store/sql.rs → store/mod.rs",
            "a circle: store/open.rs → store/sql.rs → store/mod.rs → store/open.rs",
            "a circle: store/sql.rs → store/mod.rs → store/open.rs → store/sql.rs"
        ]
    );
    assert_eq!(
        with("fhir/json.rs", "use crate::{error::Error, store::open::Store};"),
        [
            "fhir/json.rs → store/open.rs: an arrow to a higher level",
            "a circle: fhir/json.rs → store/open.rs → fhir/json.rs",
            "a circle: store/open.rs → fhir/json.rs → store/open.rs"
        ]
    );
    assert_eq!(
        with("export/mod.rs", "fn a() -> crate::import::Import {}"),
        ["export/mod.rs → import/mod.rs: an arrow between folders of one level"]
    );
    assert_eq!(
        with("error.rs", "use crate::Store;"),
        ["error.rs → lib.rs: an arrow to the crate's face"]
    );
    assert_eq!(
        with("elsewhere/mod.rs", "use crate::error::Error;"),
        ["elsewhere/mod.rs → error.rs: a file without a level; name its folder in LEVELS"]
    );
}

#[test]
fn each_technology_is_known_in_one_room() {
    let mut found = BTreeSet::new();
    for (file, text) in files("src") {
        for path in paths(&tokens(&text)) {
            for (technology, room) in ROOMS {
                if path[0] == technology {
                    assert!(file.starts_with(room), "{file} knows {technology}");
                    found.insert(technology);
                }
            }
        }
    }
    assert_eq!(found.len(), ROOMS.len(), "only {found:?} are used at all");
}

#[test]
fn each_name_has_one_meaning() {
    let mut meanings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut files = files("src");
    for stand_in in STAND_INS {
        files.remove(stand_in).expect("the stand-in is there");
    }
    for (file, text) in files {
        for name in types(&tokens(&text)) {
            meanings.entry(name).or_default().push(file.clone());
        }
    }
    assert!(meanings.len() > 150, "only {} types were read", meanings.len());
    meanings.retain(|_, files| files.len() > 1);
    assert!(meanings.is_empty(), "types of one name: {meanings:#?}");
}

#[test]
fn each_file_fits_in_a_head() {
    for folder in ["src", "tests", "examples", "benches"] {
        for (file, text) in files(folder) {
            let lines = text.lines().count();
            assert!(lines <= LONGEST, "{folder}/{file} has {lines} lines; split it");
        }
    }
}
