//! What goes by the version of FHIR: links to patients, known types, paths.

mod links;
mod mixtures;
mod served;

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::Dir;

/// Runs `export STORE OUT` with `args`, which must succeed; the `Type/id` of what it holds, with `deleted ` before what it
/// deletes.
fn exported(dir: &Dir, store: &str, out: &str, args: &[&str]) -> BTreeSet<String> {
    let ran = dir.run(["export", store, out].iter().chain(args));
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    let mut names = BTreeSet::new();
    for file in fs::read_dir(dir.path(out)).expect("a folder") {
        let name = file.expect("an entry").file_name().into_string().expect("a name");
        if name == "manifest.json" || name == "error.ndjson" {
            continue;
        }
        for line in dir.text(&format!("{out}/{name}")).lines() {
            let resource: Value = serde_json::from_str(line).expect("JSON");
            let text = |value: &Value| value.as_str().expect("a string").to_owned();
            names.insert(match resource["resourceType"].as_str() {
                Some("Bundle") => {
                    format!("deleted {}", text(&resource["entry"][0]["request"]["url"]))
                }
                _ => format!("{}/{}", text(&resource["resourceType"]), text(&resource["id"])),
            });
        }
    }
    names
}

/// A set of words.
fn words(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
