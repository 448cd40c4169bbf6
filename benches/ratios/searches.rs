//! The rows of searches: beside reading the bodies alone, and beside exports of the same type.

use std::process::Stdio;

use super::python;
use super::sample::{Result, Work, in_turns, run};
use super::server::Server;
use super::sizes::{Bench, Size};
use super::table::{Ask, Table};

/// A code that many Observations have: the heart rate.
const CODE: &str = "http://loinc.org%7C8867-4";
/// Milliseconds that a search by what is looked up may take.
const AT_ONCE: f64 = 5.0;

/// Measures searches of a server.
pub fn table(bench: &Bench, size: &Size, server: &Server, patient: &str) -> Result<Table> {
    let mut table = Table::of_asks();
    scans(bench, size, server, &mut table)?;
    filters(bench, server, &mut table)?;
    let of_patient = format!("/fhir/Observation?patient={patient}&code={CODE}");
    first_page(
        bench,
        server,
        ("one patient's results by a code, first page", &of_patient),
        &mut table,
    )?;
    let store = size.path("store.db");
    run(bench.command("index", &store).args(["Observation", "code"]).stdout(Stdio::null()))?;
    let by_code = format!("/fhir/Observation?code={CODE}");
    first_page(bench, server, ("results by an indexed code, first page", &by_code), &mut table)?;
    Ok(table)
}

/// All Observations with a code, counted.
fn scans(bench: &Bench, size: &Size, server: &Server, table: &mut Table) -> Result<()> {
    let store = size.path("store.db");
    let path = format!("/fhir/Observation?code={CODE}&_count=0");
    let mut works: Vec<Work<'_>> = vec![Box::new(|| server.measured_download(&path, ""))];
    if python::Loader::Sqlite.is_there() {
        works.push(Box::new(|| python::read_bodies_of(&store, "Observation")));
    }
    let what = "all results by a code, not indexed, counted";
    match &in_turns(bench.rounds, works)?[..] {
        [ours, read] => table.add(
            (what, ours),
            Some(("their bodies read by Python's SQLite", read)),
            (ours.wall() / read.wall(), " ×"),
            Ask::AtMost(1.5),
        ),
        _ => table.add_missing(what, "Python"),
    }
    Ok(())
}

/// An export that a code filters.
fn filters(bench: &Bench, server: &Server, table: &mut Table) -> Result<()> {
    let filter = format!("Observation%3Fcode%3D{CODE}");
    let filtered = format!("/fhir/$export?_type=Observation&_typeFilter={filter}");
    let whole = "/fhir/$export?_type=Observation&_elements=id";
    let series = in_turns(
        bench.rounds,
        vec![
            Box::new(|| server.measured_export(&filtered)),
            Box::new(|| server.measured_export(whole)),
        ],
    )?;
    let [ours, beside] = &series[..] else { return Err("two works".into()) };
    table.add(
        ("the same as a _typeFilter, to its manifest", ours),
        Some(("all results, _elements=id", beside)),
        (ours.wall() / beside.wall(), " ×"),
        Ask::AtMost(2.0),
    );
    Ok(())
}

/// A page of a search by what is looked up.
fn first_page(
    bench: &Bench,
    server: &Server,
    (what, path): (&str, &str),
    table: &mut Table,
) -> Result<()> {
    let series = in_turns(bench.rounds, vec![Box::new(|| server.measured_download(path, ""))])?;
    let [ours] = &series[..] else { return Err("one work".into()) };
    table.add((what, ours), None, (ours.wall() * 1e3, " ms"), Ask::AtMost(AT_ONCE));
    Ok(())
}
