//! Properties of the forms: whatever the texts are, they come back from each.

use parquet::file::reader::FileReader;
use parquet::record::Field;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::ViewFormat;
use super::parquet_files::reader;
use super::written;

const VIEW: &str = r#"{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"},
    {"name":"gender","path":"gender"},{"name":"given","path":"name.given","collection":true}]}]}"#;

/// The records of a CSV, read byte by byte as RFC 4180 says.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut is_quoted = false;
    let mut characters = csv.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if is_quoted && characters.peek() == Some(&'"') => {
                characters.next();
                field.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => record.push(std::mem::take(&mut field)),
            '\r' if !is_quoted && characters.peek() == Some(&'\n') => {
                characters.next();
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            other => field.push(other),
        }
    }
    assert!(!is_quoted && field.is_empty() && record.is_empty());
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn texts_come_back(texts in prop::collection::vec("\\PC{0,8}|[,\"\r\n\t\\\\;]{0,4}", 0..12)) {
        let patients: Vec<Value> = texts
            .iter()
            .map(|text| json!({"resourceType":"Patient","id":"1","gender":text,"name":[{"given":[text]}]}))
            .collect();
        let resources: Vec<String> = patients.iter().map(Value::to_string).collect();
        let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
        let written = |format| written(VIEW, &resources, format);
        let as_text = |format| String::from_utf8(written(format)).unwrap();

        let lists: Vec<String> = texts.iter().map(|text| json!([text]).to_string()).collect();
        let wanted: Vec<Vec<String>> = texts
            .iter()
            .zip(&lists)
            .map(|(text, list)| vec!["1".to_owned(), text.clone(), list.clone()])
            .collect();
        prop_assert_eq!(&records(&as_text(ViewFormat::Csv { header: false })), &wanted);

        let objects: Vec<Value> =
            texts.iter().map(|text| json!({"id":"1","gender":text,"given":[text]})).collect();
        let lines = as_text(ViewFormat::Ndjson);
        let lines: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(&lines, &objects);
        let array: Vec<Value> = serde_json::from_str(&as_text(ViewFormat::Json)).unwrap();
        prop_assert_eq!(&array, &objects);

        let file = reader(written(ViewFormat::Parquet));
        let rows: Vec<Vec<String>> = file
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                let row = row.unwrap();
                let text = |field: &Field| match field {
                    Field::Bytes(bytes) => String::from_utf8(bytes.data().to_vec()).unwrap(),
                    Field::Str(text) => text.clone(),
                    other => panic!("{other:?}"),
                };
                row.get_column_iter().map(|(_, field)| text(field)).collect()
            })
            .collect();
        prop_assert_eq!(&rows, &wanted);
    }
}
