//! The rows of imports: beside SQLite alone, DuckDB and sqlite-utils, and in other forms of the same data.

use super::python::Loader;
use std::path::Path;
use std::process::Stdio;

use super::sample::{Result, Sample, Series, Work, in_turns, run};
use super::sizes::{Bench, Size};
use super::table::{Ask, Table};

/// The size up to which a store counts as middling: a further import is asked to be faster there.
const MIDDLING: usize = 1_000_000;

/// Measures the imports of one size.
pub fn table(bench: &Bench, size: &Size) -> Result<Table> {
    let mut table = Table::of_asks();
    let one_file = beside_loaders(bench, size, &mut table)?;
    with_views(bench, size, &mut table)?;
    in_other_forms(bench, size, &one_file, &mut table)?;
    into_a_store(bench, size, &mut table)?;
    Ok(table)
}

/// One file, new and again; the series of the new ones.
fn beside_loaders(bench: &Bench, size: &Size, table: &mut Table) -> Result<Series> {
    let store = size.path("store.db");
    let loaded = |loader: Loader, name: &str| -> Result<Sample> {
        let to = size.path(name);
        let sample = loader.load(&size.one_file, &to)?;
        std::fs::remove_file(to)?;
        Ok(sample)
    };
    let others = [
        (Loader::Sqlite, "SQLite alone", "sqlite.db"),
        (Loader::DuckDb, "DuckDB", "duck.db"),
        (Loader::SqliteUtils, "sqlite-utils", "utils.db"),
    ];
    let there: Vec<bool> = others.iter().map(|(loader, ..)| loader.is_there()).collect();
    let mut works: Vec<Work<'_>> = vec![
        Box::new(|| bench.import(&store, &size.one_file, true)),
        Box::new(|| bench.import(&store, &size.one_file, false)),
    ];
    for ((loader, _, name), _) in others.iter().zip(&there).filter(|(_, is_there)| **is_there) {
        works.push(Box::new(move || loaded(*loader, name)));
    }
    let mut series = in_turns(bench.rounds, works)?.into_iter();
    let (Some(new), Some(again)) = (series.next(), series.next()) else {
        return Err("no rounds".into());
    };
    let mut found = there.iter().map(|is_there| if *is_there { series.next() } else { None });
    let what = "import one NDJSON file";
    let sqlite = found.next().flatten();
    for ((_, name, _), other) in others.iter().zip([sqlite.clone()].into_iter().chain(found)) {
        let Some(other) = other else {
            table.add_missing(what, name);
            continue;
        };
        let (figure, ask) = match *name {
            "SQLite alone" => (new.wall() / other.wall(), Ask::AtMost(2.0)),
            "DuckDB" => (other.wall() / new.wall(), Ask::AtLeast(1.5)),
            _ => (other.wall() / new.wall(), Ask::Nothing),
        };
        table.add((what, &new), Some((name, &other)), (figure, " ×"), ask);
    }
    let what = "import it again, nothing changes";
    match &sqlite {
        Some(other) => table.add(
            (what, &again),
            Some(("SQLite alone", other)),
            (again.wall() / other.wall(), " ×"),
            Ask::AtMost(1.3),
        ),
        None => table.add_missing(what, "SQLite alone"),
    }
    Ok(new)
}

/// One file into a store that keeps the tables of three views.
fn with_views(bench: &Bench, size: &Size, table: &mut Table) -> Result<()> {
    let (plain, kept) = (size.path("plain.db"), size.path("views.db"));
    let with_tables = || -> Result<Sample> {
        if kept.exists() {
            std::fs::remove_file(&kept)?;
        }
        let mut made = bench.command("client", Path::new("add"));
        run(made.arg(&kept).args(["--client-id", "a"]).stdout(Stdio::null()))?;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("views");
        let views = ["observation", "observation_component", "blood_pressure"];
        let views = views.map(|name| folder.join(format!("{name}.json")));
        let mut added = bench.command("view", Path::new("add"));
        run(added.arg(&kept).args(views).stdout(Stdio::null()))?;
        bench.import(&kept, &size.one_file, false)
    };
    let series = in_turns(
        bench.rounds,
        vec![Box::new(|| bench.import(&plain, &size.one_file, true)), Box::new(with_tables)],
    )?;
    let [without, with] = &series[..] else { return Err("two works".into()) };
    table.add(
        ("import with three views of Observations", with),
        Some(("without views", without)),
        (with.wall() / without.wall(), " ×"),
        Ask::AtMost(1.3),
    );
    std::fs::remove_file(plain)?;
    Ok(std::fs::remove_file(kept)?)
}

fn in_other_forms(bench: &Bench, size: &Size, one_file: &Series, table: &mut Table) -> Result<()> {
    let store = size.path("other.db");
    let series = in_turns(
        bench.rounds,
        vec![
            Box::new(|| bench.import(&store, &size.by_type, true)),
            Box::new(|| bench.import(&store, &size.bundles, true)),
            Box::new(|| bench.import(&store, &size.singles, true)),
        ],
    )?;
    let [folder, bundles, singles] = &series[..] else { return Err("three works".into()) };
    let beside = Some(("one NDJSON file", one_file));
    table.add(
        (&format!("import a folder of {} files", size.types), folder),
        beside,
        (folder.wall() / one_file.wall(), " ×"),
        Ask::AtMost(1.15),
    );
    let rate = |bytes: u64, series: &Series| bytes as f64 / series.wall();
    table.add(
        ("import Bundles, one per patient; rate per byte", bundles),
        beside,
        (rate(size.bundle_bytes, bundles) / rate(size.bytes, one_file), " ×"),
        Ask::AtLeast(0.6),
    );
    let ask = if size.single_files > 10_000 { Ask::AtMost(3.0) } else { Ask::Nothing };
    table.add(
        (&format!("import {} files of one resource", size.single_files), singles),
        None,
        (singles.wall(), " s"),
        ask,
    );
    std::fs::remove_file(&store)?;
    let store = std::fs::metadata(size.path("store.db"))?.len();
    table.add(
        ("size of the store beside the NDJSON", &Series::default()),
        None,
        (store as f64 / size.bytes as f64, " ×"),
        Ask::AtMost(1.25),
    );
    Ok(())
}

/// A tenth as many resources of other patients, into an empty store and into that of this size.
fn into_a_store(bench: &Bench, size: &Size, table: &mut Table) -> Result<()> {
    let (empty, full) = (size.path("empty.db"), size.path("full.db"));
    let into_full = || -> Result<Sample> {
        std::fs::copy(size.path("store.db"), &full)?;
        std::fs::File::open(&full)?.sync_all()?;
        bench.import(&full, &size.more, false)
    };
    let series = in_turns(
        bench.rounds,
        vec![Box::new(|| bench.import(&empty, &size.more, true)), Box::new(into_full)],
    )?;
    let [alone, added] = &series[..] else { return Err("two works".into()) };
    table.add(
        (&format!("import more into a store of {}; rate", size.resources), added),
        Some(("into an empty one", alone)),
        (alone.wall() / added.wall(), " ×"),
        Ask::AtLeast(if size.resources > MIDDLING { 0.7 } else { 0.8 }),
    );
    std::fs::remove_file(empty)?;
    Ok(std::fs::remove_file(full)?)
}
