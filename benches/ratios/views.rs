//! The rows of views: ten columns of Observations as CSV, beside reading the bodies, DuckDB and the JavaScript reference.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::data;
use super::python::{self, Loader};
use super::sample::{Result, Sample, Work, in_turns, measured, run};
use super::sizes::Bench;
use super::table::{Ask, Table};

/// The view: what a client would write.
const VIEW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/observation.json");
/// The same columns of the same NDJSON, by DuckDB.
const DUCKDB: &str = r#"
import duckdb, sys
def key(element, of):
    return f"regexp_extract(json ->> '$.{element}.reference', '^{of}/([^/]+)$', 1)"
duckdb.execute(f"""COPY (SELECT json ->> '$.id' AS id, {key('subject', 'Patient')} AS patient, {key('encounter', 'Encounter')} AS encounter,
    json ->> '$.status' AS status, json ->> '$.category[0].coding[0].code' AS category, json ->> '$.code.coding[0].code' AS code,
    json ->> '$.code.coding[0].display' AS display, json ->> '$.effectiveDateTime' AS effective,
    json ->> '$.valueQuantity.value' AS value, json ->> '$.valueQuantity.unit' AS unit
    FROM read_ndjson_objects('{sys.argv[1]}', maximum_object_size = 67108864)) TO '{sys.argv[2]}' (FORMAT csv, HEADER)""")
"#;
/// The same view by the JavaScript reference, sof-js of https://github.com/FHIR/sql-on-fhir-v2.
const REFERENCE: &str = r#"
import fs from 'node:fs'
const [folder, view, lines] = process.argv.slice(1)
const { evaluate } = await import(folder + '/src/index.js')
const resources = fs.readFileSync(lines, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
const rows = evaluate(JSON.parse(fs.readFileSync(view)), resources)
if (rows.length !== resources.length) throw new Error(`${rows.length} rows`)
process.stdout.write(rows.map((row) => Object.values(row).join(',')).join('\n'))
"#;
/// How many Observations the reference gets: it takes milliseconds for each.
const FEW: usize = 2000;

/// Measures the view over the Observations of about so many resources.
pub fn table(bench: &Bench, resources: usize) -> Result<Table> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let lines = bench.generated(resources, &at("by-type"))?.join("Observation.ndjson");
    let count = data::lines(&lines)?;
    let (store, few) = (at("store.db"), at("few.ndjson"));
    run(bench.command("import", &store).arg(&lines).arg("--quiet"))?;
    let few_count = head(&lines, &few, FEW)?;

    let (has_sqlite, has_duckdb) = (Loader::Sqlite.is_there(), Loader::DuckDb.is_there());
    let reference = std::env::var("SOF_JS").ok();
    let mut works: Vec<Work<'_>> = vec![Box::new(|| rows(bench, &store, &at("rows.csv")))];
    if has_sqlite {
        works.push(Box::new(|| python::read_bodies_of(&store, "Observation")));
    }
    if has_duckdb {
        works.push(Box::new(|| {
            measured(python::python(DUCKDB).arg(&lines).arg(at("duck.csv")).stdout(Stdio::null()))
        }));
    }
    if let Some(folder) = &reference {
        works.push(Box::new(|| {
            let mut node = Command::new("node");
            node.args(["--input-type=module", "--eval", REFERENCE, folder, VIEW]).arg(&few);
            measured(node.stdout(Stdio::null()))
        }));
    }
    let mut series = in_turns(bench.rounds, works)?.into_iter();
    let ours = series.next().ok_or("no rounds")?;
    let mut next = |is_there: bool| if is_there { series.next() } else { None };
    let (bodies, duck, js) = (next(has_sqlite), next(has_duckdb), next(reference.is_some()));
    let mut table = Table::of_asks();
    let what = format!("ten columns of {count} Observations as CSV");
    let name = "their bodies read by Python's SQLite";
    match &bodies {
        Some(other) => {
            let figure = (ours.wall() / other.wall(), " ×");
            table.add((&what, &ours), Some((name, other)), figure, Ask::AtMost(2.0));
        }
        None => table.add_missing(&what, name),
    }
    match &duck {
        Some(other) => {
            let figure = (other.wall() / ours.wall(), " ×");
            table.add((&what, &ours), Some(("DuckDB", other)), figure, Ask::AtLeast(3.0));
        }
        None => table.add_missing(&what, "DuckDB"),
    }
    let name = format!("sof-js, {few_count} of them; rate");
    match &js {
        Some(other) => {
            let rate = (other.wall() / few_count as f64) / (ours.wall() / count as f64);
            table.add((&what, &ours), Some((&name, other)), (rate, " ×"), Ask::AtLeast(3.0));
        }
        None => table.add_missing(&what, "sof-js"),
    }
    let megabytes = ours.peak() as f64 / 1e6;
    table.add(("memory of that", &ours), None, (megabytes, " MB"), Ask::AtMost(128.0));
    Ok(table)
}

/// Writes the rows of the view into a file, and measures that.
fn rows(bench: &Bench, store: &Path, to: &Path) -> Result<Sample> {
    let mut command = Command::new(&bench.fhirlite);
    measured(command.args(["view", "run"]).arg(store).arg(VIEW).stdout(File::create(to)?))
}

/// Copies the first lines of a file; how many.
fn head(from: &Path, to: &Path, most: usize) -> Result<usize> {
    let (mut out, mut count) = (BufWriter::new(File::create(to)?), 0);
    for line in BufReader::new(File::open(from)?).lines().take(most) {
        writeln!(out, "{}", line?)?;
        count += 1;
    }
    out.flush()?;
    Ok(count)
}
