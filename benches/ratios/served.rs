//! The rows of a server: downloads beside nginx, exports beside reading every body once.

use std::fs::File;

use super::sample::{Result, Series, Work, in_turns};
use super::server::Server;
use super::sizes::{Bench, Size};
use super::table::{Ask, Table};
use super::{memory, nginx, python, searches};

/// Measures a server of one size. `kick_off` is the first size's kick-off, once it was measured.
pub fn table(bench: &Bench, size: &Size, kick_off: &mut Option<Series>) -> Result<Table> {
    let mut table = Table::of_asks();
    let server = Server::start(bench, &size.path("store.db"))?;
    downloads(bench, size, &server, &mut table)?;
    exports(bench, size, &server, &mut table)?;
    let patient = a_patient(&server)?;
    small_exports(bench, &server, (&patient, kick_off), &mut table)?;
    table.extend(searches::table(bench, size, &server, &patient)?);
    drop(server);
    table.extend(memory::table(bench, size)?);
    Ok(table)
}

/// The largest file, as it is and as gzip.
fn downloads(bench: &Bench, size: &Size, server: &Server, table: &mut Table) -> Result<()> {
    let folder = size.path("nginx");
    std::fs::create_dir(&folder)?;
    let file = server.export("/fhir/$export?_type=Observation")?;
    let (_, path) = file.first().ok_or("no file")?;
    server.download(path, "", &mut File::create(folder.join("file.ndjson"))?)?;
    let bytes = std::fs::metadata(folder.join("file.ndjson"))?.len();
    let nginx = nginx::version().map(|_| nginx::start(&folder)).transpose()?;
    let megabytes = bytes as f64 / 1e6;
    for (what, headers, beside, least) in [
        ("download one file", "", "nginx, sendfile", 0.9),
        ("the same, gzip on the fly", "Accept-Encoding: gzip\r\n", "nginx, gzip level 1", 1.5),
    ] {
        let mut works: Vec<Work<'_>> = vec![Box::new(|| server.measured_download(path, headers))];
        if let Some(nginx) = &nginx {
            works.push(Box::new(|| nginx.measured_download("/file.ndjson", headers)));
        }
        let series = in_turns(bench.rounds, works)?;
        let what = format!("{what} of {megabytes:.0} MB");
        match &series[..] {
            [ours, other] => table.add(
                (&what, ours),
                Some((beside, other)),
                (other.wall() / ours.wall(), " ×"),
                Ask::AtLeast(least),
            ),
            _ => table.add_missing(&what, "nginx"),
        }
    }
    Ok(())
}

/// Exports that read much, to their manifests.
fn exports(bench: &Bench, size: &Size, server: &Server, table: &mut Table) -> Result<()> {
    let store = size.path("store.db");
    let exports = [
        ("/fhir/Patient/$export", "/fhir/Patient/$export", 1.5),
        ("the same, organized by patient", "/fhir/Patient/$export?organizeOutputBy=Patient", 3.0),
        ("/fhir/$export?_elements=id", "/fhir/$export?_elements=id", 2.0),
    ];
    let has_python = python::Loader::Sqlite.is_there();
    let mut works: Vec<Work<'_>> = Vec::new();
    for (_, path, _) in &exports {
        works.push(Box::new(|| server.measured_export(path)));
    }
    if has_python {
        works.push(Box::new(|| python::read_bodies(&store)));
    }
    let series = in_turns(bench.rounds, works)?;
    for ((what, _, most), ours) in exports.iter().zip(&series) {
        let what = format!("{what}, to its manifest");
        match series.get(exports.len()) {
            Some(read) => table.add(
                (&what, ours),
                Some(("every body read by Python's SQLite", read)),
                (ours.wall() / read.wall(), " ×"),
                Ask::AtMost(*most),
            ),
            None => table.add_missing(&what, "Python"),
        }
    }
    Ok(())
}

/// Exports that read little.
fn small_exports(
    bench: &Bench,
    server: &Server,
    (patient, first): (&str, &mut Option<Series>),
    table: &mut Table,
) -> Result<()> {
    let one = format!("/fhir/Patient/{patient}/$export");
    let series = in_turns(
        bench.rounds,
        vec![
            Box::new(|| server.measured_export(&one)),
            Box::new(|| server.measured_export("/fhir/$export")),
        ],
    )?;
    let [one_patient, kick_off] = &series[..] else { return Err("two works".into()) };
    let milliseconds = one_patient.wall() * 1e3;
    table.add(
        ("one patient among all, to its manifest", one_patient),
        None,
        (milliseconds, " ms"),
        Ask::AtMost(10.0),
    );
    let what = "kick-off to manifest, unfiltered";
    match first {
        None => {
            table.add((what, kick_off), None, (kick_off.wall() * 1e3, " ms"), Ask::Nothing);
            *first = Some(kick_off.clone());
        }
        Some(first) => table.add(
            (what, kick_off),
            Some(("the first size", first)),
            (kick_off.wall() / first.wall(), " ×"),
            Ask::AtMost(1.5),
        ),
    }
    Ok(())
}

/// The id of a patient: the first line of the file of Patients.
pub fn a_patient(server: &Server) -> Result<String> {
    let files = server.export("/fhir/$export?_type=Patient")?;
    let (_, path) = files.first().ok_or("no patients")?;
    let mut lines = Vec::new();
    server.download(path, "", &mut lines)?;
    let line = lines.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let patient: serde_json::Value = serde_json::from_slice(line)?;
    Ok(patient["id"].as_str().ok_or("no id")?.to_owned())
}
