//! The chart of a result: a line where the first column has dates, bars where it has other texts, and the second column has
//! numbers.
//!
//! Pure: from values to the text of an SVG.

use std::fmt::Write;

use super::plot::{PlotLine, PlotPoint, plot_svg};
use super::svg_text::{coordinate, svg_text};
use crate::http::sql::{PlainCell, PlainRows};
use crate::time::span;

/// The most bars; the first rows have them.
const MOST_BARS: usize = 30;
const WIDTH: f64 = 560.0;
const LABELS: f64 = 190.0;
const AMOUNTS: f64 = 80.0;
const ROW: f64 = 22.0;

/// The chart of a result; empty for a result that none is made of.
pub fn chart_svg(result: &PlainRows) -> String {
    let [first, second, ..] = &result.columns[..] else { return String::new() };
    // Without a number a row has no place.
    let has_number = |row: &&Vec<PlainCell>| row.get(1).is_some_and(|cell| cell.text.is_some());
    let rows = result.rows.iter().filter(has_number);
    let pairs: Option<Vec<(&str, f64)>> = rows.map(|row| pair(row)).collect();
    let Some(pairs) = pairs.filter(|pairs| pairs.len() > 1) else { return String::new() };
    let title = format!("{second} by {first}");
    let points: Option<Vec<PlotPoint>> = pairs.iter().map(point).collect();
    match points {
        Some(mut points) => {
            points.sort_by_key(|point| point.at);
            plot_svg(&title, &[PlotLine { name: String::new(), points }])
        }
        None => bars(&title, &pairs[..pairs.len().min(MOST_BARS)]),
    }
}

/// The text and the number of a row.
fn pair(row: &[PlainCell]) -> Option<(&str, f64)> {
    let [first, second, ..] = row else { return None };
    let number = second.text.as_ref().filter(|_| second.is_number)?.parse::<f64>().ok()?;
    // A number in front is an id or a second measure: no name of a bar.
    let name = match &first.text {
        Some(text) if !first.is_number || text.len() == 4 => text,
        None => "NULL",
        Some(_) => return None,
    };
    number.is_finite().then_some((name, number))
}

fn point((text, value): &(&str, f64)) -> Option<PlotPoint> {
    let (at, _) = span(text)?;
    Some(PlotPoint { at, value: *value, text: format!("{text}: {value}") })
}

fn bars(title: &str, pairs: &[(&str, f64)]) -> String {
    let numbers = || pairs.iter().map(|(_, number)| number.clamp(-1e100, 1e100));
    let (low, high) = (numbers().fold(0.0, f64::min), numbers().fold(0.0, f64::max));
    let range = if high > low { high - low } else { 1.0 };
    let x = |number: f64| LABELS + (number - low) / range * (WIDTH - LABELS - AMOUNTS);
    let height = pairs.len() as f64 * ROW + 4.0;
    let mut out = format!(
        r#"<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {WIDTH} {}">"#,
        svg_text(title, 200),
        coordinate(height)
    );
    for ((name, given), (row, number)) in pairs.iter().zip((0u32..).zip(numbers())) {
        let top = f64::from(row) * ROW;
        let (from, to) = (x(number.min(0.0)), x(number.max(0.0)));
        let name = svg_text(name, 28);
        let (bar_y, text_y) = (coordinate(top + 4.0), coordinate(top + 16.0));
        let (left, width, end) =
            (coordinate(from), coordinate((to - from).max(1.0)), coordinate(to + 6.0));
        let label = coordinate(LABELS - 8.0);
        let amount = svg_text(&given.to_string(), 12);
        let _ = write!(
            out,
            r#"<text class="amount" x="{label}" y="{text_y}">{name}</text><rect class="bar-of" x="{left}" y="{bar_y}" width="{width}" height="16"/><text class="value" x="{end}" y="{text_y}">{amount}</text>"#
        );
    }
    out + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rows: &[(Option<&str>, &str)]) -> PlainRows {
        let cell =
            |text: Option<&str>, is_number| PlainCell { text: text.map(str::to_owned), is_number };
        let rows = rows.iter().map(|(name, number)| {
            vec![cell(*name, false), cell(Some(number), number.parse::<f64>().is_ok())]
        });
        let columns = vec!["<b>".to_owned(), "n\"".to_owned()];
        PlainRows { columns, rows: rows.collect(), has_more: false }
    }

    #[test]
    fn dates_make_a_line_and_texts_make_bars() {
        let line = chart_svg(&result(&[(Some("2020-01-01"), "1"), (Some("2021"), "2.5")]));
        assert!(line.contains("<polyline") && line.contains("n&quot; by &lt;b&gt;"), "{line}");
        let bars = chart_svg(&result(&[(Some("a"), "1"), (None, "3"), (Some("<script>"), "-2")]));
        assert_eq!(bars.matches("<rect").count(), 3);
        assert!(bars.contains("&lt;script&gt;") && bars.contains(">NULL<"), "{bars}");
        assert!(!bars.contains("<script") && !bars.contains("NaN"));
    }

    #[test]
    fn other_results_have_no_chart() {
        for rows in [
            &[][..],
            &[(Some("a"), "1")],
            &[(Some("a"), "1"), (Some("b"), "x")],
            &[(Some("a"), "1"), (Some("b"), "inf")],
        ] {
            assert_eq!(chart_svg(&result(rows)), "", "{rows:?}");
        }
        let svg = chart_svg(&result(&[(Some("a"), "0"), (Some("b"), "0")]));
        assert!(svg.contains("<rect") && !svg.contains("NaN"));
        let svg = chart_svg(&result(&[(Some("a"), "1e308"), (Some("b"), "-1e308")]));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}
