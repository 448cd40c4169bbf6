//! Rows of views and whole stores as files, read back by pyarrow, pandas and DuckDB.

use super::script_of;
use crate::support::{Dir, FHIRLITE, project, python_of_analysis, succeed};

/// Reads what fhirlite writes of a store back, and compares the forms (`read_back.py`).
fn is_read_back(dir: &Dir) {
    let Some(python) = python_of_analysis() else { return };
    let mut python = script_of(python, "read_back.py");
    let views = project().join("views");
    let said = succeed(python.arg(FHIRLITE).arg(dir.path("s.db")).arg(views).arg(dir.path("out")));
    assert!(said.contains("observation: ") && said.contains("Patient.parquet: "), "{said}");
}

#[test]
fn files_of_the_sample_data_are_read_back_as_they_are() {
    let dir = Dir::new();
    dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap(), "--quiet"]);
    is_read_back(&dir);
}

#[test]
fn files_of_the_examples_of_hl7_are_read_back_as_they_are() {
    let dir = Dir::new();
    let examples = project().join("tests/independent/hl7-examples.ndjson.gz");
    dir.run(["import", "s.db", examples.to_str().unwrap(), "--quiet"]);
    is_read_back(&dir);
}

#[test]
fn a_body_of_many_bytes_is_read_back_from_parquet() {
    let Some(mut python) = python_of_analysis() else { return };
    let dir = Dir::new();
    let data = "QUJD".repeat(9 << 20);
    let lines = [
        r#"{"resourceType":"Binary","id":"a","contentType":"text/plain","data":"QUJD"}"#.to_owned(),
        format!(
            r#"{{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"{data}"}}"#
        ),
        r#"{"resourceType":"Binary","id":"c","contentType":"text/plain","data":"QUJD"}"#.to_owned(),
    ];
    dir.write("in.ndjson", lines.join("\n"));
    dir.import(0, &["s.db", "in.ndjson", "--quiet"]);
    let ran = dir.run(["export", "s.db", "out", "--format", "parquet"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let read = "import pyarrow.parquet, sys\n\
        file = pyarrow.parquet.ParquetFile(sys.argv[1])\n\
        print([(row['id'], len(row['body'])) for row in file.read().to_pylist()])";
    let said = succeed(python.args(["-c", read]).arg(dir.path("out/Binary.parquet")));
    let large = lines[1].len();
    let small = dir.get("s.db", "Binary/a").len();
    let large = large + small - lines[0].len();
    assert_eq!(said, format!("[('a', {small}), ('b', {large}), ('c', {small})]\n"));
}
