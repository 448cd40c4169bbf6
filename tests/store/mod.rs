//! The store's file: what it is at rest, who may write it, what survives.

mod backup;
mod check;
mod clock;
mod compact;
mod copies;
mod damage;
mod file;
mod file_size_limit;
mod full_disk;
mod index;
mod index_answers;
mod interrupted;
mod log;
mod mentions;
mod no_files;
mod old_formats;
mod prune;
mod read_only;
mod replaced;
mod restored;
mod snapshots;
mod view_tables;
mod views;
mod waiting;
mod writers;

use crate::support::Dir;

const A: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}}"#;

/// A folder with a store `s.db` of one Patient.
fn filled() -> Dir {
    let dir = Dir::new();
    dir.write("a.json", A);
    dir.import(0, &["s.db", "a.json"]);
    dir
}
