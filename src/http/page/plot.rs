//! A small plot: one or several lines of numbers over time, or over their order.
//!
//! Pure: from values to the text of an SVG. Lines differ in colour and in their dashes.

use std::fmt::Write;

use super::svg_text::{coordinate, svg_text};
use super::time_axis::TimeAxis;
use crate::time::Instant;

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 168.0;
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// The most points of all lines together; of longer lines the last points are drawn.
pub const MOST_POINTS: usize = 150;
/// With more points than these, points have no dots of their own.
const MOST_DOTS: usize = 60;
/// The most lines; each has a style in the sheet.
pub const MOST_LINES: usize = 4;
/// Numbers beyond this stand at the edge.
const LARGEST: f64 = 1e100;

/// A line of a plot.
pub struct PlotLine {
    /// What the line shows; empty where it is the only one.
    pub name: String,
    /// The points, from left to right.
    pub points: Vec<PlotPoint>,
}

/// A point of a line.
pub struct PlotPoint {
    /// When it was.
    pub at: Instant,
    /// How much it was.
    pub value: f64,
    /// What the point tells.
    pub text: String,
}

/// The plot of lines; empty where there is no finite number. `title` says what it shows.
pub fn plot_svg(title: &str, lines: &[PlotLine]) -> String {
    let most = MOST_POINTS / lines.len().clamp(1, MOST_LINES);
    let lines: Vec<(&PlotLine, Vec<&PlotPoint>)> = lines
        .iter()
        .take(MOST_LINES)
        .map(|line| {
            let finite: Vec<&PlotPoint> =
                line.points.iter().filter(|point| point.value.is_finite()).collect();
            let first = finite.len().saturating_sub(most);
            (line, finite[first..].to_vec())
        })
        .collect();
    let points = || lines.iter().flat_map(|(_, points)| points);
    let moments = points().map(|point| point.at);
    let Some(axis) = TimeAxis::of(moments, LEFT, WIDTH - LEFT - RIGHT) else {
        return String::new();
    };
    let values = ValueAxis::of(points().map(|point| point.value));
    let title = svg_text(title, 200);
    let mut out = format!(
        r#"<svg class="plot" role="img" aria-label="{title}" viewBox="0 0 {WIDTH} {HEIGHT}">"#
    );
    for (value, label) in values.ticks() {
        let y = values.y(value);
        let (line, text) = (coordinate(y), coordinate(y + 4.0));
        let (from, to, end) = (LEFT, WIDTH - RIGHT, LEFT - 5.0);
        let _ = write!(
            out,
            r#"<line class="tick" x1="{from}" x2="{to}" y1="{line}" y2="{line}"/><text class="amount" x="{end}" y="{text}">{}</text>"#,
            svg_text(&label, 12)
        );
    }
    for (x, label) in apart(axis.ticks()) {
        let (x, y) = (coordinate(x), HEIGHT - 7.0);
        let _ =
            write!(out, r#"<text class="year" x="{x}" y="{y}">{}</text>"#, svg_text(&label, 12));
    }
    let has_dots = points().count() <= MOST_DOTS;
    for (number, (line, points)) in (1..).zip(&lines) {
        let places: Vec<(String, String)> = points
            .iter()
            .map(|point| (coordinate(axis.x(point.at)), coordinate(values.y(point.value))))
            .collect();
        let path: Vec<String> = places.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let path = path.join(" ");
        let _ = write!(out, r#"<polyline class="line line-{number}" points="{path}"/>"#);
        for ((x, y), point) in places.iter().zip(points).filter(|_| has_dots) {
            let name = if line.name.is_empty() { "" } else { " · " };
            let text = svg_text(&format!("{}{name}{}", point.text, line.name), 120);
            let _ = write!(
                out,
                r#"<circle class="dot dot-{number}" cx="{x}" cy="{y}" r="3"><title>{text}</title></circle>"#
            );
        }
    }
    out + "</svg>"
}

/// Marks of the axis that do not run into each other.
fn apart(ticks: Vec<(f64, String)>) -> Vec<(f64, String)> {
    let mut kept: Vec<(f64, String)> = Vec::new();
    for (x, label) in ticks {
        let room = 8.0 * label.len() as f64 + 8.0;
        let fits =
            x <= WIDTH - RIGHT - 8.0 && kept.last().is_none_or(|(before, _)| x - before >= room);
        if fits {
            kept.push((x, label));
        }
    }
    kept
}

/// The line of numbers from below to above.
struct ValueAxis {
    low: f64,
    high: f64,
    step: f64,
}

impl ValueAxis {
    fn of(values: impl Iterator<Item = f64>) -> ValueAxis {
        let values = values.map(|value| value.clamp(-LARGEST, LARGEST));
        let ends = values.map(|value| (value, value));
        let (low, high) = ends
            .reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
            .unwrap_or((0.0, 1.0));
        // Equal numbers stand in the middle.
        let room = match high - low {
            0.0 if low == 0.0 => 1.0,
            0.0 => low.abs() / 10.0,
            room => room / 20.0,
        };
        let (low, high) = (low - room, high + room);
        let rough = (high - low) / 4.0;
        let size = 10f64.powf(rough.log10().floor());
        let steps = [1.0, 2.0, 5.0, 10.0];
        let step = steps.into_iter().map(|step| step * size).find(|step| *step >= rough);
        ValueAxis { low, high, step: step.unwrap_or(rough) }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value.clamp(-LARGEST, LARGEST) - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - share.clamp(0.0, 1.0) * (HEIGHT - BOTTOM - TOP)
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let first = (self.low / self.step).ceil();
        let ticks = (0..8).map(|number| (first + f64::from(number)) * self.step);
        let ticks = ticks.filter(|value| value.is_finite() && *value <= self.high);
        ticks.map(|value| (value, self.label(value))).collect()
    }

    fn label(&self, value: f64) -> String {
        let largest = self.low.abs().max(self.high.abs());
        if largest >= 1e6 || self.step < 1e-4 {
            return format!("{value:.2e}");
        }
        let decimals = (-self.step.log10().floor()).clamp(0.0, 4.0) as usize;
        let text = format!("{value:.decimals$}");
        text.strip_prefix('-')
            .filter(|rest| rest.bytes().all(|b| matches!(b, b'0' | b'.')))
            .map_or(text.clone(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::span;

    fn line(name: &str, points: &[(&str, f64)]) -> PlotLine {
        let point = |(date, value): &(&str, f64)| PlotPoint {
            at: span(date).unwrap().0,
            value: *value,
            text: format!("{date}: {value}"),
        };
        PlotLine { name: name.to_owned(), points: points.iter().map(point).collect() }
    }

    /// Every number in the attributes of places.
    fn is_drawable(svg: &str) -> bool {
        !svg.contains("NaN") && !svg.contains("inf") && svg.contains("<polyline")
    }

    #[test]
    fn hostile_text_stays_text() {
        let mut line = line("<script>", &[("2020", 1.0), ("2021", 2.0)]);
        line.points[0].text = "\"><script>\u{202e}".to_owned();
        let svg = plot_svg("<script>'\"", &[line]);
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}'), "{svg}");
        assert_eq!(svg.matches("&lt;script&gt;").count(), 4, "{svg}");
    }

    #[test]
    fn any_numbers_are_drawn() {
        for points in [
            &[("2020", 7.5)][..],
            &[("2020", 0.0), ("2021", 0.0)],
            &[("2020", 98.6), ("2021", 98.6)],
            &[("2020", -1e308), ("2021", 1e308)],
            &[("2020", 1e-300), ("2021", 2e-300)],
            &[("2020", f64::NAN), ("2021", 3.0)],
            &[("0001-01-01", 1.0), ("9999-12-31", 2.0)],
            &[("2020-01-01", 1.0), ("2020-01-01", 2.0)],
        ] {
            let svg = plot_svg("t", &[line("", points)]);
            assert!(is_drawable(&svg), "{points:?}: {svg}");
        }
        let nothing = plot_svg("t", &[line("", &[("2020", f64::NAN), ("2021", f64::INFINITY)])]);
        assert_eq!(nothing, "");
        assert_eq!(plot_svg("t", &[]), "");
    }

    #[test]
    fn higher_numbers_stand_higher() {
        let axis = ValueAxis::of([10.0, 20.0].into_iter());
        assert!(axis.y(20.0) < axis.y(10.0));
        let labels: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["10", "15", "20"]);
        assert_eq!(ValueAxis::of([0.1, 0.35].into_iter()).ticks()[0].1, "0.1");
        assert_eq!(ValueAxis::of([-1.0, 1.0].into_iter()).ticks()[1].1, "0");
    }

    #[test]
    fn long_lines_are_cut_and_several_are_told_apart() {
        let years: Vec<String> = (1000..3000).map(|year| year.to_string()).collect();
        let points: Vec<(&str, f64)> = years.iter().map(|year| (year.as_str(), 1.0)).collect();
        let svg = plot_svg("t", &[line("a", &points), line("b", &points)]);
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("line-1") && svg.contains("line-2"));
        assert!(svg.len() < 6000 && !svg.contains("<circle"), "{} bytes", svg.len());
    }
}
