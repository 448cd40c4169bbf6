//! The plots of a patient: numbers of one kind and unit together, each kind with its table.

use std::collections::BTreeMap;

use super::plot::{MOST_LINES, PlotLine, PlotPoint, plot_svg};
use super::svg_text::svg_text;
use super::timeline_read::CourseEntry;
use super::words::{cell_text, day, resource_path};
use crate::fhir::measured::Measured;
use crate::time::Instant;

/// The rows of the table beside a plot.
const MOST_ROWS: usize = 15;

/// A plot and what stands beside it.
pub struct PlotSeries {
    /// What was measured.
    pub title: String,
    /// The unit; empty without one.
    pub unit: String,
    /// The names of the lines; one empty name where there is one line of the value itself.
    pub lines: Vec<String>,
    /// How many measurements there are.
    pub count: usize,
    /// The lowest and the highest number, as written.
    pub lowest: String,
    /// The highest number, as written.
    pub highest: String,
    /// The usual range, as the last measurement has it; empty where it has none.
    pub usual: String,
    /// The last measurement.
    pub latest: String,
    /// The day of it.
    pub latest_when: String,
    /// The last measurements, the last one first.
    pub rows: Vec<SeriesRow>,
    /// How many more there are than the table has.
    pub more: usize,
    points: Vec<PlotLine>,
}

/// A measurement in the table beside a plot.
pub struct SeriesRow {
    /// When it was.
    pub when: String,
    /// The path of the Observation, below the root.
    pub path: String,
    /// The number of each line; empty where it lacks one.
    pub cells: Vec<String>,
}

/// A measurement: its Observation, and its numbers of one unit.
struct Measurement<'e> {
    at: Instant,
    entry: &'e CourseEntry,
    numbers: Vec<&'e Measured>,
}

/// The kinds that were measured at least twice, the most frequent first.
pub fn plot_series(entries: &[CourseEntry]) -> Vec<PlotSeries> {
    let mut kinds: BTreeMap<(&str, &str), Vec<Measurement<'_>>> = BTreeMap::new();
    for entry in entries {
        let Some(at) = entry.event.start else { continue };
        for number in &entry.measured {
            let of_kind = kinds.entry((&number.key, &number.unit)).or_default();
            match of_kind.last_mut().filter(|last| std::ptr::eq(last.entry, entry)) {
                Some(last) => last.numbers.push(number),
                None => of_kind.push(Measurement { at, entry, numbers: vec![number] }),
            }
        }
    }
    let several = kinds.into_values().filter(|of_kind| of_kind.len() > 1);
    let mut series: Vec<PlotSeries> = several.filter_map(series_of).collect();
    series.sort_by(|one, other| (other.count, &one.title).cmp(&(one.count, &other.title)));
    series
}

fn series_of(mut measurements: Vec<Measurement<'_>>) -> Option<PlotSeries> {
    measurements.sort_by(|one, other| (one.at, &one.entry.id).cmp(&(other.at, &other.entry.id)));
    let mut lines: Vec<&str> = Vec::new();
    for number in measurements.iter().flat_map(|measurement| &measurement.numbers) {
        if lines.len() < MOST_LINES && !lines.contains(&number.part.as_str()) {
            lines.push(&number.part);
        }
    }
    let is_shown = |number: &&&Measured| lines.contains(&number.part.as_str());
    let numbers = || measurements.iter().flat_map(|of| &of.numbers).filter(is_shown);
    let lowest = numbers().min_by(|one, other| one.number.total_cmp(&other.number))?;
    let highest = numbers().max_by(|one, other| one.number.total_cmp(&other.number))?;
    let cells = |of: &Measurement<'_>| -> Vec<String> {
        let cell = |line: &&str| {
            let number = of.numbers.iter().find(|number| number.part == **line);
            number.map(|number| number.lexeme.clone()).unwrap_or_default()
        };
        lines.iter().map(cell).collect()
    };
    let points = lines.iter().map(|line| {
        let points = measurements.iter().filter_map(|of| {
            let number = of.numbers.iter().find(|number| number.part == **line)?;
            let text = format!("{}: {} {}", of.entry.event.when, number.lexeme, number.unit);
            Some(PlotPoint { at: of.at, value: number.number, text })
        });
        PlotLine { name: (*line).to_owned(), points: points.collect() }
    });
    let last = measurements.last()?;
    let said: Vec<String> = cells(last).into_iter().filter(|cell| !cell.is_empty()).collect();
    let rows = measurements.iter().rev().take(MOST_ROWS).map(|of| SeriesRow {
        when: of.entry.event.when.clone(),
        path: resource_path("", &of.entry.resource_type, &of.entry.id),
        cells: cells(of),
    });
    let first = last.numbers.first()?;
    Some(PlotSeries {
        title: cell_text(&first.title),
        unit: cell_text(&first.unit),
        count: measurements.len(),
        lowest: lowest.lexeme.clone(),
        highest: highest.lexeme.clone(),
        usual: cell_text(&first.usual),
        latest: said.join(" / "),
        latest_when: day(&last.entry.event.when).to_owned(),
        rows: rows.collect(),
        more: measurements.len().saturating_sub(MOST_ROWS),
        points: points.collect(),
        lines: lines.iter().map(|line| cell_text(line)).collect(),
    })
}

impl PlotSeries {
    /// The plot: SVG in which every text is escaped.
    pub fn svg(&self) -> String {
        let title = format!(
            "{}: {} measurements, from {} to {} {}, the last one {}",
            self.title, self.count, self.lowest, self.highest, self.unit, self.latest
        );
        plot_svg(&title, &self.points)
    }

    /// A sample of a line for the legend; numbers begin with 1.
    pub fn sample(&self, number: &usize) -> String {
        format!(
            r#"<svg class="sample" viewBox="0 0 28 8" aria-hidden="true"><line class="line line-{}" x1="0" x2="28" y1="4" y2="4"/></svg>"#,
            svg_text(&number.to_string(), 4)
        )
    }

    /// True where the plot has lines that names tell apart.
    pub fn has_legend(&self) -> bool {
        self.lines.iter().any(|line| !line.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::care_event::CareEvent;
    use crate::fhir::json::Tree;

    fn entry(id: &str, json: &str) -> CourseEntry {
        let tree = Tree::parse(json).unwrap();
        CourseEntry {
            resource_type: "Observation".to_owned(),
            id: id.to_owned(),
            event: CareEvent::of("Observation", &tree),
            measured: Measured::all_of(&tree),
        }
    }

    fn weight(id: &str, date: &str, value: &str) -> CourseEntry {
        entry(
            id,
            &format!(
                r#"{{"code":{{"text":"Weight"}},"effectiveDateTime":"{date}","valueQuantity":{{"value":{value},"unit":"kg"}}}}"#
            ),
        )
    }

    #[test]
    fn a_pressure_is_one_plot_of_two_lines() {
        let pressure = |id: &str, date: &str, high: u8, low: u8| {
            entry(
                id,
                &format!(
                    r#"{{"code":{{"text":"BP"}},"effectiveDateTime":"{date}","component":[
                    {{"code":{{"text":"Systolic"}},"valueQuantity":{{"value":{high},"unit":"mm[Hg]"}}}},
                    {{"code":{{"text":"Diastolic"}},"valueQuantity":{{"value":{low},"unit":"mm[Hg]"}}}}]}}"#
                ),
            )
        };
        let series = plot_series(&[pressure("b", "2021", 130, 85), pressure("a", "2020", 120, 80)]);
        let [one] = &series[..] else { panic!("{} plots", series.len()) };
        assert_eq!(one.lines, ["Systolic", "Diastolic"]);
        assert_eq!((one.latest.as_str(), one.latest_when.as_str()), ("130 / 85", "2021"));
        assert_eq!((one.lowest.as_str(), one.highest.as_str(), one.count), ("80", "130", 2));
        assert_eq!(one.rows[0].cells, ["130", "85"]);
        assert_eq!(one.svg().matches("<polyline").count(), 2);
    }

    #[test]
    fn one_number_is_no_plot_and_units_do_not_mix() {
        assert!(plot_series(&[weight("a", "2020", "70")]).is_empty());
        let other = r#"{"code":{"text":"Weight"},"effectiveDateTime":"2020","valueQuantity":{"value":150,"unit":"lb"}}"#;
        let entries = [
            weight("a", "2020", "70"),
            entry("b", other),
            weight("c", "2021", "71"),
            entry("d", other),
        ];
        let series = plot_series(&entries);
        let units: Vec<&str> = series.iter().map(|series| series.unit.as_str()).collect();
        assert_eq!(units, ["kg", "lb"]);
    }

    #[test]
    fn the_most_frequent_comes_first_and_tables_are_short() {
        let mut entries: Vec<CourseEntry> =
            (1900..1950).map(|year| weight(&year.to_string(), &year.to_string(), "70")).collect();
        let steps = r#"{"code":{"text":"A"},"effectiveDateTime":"2020","valueInteger":3}"#;
        entries.extend([entry("a", steps), entry("b", steps)]);
        let series = plot_series(&entries);
        assert_eq!((series[0].title.as_str(), series[1].title.as_str()), ("Weight", "A"));
        assert_eq!((series[0].rows.len(), series[0].more), (15, 35));
        assert_eq!(series[0].rows[0].when, "1949");
    }
}
