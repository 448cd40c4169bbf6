//! Generates synthetic FHIR R4 data, to try and to measure fhirlite with.
//!
//! Everything in it is invented, and everything follows from the seed: the
//! same seed and number of patients give the same bytes on any machine and
//! day. Patients are written as they are made, so memory does not grow with
//! their number.

mod billing;
mod care;
mod chart;
mod codes;
mod groups;
mod growth;
mod json;
mod laboratory;
mod medication;
mod names;
mod observations;
mod output;
mod person;
mod random;
mod resource;
mod social;
mod surroundings;
mod time;
mod vaccinations;
mod visits;
mod vitals;
mod world;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use crate::chart::{Chart, FULL, LONG, SMALL, Setting};
use crate::groups::Groups;
use crate::output::{Bundle, Ndjson, Tally, empty_folder};
use crate::resource::Style;
use crate::world::{PATIENTS_PER_REGION, Payers, Region};

/// Generate synthetic FHIR R4 data: the same seed gives the same bytes.
///
/// About 140 resources and 140 kB of NDJSON per patient. The first patients of
/// a large data set are the same as those of a small one with the same seed.
#[derive(Parser)]
#[command(
    name = "generate",
    after_help = "Examples:\n  \
        generate --patients 5000 --format ndjson --out /tmp/export\n  \
        generate --patients 100 --seed 7 --format bundles --out /tmp/bundles\n  \
        generate --sample examples/data"
)]
struct Args {
    /// How many patients to make.
    #[arg(
        long,
        value_name = "N",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000),
        required_unless_present = "sample"
    )]
    patients: Option<u64>,

    /// Any number; other seeds give other people.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// How to write the data.
    #[arg(long, value_enum, default_value_t = Format::Ndjson)]
    format: Format,

    /// The folder to write to: a new or an empty one.
    #[arg(long, value_name = "DIR", required_unless_present = "sample")]
    out: Option<PathBuf>,

    /// Write the small sample of 25 patients in mixed forms to this folder.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["patients", "format", "out"])]
    sample: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One file per type, with ids and times, as a server exports it.
    Ndjson,
    /// One transaction Bundle per patient, and batches of hospitals and
    /// practitioners to be loaded first.
    Bundles,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("generate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> io::Result<()> {
    let mut tally = Tally::default();
    if let Some(folder) = &args.sample {
        empty_folder(folder)?;
        write_sample(folder, args.seed, &mut tally)?;
    }
    if let (Some(patients), Some(folder)) = (args.patients, &args.out) {
        empty_folder(folder)?;
        match args.format {
            Format::Ndjson => write_ndjson(folder, args.seed, patients, &mut tally)?,
            Format::Bundles => write_bundles(folder, args.seed, patients, &mut tally)?,
        }
    }
    tally.print(&mut io::stderr().lock())
}

fn write_ndjson(folder: &Path, seed: u64, patients: u64, tally: &mut Tally) -> io::Result<()> {
    let style = Style::Plain;
    let mut files = Ndjson::new(folder, None);
    let mut groups = Groups::default();
    let payers = Payers::new(seed, style);
    files.write(&payers.resources, tally)?;
    for (index, members) in regions(patients) {
        let region = Region::new(seed, index, style);
        files.write(&region.hospitals, tally)?;
        files.write(&region.staff, tally)?;
        let setting = Setting { seed, style, volume: &FULL, region: &region, payers: &payers };
        for patient in members {
            let chart = Chart::new(&setting, patient);
            files.write(&chart.resources, tally)?;
            groups.add(&chart.person);
        }
    }
    let owner = Region::new(seed, 0, style);
    files.write(&groups.resources(seed, style, &owner), tally)?;
    files.finish()
}

fn write_bundles(folder: &Path, seed: u64, patients: u64, tally: &mut Tally) -> io::Result<()> {
    let shared = Style::Bundle { ids: true };
    let payers = Payers::new(seed, shared);
    write_world(folder, seed, patients, &payers, tally)?;
    let mut groups = Groups::default();
    for (index, members) in regions(patients) {
        let region = Region::new(seed, index, shared);
        for patient in members {
            let setting = Setting {
                seed,
                style: patient_style(patient),
                volume: &FULL,
                region: &region,
                payers: &payers,
            };
            let chart = Chart::new(&setting, patient);
            let name = format!("{}_{}.json", chart.person.file_name(), chart.person.id);
            write_bundle(&folder.join(name), &chart, tally)?;
            groups.add(&chart.person);
        }
    }
    // The name sorts after those of the patients, who have to be there first.
    let owner = Region::new(seed, 0, shared);
    let mut bundle = Bundle::create(&folder.join("zz-groups.json"), "transaction")?;
    bundle.write(&groups.resources(seed, shared, &owner), tally)?;
    bundle.finish()
}

/// The data that is kept in the repository. Patients in Bundles come first;
/// the groups have only those of the NDJSON files as members, as the others
/// have ids of their own just in half of the files.
fn write_sample(folder: &Path, seed: u64, tally: &mut Tally) -> io::Result<()> {
    const PATIENTS: u64 = 25;
    const IN_BUNDLES: u64 = 8;
    const WITH_LONG_HISTORIES: [u64; 3] = [0, 8, 16];

    let lines = folder.join("ndjson");
    let bundles = folder.join("patients");
    fs::create_dir(&lines)?;
    fs::create_dir(&bundles)?;

    let shared = Style::Bundle { ids: true };
    let payers = Payers::new(seed, shared);
    let region = Region::new(seed, 0, shared);
    write_world(folder, seed, PATIENTS, &payers, tally)?;
    let setting = |patient: u64, style| {
        let volume = if WITH_LONG_HISTORIES.contains(&patient) { &LONG } else { &SMALL };
        Setting { seed, style, volume, region: &region, payers: &payers }
    };
    for patient in 0..IN_BUNDLES {
        let chart = Chart::new(&setting(patient, patient_style(patient)), patient);
        let name = format!("{}.json", chart.person.file_name());
        write_bundle(&bundles.join(name), &chart, tally)?;
    }

    let mut files = Ndjson::new(&lines, Some("Observation"));
    let mut groups = Groups::default();
    for patient in IN_BUNDLES..PATIENTS {
        let chart = Chart::new(&setting(patient, Style::Plain), patient);
        files.write(&chart.resources, tally)?;
        groups.add(&chart.person);
    }
    files.write(&groups.resources(seed, Style::Plain, &region), tally)?;
    files.finish()
}

/// The batches that have to be loaded before the patients.
fn write_world(
    folder: &Path,
    seed: u64,
    patients: u64,
    payers: &Payers,
    tally: &mut Tally,
) -> io::Result<()> {
    let style = Style::Bundle { ids: true };
    let mut hospitals = Bundle::create(&folder.join("0-hospitals.json"), "batch")?;
    let mut practitioners = Bundle::create(&folder.join("0-practitioners.json"), "batch")?;
    hospitals.write(&payers.resources, tally)?;
    for (index, _) in regions(patients) {
        let region = Region::new(seed, index, style);
        hospitals.write(&region.hospitals, tally)?;
        practitioners.write(&region.staff, tally)?;
    }
    hospitals.finish()?;
    practitioners.finish()
}

fn write_bundle(path: &Path, chart: &Chart<'_>, tally: &mut Tally) -> io::Result<()> {
    let mut bundle = Bundle::create(path, "transaction")?;
    bundle.write(&chart.resources, tally)?;
    bundle.finish()
}

/// Some tools give ids to the resources of their Bundles, others do not.
fn patient_style(patient: u64) -> Style {
    Style::Bundle { ids: patient.is_multiple_of(2) }
}

/// The regions, with the numbers of the patients who live there.
fn regions(patients: u64) -> impl Iterator<Item = (u64, Range<u64>)> {
    (0..patients.div_ceil(PATIENTS_PER_REGION)).map(move |index| {
        let first = index * PATIENTS_PER_REGION;
        (index, first..patients.min(first + PATIENTS_PER_REGION))
    })
}
