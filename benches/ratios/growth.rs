//! How cost grows with size: the exponent of each step. 1 is in proportion to size, 0 is the same at every size.

use super::sample::{Result, Series, in_turns};
use super::served::a_patient;
use super::server::Server;
use super::sizes::{Bench, Size};
use super::table::{Table, number};

const WORKS: [&str; 6] = [
    "import one NDJSON file",
    "import it again",
    "/fhir/$export, to its manifest",
    "/fhir/Patient/$export, to its manifest",
    "one patient, to its manifest",
    "memory of the import, MB",
];

/// Measures at `first` resources, and at 4 and 16 times as many.
pub fn table(bench: &Bench, first: usize) -> Result<Table> {
    let mut sizes = Vec::new();
    for resources in [first, first * 4, first * 16] {
        let size = Size::make(bench, resources)?;
        sizes.push((size.resources as f64, costs(bench, &size)?));
    }
    let heads: Vec<String> = sizes.iter().map(|(count, _)| format!("{count} resources")).collect();
    let [one, four, sixteen] = &heads[..] else { return Err("three sizes".into()) };
    let mut table = Table::new(&["seconds", one, four, "exponent", sixteen, "exponent"]);
    for (at, what) in WORKS.iter().enumerate() {
        let mut cells = vec![(*what).to_owned(), number(sizes[0].1[at])];
        for step in sizes.windows(2) {
            let ((small, less), (large, more)) = (&step[0], &step[1]);
            cells.push(number(more[at]));
            cells.push(format!("{:.2}", exponent(large / small, more[at] / less[at])));
        }
        table.push(cells);
    }
    Ok(table)
}

/// The power of `size` that `cost` is.
pub fn exponent(size: f64, cost: f64) -> f64 {
    cost.ln() / size.ln()
}

/// What each of [`WORKS`] costs at one size.
fn costs(bench: &Bench, size: &Size) -> Result<[f64; 6]> {
    let store = size.path("store.db");
    let imports = in_turns(
        bench.rounds,
        vec![
            Box::new(|| bench.import(&store, &size.one_file, true)),
            Box::new(|| bench.import(&store, &size.one_file, false)),
        ],
    )?;
    let server = Server::start(bench, &store)?;
    let one = format!("/fhir/Patient/{}/$export", a_patient(&server)?);
    let exports = in_turns(
        bench.rounds,
        vec![
            Box::new(|| server.measured_export("/fhir/$export")),
            Box::new(|| server.measured_export("/fhir/Patient/$export")),
            Box::new(|| server.measured_export(&one)),
        ],
    )?;
    let wall = |series: &[Series], at: usize| series[at].wall();
    Ok([
        wall(&imports, 0),
        wall(&imports, 1),
        wall(&exports, 0),
        wall(&exports, 1),
        wall(&exports, 2),
        imports[0].peak() as f64 / 1e6,
    ])
}
