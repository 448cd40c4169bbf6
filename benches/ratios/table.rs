//! The table: rows with their asks, as text or as Markdown. It measures nothing.

use super::sample::Series;

/// How a table is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Columns of the same width.
    Text,
    /// For a page.
    Markdown,
}

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Ask {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
    /// It is told for comparison.
    Nothing,
}

impl Ask {
    fn text(self) -> String {
        match self {
            Ask::AtMost(most) => format!("≤ {most}"),
            Ask::AtLeast(least) => format!("≥ {least}"),
            Ask::Nothing => String::new(),
        }
    }

    fn is_met(self, figure: f64) -> &'static str {
        match self {
            Ask::AtMost(most) if figure <= most => "yes",
            Ask::AtLeast(least) if figure >= least => "yes",
            Ask::Nothing => "",
            _ => "no",
        }
    }
}

const HEADS: [&str; 10] =
    ["work", "s", "CPU s", "MB", "beside", "s", "CPU s", "figure", "ask", "met"];

/// Rows of cells.
#[derive(Default)]
pub struct Table {
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of work with asks.
    pub fn of_asks() -> Table {
        Table::new(&HEADS)
    }

    /// A table with these heads.
    pub fn new(heads: &[&str]) -> Table {
        Table { heads: heads.iter().map(|head| (*head).to_owned()).collect(), rows: Vec::new() }
    }

    /// Adds a row of cells.
    pub fn push(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Adds work, what it is measured against, and the figure.
    pub fn add(
        &mut self,
        (what, ours): (&str, &Series),
        beside: Option<(&str, &Series)>,
        (figure, unit): (f64, &str),
        ask: Ask,
    ) {
        let (beside_what, beside_wall, beside_cpu) = match beside {
            Some((what, series)) => (what.to_owned(), wall(series), cpu(series)),
            None => Default::default(),
        };
        let peak = match ours.peak() {
            0 => String::new(),
            bytes => (bytes / 1_000_000).to_string(),
        };
        self.push(vec![
            what.to_owned(),
            wall(ours),
            cpu(ours),
            peak,
            beside_what,
            beside_wall,
            beside_cpu,
            format!("{}{unit}", number(figure)),
            ask.text(),
            ask.is_met(figure).to_owned(),
        ]);
    }

    /// Adds work whose other side is missing.
    pub fn add_missing(&mut self, what: &str, missing: &str) {
        let mut cells = vec![String::new(); HEADS.len()];
        cells[0] = what.to_owned();
        cells[4] = format!("{missing} is missing");
        self.push(cells);
    }

    /// Adds the rows of another table.
    pub fn extend(&mut self, other: Table) {
        self.rows.extend(other.rows);
    }

    /// The table as it is printed.
    pub fn text(&self, style: Style) -> String {
        let mut text = String::new();
        let mut line = |cells: &[String]| {
            let padded = cells.iter().enumerate().map(|(at, cell)| match style {
                Style::Text => format!("{cell:<width$}", width = self.width(at)),
                Style::Markdown => cell.clone(),
            });
            let cells: Vec<_> = padded.collect();
            match style {
                Style::Text => text.push_str(cells.join("  ").trim_end()),
                Style::Markdown => text.push_str(&format!("| {} |", cells.join(" | "))),
            }
            text.push('\n');
        };
        line(&self.heads);
        if style == Style::Markdown {
            line(&vec!["---".to_owned(); self.heads.len()]);
        }
        self.rows.iter().for_each(|row| line(row));
        text
    }

    fn width(&self, column: usize) -> usize {
        let cells = std::iter::once(&self.heads).chain(&self.rows);
        cells.filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    }
}

/// The median, and the spread in parentheses; nothing where nothing was measured.
fn wall(series: &Series) -> String {
    if series.is_empty() {
        return String::new();
    }
    let (least, most) = series.spread();
    format!("{} ({}–{})", number(series.wall()), number(least), number(most))
}

/// The median of the processors' seconds, likewise.
fn cpu(series: &Series) -> String {
    if series.is_empty() { String::new() } else { number(series.cpu()) }
}

/// A number with three digits that count.
pub fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        small if small >= 1.0 || small == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
