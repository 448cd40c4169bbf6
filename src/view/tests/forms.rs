//! CSV, NDJSON and JSON: golden output.

use std::io::{self, Write};

use super::super::{RowBatch, ViewFormat, ViewWriter};
use super::{written, written_first};
use crate::error::{Error, Kind};
use crate::fhir::json::Tree;
use crate::fhir::view::ViewDefinition;

const VIEW: &str = r#"{"resource":"Patient","select":[{"column":[
    {"name":"id","path":"id"},{"name":"active","path":"active"},
    {"name":"family","path":"name.family.first()"},
    {"name":"given","path":"name.given","collection":true},
    {"name":"birth","path":"birthDate"},
    {"name":"score","path":"extension.value.ofType(decimal)"}]}]}"#;
const PATIENTS: [&str; 2] = [
    r#"{"resourceType":"Patient","id":"1","active":true,"name":[{"family":"O\"Neil, \"Al\"","given":["A","B\n"]}],"extension":[{"valueDecimal":1.50}]}"#,
    r#"{"resourceType":"Patient","id":"2","active":false,"name":[{"family":""}],"birthDate":"1980-05"}"#,
];

fn text(view: &str, resources: &[&str], format: ViewFormat) -> String {
    String::from_utf8(written(view, resources, format)).unwrap()
}

#[test]
fn csv_quotes_what_needs_it() {
    let rows = "1,true,\"O\"\"Neil, \"\"Al\"\"\",\"[\"\"A\"\",\"\"B\\n\"\"]\",,1.50\r\n2,false,\"\",[],1980-05,\r\n";
    let csv = |header| text(VIEW, &PATIENTS, ViewFormat::Csv { header });
    assert_eq!(csv(true), format!("id,active,family,given,birth,score\r\n{rows}"));
    assert_eq!(csv(false), rows);
}

#[test]
fn csv_of_one_column_has_no_empty_lines() {
    let view =
        r#"{"resource":"Patient","select":[{"column":[{"name":"birth","path":"birthDate"}]}]}"#;
    let csv = text(view, &PATIENTS, ViewFormat::Csv { header: true });
    assert_eq!(csv, "birth\r\n\"\"\r\n1980-05\r\n");
}

#[test]
fn json_has_every_column_of_every_row() {
    let rows = [
        r#"{"id":"1","active":true,"family":"O\"Neil, \"Al\"","given":["A","B\n"],"birth":null,"score":1.50}"#,
        r#"{"id":"2","active":false,"family":"","given":[],"birth":"1980-05","score":null}"#,
    ];
    assert_eq!(
        text(VIEW, &PATIENTS, ViewFormat::Ndjson),
        rows.map(|row| format!("{row}\n")).concat()
    );
    assert_eq!(text(VIEW, &PATIENTS, ViewFormat::Json), format!("[{}]\n", rows.join(",\n")));
    assert_eq!(text(VIEW, &[], ViewFormat::Json), "[]\n");
    assert_eq!(text(VIEW, &[], ViewFormat::Ndjson), "");
}

#[test]
fn forms_have_names_and_media_types() {
    for name in ViewFormat::names() {
        let format = ViewFormat::named(name).unwrap();
        assert_eq!(format.name(), name);
        assert_eq!(ViewFormat::named(format.media_type()), Some(format));
        assert_eq!(ViewFormat::named(&name.to_uppercase()), Some(format));
    }
    assert_eq!(ViewFormat::named("xml"), None);
}

#[test]
fn batches_of_other_threads_stand_in_the_order_in_which_they_come() {
    let view = ViewDefinition::read(&Tree::parse(VIEW).unwrap()).unwrap();
    for name in ViewFormat::names() {
        let format = ViewFormat::named(name).unwrap();
        let mut out = Vec::new();
        let Ok(mut writer) = ViewWriter::new(format, view.columns(), &mut out) else { continue };
        let filled = |patient: &str, mut batch: RowBatch| {
            let patient = Tree::parse(patient).unwrap();
            let rows = view.rows::<Error>(&patient, &mut |row| {
                batch.add(row);
                Ok(())
            });
            rows.unwrap();
            batch
        };
        let batches = PATIENTS.map(|patient| (patient, writer.new_batch()()));
        let filled = std::thread::scope(|scope| {
            let threads = batches.map(|(patient, batch)| scope.spawn(|| filled(patient, batch)));
            threads.map(|thread| thread.join().unwrap())
        });
        for mut batch in filled {
            assert_eq!(batch.rows(), 1);
            writer.append(&mut batch).unwrap();
            assert_eq!((batch.rows(), batch.bytes()), (0, 0));
        }
        writer.finish().unwrap();
        if format != ViewFormat::Parquet {
            assert_eq!(out, written(VIEW, &PATIENTS, format), "{name}");
        }
    }
}

#[test]
fn a_batch_keeps_its_first_rows() {
    for name in ViewFormat::names() {
        let format = ViewFormat::named(name).unwrap();
        for kept in (0..=PATIENTS.len() + 1).filter(|_| format != ViewFormat::Parquet) {
            let few = &PATIENTS[..kept.min(PATIENTS.len())];
            let found = written_first(VIEW, &PATIENTS, format, kept as u64);
            assert_eq!(found, written(VIEW, few, format), "{name} {kept}");
        }
    }
}

/// An output that takes nothing.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_output_that_ends_is_an_error_of_the_system() {
    let view = ViewDefinition::read(&Tree::parse(VIEW).unwrap()).unwrap();
    for name in ViewFormat::names() {
        let format = ViewFormat::named(name).unwrap();
        if format.check_built().is_err() {
            continue;
        }
        let fault = ViewWriter::new(format, view.columns(), Closed).and_then(ViewWriter::finish);
        if let Err(error) = fault {
            assert_eq!(error.kind(), Kind::Io, "{name}: {error}");
            assert!(error.is_broken_pipe(), "{name}: {error}");
        } else {
            // Nothing was written.
            assert_eq!(name, "ndjson");
        }
    }
}
