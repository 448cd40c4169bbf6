//! File names: which files are FHIR JSON, and in which form.

use std::ffi::OsStr;

/// True for the names of FHIR JSON, packed or not: `.json`, `.ndjson`, `.jsonl`, each also `.gz`, and
/// `.zip`.
pub(super) fn is_fhir_json(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    [".json", ".ndjson", ".jsonl"].iter().any(|end| unpacked.ends_with(end))
        || name.ends_with(".zip")
}

/// True for the names of NDJSON, packed or not.
pub(super) fn is_ndjson(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let unpacked = name.strip_suffix(".gz").unwrap_or(&name);
    unpacked.ends_with(".ndjson") || unpacked.ends_with(".jsonl")
}

/// True for the names of packed files.
pub(super) fn is_packed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".gz") || name.ends_with(".zip")
}

/// True for hidden files and folders, whose names begin with a dot.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}
