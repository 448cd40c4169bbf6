//! File names: which files are FHIR JSON, in which form, and in which order they are read.

use std::cmp::Ordering;
use std::ffi::OsStr;

/// The endings of compressed files.
const COMPRESSED: [&str; 3] = [".gz", ".xz", ".zst"];
/// The endings of FHIR JSON and of archives, each also compressed.
const READ: [&str; 5] = [".json", ".ndjson", ".jsonl", ".zip", ".tar"];
/// The short endings of compressed archives.
const SHORT: [&str; 3] = [".tgz", ".txz", ".tzst"];

/// True for the names of FHIR JSON and of archives: `.json`, `.ndjson`, `.jsonl`, `.zip` and `.tar`,
/// each also `.gz`, `.xz` and `.zst`; `.tgz`, `.txz`, `.tzst`.
pub(super) fn is_fhir_json(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    has_end(uncompressed(&name), &READ) || has_end(&name, &SHORT)
}

/// True for the names of NDJSON, compressed or not.
pub(super) fn is_ndjson(name: &str) -> bool {
    has_end(uncompressed(&name.to_ascii_lowercase()), &[".ndjson", ".jsonl"])
}

/// True for the names of packed files.
pub(super) fn is_packed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    has_end(&name, &COMPRESSED) || has_end(&name, &SHORT) || name.ends_with(".zip")
}

/// True for hidden files and folders, whose names begin with a dot.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && !matches!(name, b"." | b"..")
}

/// True for the folder in which Bulk Data clients keep the attachments that they downloaded.
pub(super) fn is_attachment_folder(name: &OsStr) -> bool {
    name == "attachments"
}

/// The order in which two neighbours in a folder are read: that of their names, but `deleted` and
/// `deleted.ndjson` last. They undo what the files beside them bring.
///
/// <https://hl7.org/fhir/uv/bulkdata/export.html#response---complete-status>
pub(super) fn reading_order(a: &OsStr, b: &OsStr) -> Ordering {
    let key = |name: &OsStr| {
        let stem = name.as_encoded_bytes().split(|b| *b == b'.').next().unwrap_or_default();
        stem.eq_ignore_ascii_case(b"deleted")
    };
    key(a).cmp(&key(b)).then_with(|| a.cmp(b))
}

fn uncompressed(name: &str) -> &str {
    COMPRESSED.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn has_end(name: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fhir_json_end_so() {
        for name in [
            "a.json",
            "A.JSON",
            "1.Patient.ndjson",
            "Patient.000.ndjson.gz",
            "a.jsonl.zst",
            "a.zip",
            "a.tar",
            "a.tar.gz",
            "a.tar.xz",
            "a.tgz",
            "a.txz",
            "a.tzst",
        ] {
            assert!(is_fhir_json(name), "{name}");
        }
        for name in ["a.xml", "a.gz", "a.csv", "json", "a.json.bak", "a.parquet", "a.ndjson.meta"] {
            assert!(!is_fhir_json(name), "{name}");
        }
    }

    #[test]
    fn deletions_are_read_last() {
        let mut names = ["deleted", "zz.ndjson", "Patient.ndjson", "deleted.ndjson", "deletedness"];
        names.sort_by(|a, b| reading_order(OsStr::new(a), OsStr::new(b)));
        assert_eq!(
            names,
            ["Patient.ndjson", "deletedness", "zz.ndjson", "deleted", "deleted.ndjson"]
        );
    }
}
