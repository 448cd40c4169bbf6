//! docs/performance.md tells what `cargo bench` does, and the bench runs. Its figures are not judged here.

#[path = "../../benches/ratios/data.rs"]
mod data;
#[path = "../../benches/ratios/growth.rs"]
mod growth;
#[path = "../../benches/ratios/imports.rs"]
mod imports;
#[path = "../../benches/ratios/machine.rs"]
mod machine;
#[path = "../../benches/ratios/memory.rs"]
mod memory;
#[path = "../../benches/ratios/nginx.rs"]
mod nginx;
#[path = "../../benches/ratios/python.rs"]
mod python;
#[path = "../../benches/ratios/sample.rs"]
mod sample;
#[path = "../../benches/ratios/searches.rs"]
mod searches;
#[path = "../../benches/ratios/served.rs"]
mod served;
#[path = "../../benches/ratios/server.rs"]
mod server;
#[path = "../../benches/ratios/sizes.rs"]
mod sizes;
#[path = "../../benches/ratios/table.rs"]
mod table;
#[path = "../../benches/ratios/views.rs"]
mod views;

use std::path::Path;
use std::process::Command;

use sizes::{Bench, Size};
use table::{Ask, Style, Table};

use super::{page, section};
use crate::support::{FHIRLITE, project};

/// The bench, to be done once and as quickly as possible.
fn bench() -> Bench {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "generate"])
        .current_dir(project())
        .status();
    assert!(built.unwrap().success());
    Bench {
        fhirlite: FHIRLITE.into(),
        generate: Path::new(FHIRLITE).with_file_name("examples").join("generate"),
        rounds: 1,
        has_pace: false,
    }
}

/// The first cells of a Markdown table, without numbers, which are other ones on each machine.
fn works(lines: &[&str]) -> Vec<String> {
    let rows = lines.iter().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let nameless = |cell: &str| cell.chars().filter(|c| !c.is_ascii_digit()).collect();
    rows.filter(|cell| *cell != "---").map(nameless).collect()
}

#[test]
fn the_bench_prints_the_rows_that_the_page_shows() {
    let bench = bench();
    let size = Size::make(&bench, 2000).unwrap();
    let mut table = imports::table(&bench, &size).unwrap();
    table.extend(served::table(&bench, &size, &mut None).unwrap());
    let printed = table.text(Style::Markdown);
    let text = page("docs/performance.md");
    let shown = section(&text, "## Ratios");
    let end = shown.iter().position(|line| line.starts_with("What each row is")).unwrap();
    let printed: Vec<_> = printed.lines().collect();
    assert_eq!(works(&shown[..end]), works(&printed));
    // The columns that do not depend on other programs are filled.
    assert!(size.described().contains(" resources: "));
    let import: Vec<_> = printed[2].split(" | ").collect();
    assert!(import[1].contains('–') && !import[2].is_empty(), "{import:?}");
}

#[test]
fn the_bench_prints_how_cost_grows_as_the_page_shows_it() {
    let printed = growth::table(&bench(), 300).unwrap().text(Style::Markdown);
    let text = page("docs/performance.md");
    assert_eq!(
        works(&section(&text, "## How cost grows")),
        works(&printed.lines().collect::<Vec<_>>())
    );
    assert!((growth::exponent(4.0, 4.0) - 1.0).abs() < 1e-9);
    assert!(growth::exponent(4.0, 1.0).abs() < 1e-9);
}

#[test]
fn the_bench_runs_a_view_as_the_page_shows_it() {
    let printed = views::table(&bench(), 2000).unwrap().text(Style::Markdown);
    let text = page("docs/performance.md");
    assert_eq!(works(&section(&text, "## Views")), works(&printed.lines().collect::<Vec<_>>()));
}

#[test]
fn the_bench_names_the_machine_and_what_is_missing() {
    let text = machine::described(&bench());
    for word in ["cores", "Linux", "fhirlite", "nginx", "Medians of 1 rounds"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let mut table = Table::of_asks();
    table.add_missing("download", "nginx");
    assert!(table.text(Style::Text).contains("nginx is missing"));
}

#[test]
fn a_figure_meets_its_ask_or_does_not() {
    let rows = [
        (Ask::AtMost(2.0), 2.0, "≤ 2 | yes"),
        (Ask::AtMost(2.0), 2.1, "≤ 2 | no"),
        (Ask::AtLeast(0.9), 0.9, "≥ 0.9 | yes"),
        (Ask::AtLeast(0.9), 0.8, "≥ 0.9 | no"),
    ];
    for (ask, figure, end) in rows {
        let mut table = Table::of_asks();
        table.add(("work", &sample::Series::default()), None, (figure, " ×"), ask);
        let text = table.text(Style::Markdown);
        assert!(text.trim_end().ends_with(&format!("{end} |")), "{text}");
    }
}

#[test]
fn every_bench_command_has_options_that_the_bench_knows() {
    let usage = include_str!("../../benches/ratios/main.rs");
    let mut commands = 0;
    for path in ["docs/performance.md", "CONTRIBUTING.md"] {
        let text = page(path);
        let lines = text.lines().filter(|line| line.contains("cargo bench"));
        for word in lines.flat_map(|line| line.split([' ', '`', ','])) {
            if word.starts_with("--") && word.len() > 2 {
                commands += 1;
                assert!(usage.contains(&format!("\"{word}\" =>")), "{path}: {word}");
            }
        }
    }
    assert!(commands > 3, "only {commands} options were read");
}
