//! `cargo bench`: what fhirlite does, beside the limits of the machine and beside other programs on the same bytes.
//!
//! It prints one table for each size: ratios count, since seconds mean nothing on another machine. A program that is not
//! there is named as missing; nothing is installed.

mod data;
mod growth;
mod imports;
mod machine;
mod memory;
mod nginx;
mod python;
mod sample;
mod searches;
mod served;
mod server;
mod sizes;
mod table;
mod views;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sample::{Result, run};
use sizes::{Bench, Size};

const USAGE: &str = "cargo bench -- [OPTIONS]
  (nothing)        100,000 and 600,000 resources
  --large          10,000,000 resources as well (70 GB of disk, and an hour)
  --resources N    N resources alone
  --rounds N       medians of N rounds, not of 5
  --growth         how cost grows with size, at 1, 4 and 16 times as many resources
  --views          rows of a view of 480,000 Observations, or of those among N resources
  --markdown       the tables of docs/performance.md
The variable PYTHON names a Python that has duckdb and sqlite-utils, SOF_JS the folder of sof-js.";

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (mut resources, mut rounds) = (vec![100_000, 600_000], 5);
    let (mut is_growth, mut is_markdown, mut is_views) = (false, false, false);
    while let Some(argument) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|text| text.parse::<usize>().ok()).ok_or(USAGE);
        match argument.as_str() {
            "--large" => resources.push(10_000_000),
            "--resources" => resources = vec![number()?],
            "--rounds" => rounds = number()?.max(1),
            "--growth" => is_growth = true,
            "--views" => is_views = true,
            "--markdown" => is_markdown = true,
            _ => return Err(USAGE.into()),
        }
    }
    let bench = Bench {
        fhirlite: env!("CARGO_BIN_EXE_fhirlite").into(),
        generate: generator()?,
        rounds,
        has_pace: true,
    };
    let style = if is_markdown { table::Style::Markdown } else { table::Style::Text };
    println!("{}\n", machine::described(&bench));
    if is_growth {
        let first = *resources.first().unwrap_or(&100_000);
        print!("{}", growth::table(&bench, first)?.text(style));
        return Ok(());
    }
    if is_views {
        // Of 100 resources 65 are Observations.
        let resources = if resources.len() == 1 { resources[0] } else { 740_000 };
        print!("{}", views::table(&bench, resources)?.text(style));
        return Ok(());
    }
    let mut kick_off = None;
    for resources in resources {
        let size = Size::make(&bench, resources)?;
        println!("{}\n", size.described());
        let mut table = imports::table(&bench, &size)?;
        table.extend(served::table(&bench, &size, &mut kick_off)?);
        println!("{}", table.text(style));
    }
    Ok(())
}

/// Builds the program that makes the data, as fhirlite was built.
fn generator() -> Result<PathBuf> {
    let fhirlite = PathBuf::from(env!("CARGO_BIN_EXE_fhirlite"));
    let folder = fhirlite.parent().and_then(|folder| folder.file_name()?.to_str());
    let profile = folder.filter(|name| *name != "debug").unwrap_or("dev");
    run(Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", profile, "--example", "generate"])
        .stderr(Stdio::inherit()))?;
    Ok(fhirlite.with_file_name("examples").join("generate"))
}
