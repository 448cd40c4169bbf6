//! Imports: forms of input, Bundles, references, owners, rejects, memory.

mod archives;
mod arrangements;
mod bombs;
mod bundles;
mod content;
mod derived_ids;
mod derived_ids_properties;
mod entry_links;
mod first_load;
mod former_ids;
mod forms;
mod memory;
mod no_data;
mod nothing;
mod owners;
mod owners_links;
mod properties;
mod references;
mod rejects;
mod small_files;
mod surrogates;
mod threads;
mod uuid_references;
mod version_conditions;
mod versions;

const A: &str = r#"{"resourceType":"Patient","id":"a","meta":{"versionId":"7","lastUpdated":"2020-01-02T03:04:05.678Z"}}"#;
const B: &str = r#"{"resourceType":"Patient","id":"b","meta":{"lastUpdated":"2020-01-02T03:04:05Z","versionId":"x"}}"#;
const C: &str = r#"{"id":"c","resourceType":"Observation","meta":{"versionId":"1","lastUpdated":"2020-01-02T03:04:05+01:00"}}"#;

/// The three resources as `Type/id` and body.
fn all() -> Vec<(String, String)> {
    [("Observation/c", C), ("Patient/a", A), ("Patient/b", B)]
        .map(|(place, body)| (place.to_owned(), body.to_owned()))
        .into()
}
