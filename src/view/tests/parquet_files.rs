//! Parquet files, read back: the same rows, with the types that the table of `parquet_file.rs` says.

use parquet::basic::{LogicalType, Type as PhysicalType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use super::super::ViewFormat;
use super::{written, written_first};

/// A file that can be read from memory.
pub(super) fn reader(bytes: Vec<u8>) -> SerializedFileReader<std::fs::File> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
    SerializedFileReader::new(file).unwrap()
}

#[test]
fn columns_have_types_and_rows_come_back() {
    let view = r#"{"resource":"Observation","select":[{"column":[
        {"name":"id","path":"id"},{"name":"high","path":"value.ofType(Quantity).value > 5"},
        {"name":"count","path":"component.count()"},
        {"name":"long","path":"value.ofType(integer)","type":"integer64"},
        {"name":"value","path":"value.ofType(Quantity).value"},
        {"name":"double","path":"value.ofType(Quantity).value","tag":[{"name":"ansi/type","value":"double precision"}]},
        {"name":"issued","path":"issued"},{"name":"codes","path":"code.coding.code","collection":true},
        {"name":"code","path":"code","type":"CodeableConcept"}]}]}"#;
    let resources = [
        r#"{"resourceType":"Observation","id":"1","valueQuantity":{"value":5.10},"issued":"2020-01-01T00:00:00Z","code":{"coding":[{"code":"a"},{"code":"b"}]}}"#,
        r#"{"resourceType":"Observation","id":"2","valueInteger":9007199254740993,"component":[{},{}]}"#,
    ];
    let file = reader(written(view, &resources, ViewFormat::Parquet));
    let schema = file.metadata().file_metadata().schema();
    let types: Vec<_> = schema
        .get_fields()
        .iter()
        .map(|of| {
            (of.name(), of.get_physical_type(), of.get_basic_info().logical_type_ref().cloned())
        })
        .collect();
    assert_eq!(
        types,
        [
            ("id", PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            ("high", PhysicalType::BOOLEAN, None),
            ("count", PhysicalType::INT32, None),
            ("long", PhysicalType::INT64, None),
            ("value", PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            ("double", PhysicalType::DOUBLE, None),
            ("issued", PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            ("codes", PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
            ("code", PhysicalType::BYTE_ARRAY, Some(LogicalType::Json)),
        ]
    );
    let rows: Vec<Vec<String>> = file
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            let shown = |field: &Field| match field {
                Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).unwrap(),
                Field::Str(text) => text.clone(),
                other => other.to_string(),
            };
            row.get_column_iter().map(|(_, field)| shown(field)).collect()
        })
        .collect();
    assert_eq!(
        rows,
        [
            vec![
                "1",
                "true",
                "0",
                "null",
                "5.10",
                "5.1",
                "2020-01-01T00:00:00Z",
                r#"["a","b"]"#,
                r#"{"coding":[{"code":"a"},{"code":"b"}]}"#
            ],
            vec!["2", "null", "2", "9007199254740993", "null", "null", "null", "[]", "null"],
        ]
    );
}

#[test]
fn a_batch_keeps_its_first_rows() {
    let view = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"},{"name":"active","path":"active"},{"name":"birth","path":"birthDate"},{"name":"count","path":"name.count()"}]}]}"#;
    let patients = [
        r#"{"resourceType":"Patient","id":"1","birthDate":"1980"}"#,
        r#"{"resourceType":"Patient","id":"2","active":true,"name":[{}]}"#,
        r#"{"resourceType":"Patient","id":"3","active":false,"birthDate":"1980-02"}"#,
    ];
    let rows = |bytes| -> Vec<String> {
        let file = reader(bytes);
        let rows = file.get_row_iter(None).unwrap();
        rows.map(|row| row.unwrap().to_string()).collect()
    };
    for kept in 0..=3 {
        let found = rows(written_first(view, &patients, ViewFormat::Parquet, kept as u64));
        assert_eq!(found, rows(written(view, &patients[..kept], ViewFormat::Parquet)));
        assert_eq!(found.len(), kept);
    }
}

#[test]
fn row_groups_are_bounded_by_bytes() {
    let view = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"},{"name":"text","path":"text.div"}]}]}"#;
    let text = "x".repeat(1 << 20);
    let patient =
        |id| format!(r#"{{"resourceType":"Patient","id":"{id}","text":{{"div":"{text}{id}"}}}}"#);
    let patients: Vec<_> = (0..40).map(patient).collect();
    let patients: Vec<_> = patients.iter().map(String::as_str).collect();
    let file = reader(written(view, &patients, ViewFormat::Parquet));
    let rows: Vec<_> = file.metadata().row_groups().iter().map(|group| group.num_rows()).collect();
    assert_eq!(rows, [16, 16, 8]);
    let none = reader(written(view, &[], ViewFormat::Parquet));
    assert_eq!(none.metadata().file_metadata().num_rows(), 0);
}

#[test]
fn the_same_rows_make_the_same_file_however_they_come() {
    let view = r#"{"resource":"Patient","select":[{"column":[
        {"name":"id","path":"id"},{"name":"gender","path":"gender"}]}]}"#;
    let patient = |n: usize| {
        let bytes = if n == 21 { 17 << 20 } else { n * 70_000 % 1_100_000 };
        let gender = "x".repeat(bytes);
        format!(r#"{{"resourceType":"Patient","id":"{n}","gender":"{gender}"}}"#)
    };
    let resources: Vec<String> = (0..60).map(patient).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let one_by_one = written(view, &resources, ViewFormat::Parquet);
    assert!(one_by_one == written_first(view, &resources, ViewFormat::Parquet, u64::MAX));
    let groups = reader(one_by_one);
    let rows: Vec<i64> = groups.metadata().row_groups().iter().map(|of| of.num_rows()).collect();
    // The large one stands by itself.
    assert!(rows.len() > 3 && rows.contains(&1), "{rows:?}");
    assert_eq!(rows.iter().sum::<i64>(), 60);
}
