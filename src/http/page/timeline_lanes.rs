//! The picture of a timeline: one lane for each type, a dot or a bar for each event.
//!
//! Pure: from values to the text of an SVG. Marks that would lie upon each other become one that tells how many they are;
//! so the picture stays small however many events there are. The list below the picture has the same facts.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::svg_text::{coordinate, svg_text};
use super::time_axis::TimeAxis;
use crate::time::Instant;

const WIDTH: f64 = 960.0;
/// The room for the names of lanes.
const LABELS: f64 = 176.0;
/// The room behind the last moment.
const MARGIN: f64 = 12.0;
/// The height of a row of marks; a lane has up to [`MOST_ROWS`].
const ROW: f64 = 13.0;
const MOST_ROWS: usize = 4;
/// The room between lanes, and the height of the line of years.
const GAP: f64 = 10.0;
const YEARS: f64 = 22.0;
/// About how many marks the picture has at most.
const MOST_MARKS: usize = 600;
/// Marks this near to each other become one.
const NEAR: f64 = 4.0;
/// What lasts longer than this on the picture is a bar.
const SHORTEST_BAR: f64 = 7.0;
/// 130 years in microseconds.
const LONGEST_LIFE: i64 = 130 * 365 * 86_400_000_000;
/// The longest text of a mark, and how many of several are told.
const LONGEST_TEXT: usize = 100;
const MOST_TOLD: usize = 3;

/// A lane: a name, and what happened.
pub struct TimelineLane {
    /// What the lane is about.
    pub name: String,
    /// What happened, in any order.
    pub marks: Vec<TimelineMark>,
}

/// Something that happened at a point in time, or over a time.
pub struct TimelineMark {
    /// When it was or began.
    pub start: Instant,
    /// When it ended, if it lasted.
    pub end: Option<Instant>,
    /// True where it has not ended: it lasts to the last moment of the picture.
    pub is_ongoing: bool,
    /// What it was.
    pub text: String,
}

/// A mark with its place.
struct PlacedMark<'m> {
    from: f64,
    to: f64,
    texts: Vec<&'m str>,
}

/// The picture of lanes; empty without marks. `title` says what it shows.
pub fn timeline_svg(title: &str, lanes: &[TimelineLane]) -> String {
    let marks = || lanes.iter().flat_map(|lane| &lane.marks);
    let moments = marks().flat_map(|mark| [Some(mark.start), mark.end]).flatten();
    let moments = of_a_life(moments.collect());
    let last = moments.last().copied();
    let Some(axis) = TimeAxis::of(moments.into_iter(), LABELS, WIDTH - LABELS - MARGIN) else {
        return String::new();
    };
    let lanes: Vec<&TimelineLane> = lanes.iter().filter(|lane| !lane.marks.is_empty()).collect();
    let most = (MOST_MARKS / lanes.len().max(1)).max(8);
    let (mut body, mut top) = (String::new(), GAP);
    for lane in &lanes {
        let rows = in_rows(placed((&axis, last), &lane.marks, most));
        let height = rows.len() as f64 * ROW;
        lane_svg(lane, &rows, top, &mut body);
        top += height + GAP;
        let y = coordinate(top - GAP / 2.0);
        let _ = write!(body, r#"<line class="rule" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>"#);
    }
    let mut out = format!(
        r#"<svg class="timeline" role="img" aria-label="{}" viewBox="0 0 {WIDTH} {}" width="{WIDTH}" height="{}">"#,
        svg_text(title, 200),
        coordinate(top + YEARS),
        coordinate(top + YEARS),
    );
    for (x, label) in axis.ticks() {
        let (x, bottom, text) = (coordinate(x), coordinate(top), coordinate(top + YEARS - 7.0));
        let _ = write!(
            out,
            r#"<line class="tick" x1="{x}" x2="{x}" y1="0" y2="{bottom}"/><text class="year" x="{x}" y="{text}">{}</text>"#,
            svg_text(&label, 12)
        );
    }
    out + &body + "</svg>"
}

/// The moments without those that are far from the middle one: a year 0001 or 9999 stands for no date at all, and would leave
/// no room for the others. Such marks stand at the edge.
fn of_a_life(mut moments: Vec<Instant>) -> Vec<Instant> {
    moments.sort_unstable();
    let Some(middle) = moments.get(moments.len() / 2).copied() else { return moments };
    let near = |of: &Instant| (of.micros() - middle.micros()).abs() <= LONGEST_LIFE;
    moments.retain(near);
    moments
}

fn lane_svg(lane: &TimelineLane, rows: &[Vec<PlacedMark<'_>>], top: f64, out: &mut String) {
    let middle = coordinate(top + rows.len() as f64 * ROW / 2.0 + 4.0);
    let name = svg_text(&lane.name, 24);
    let _ = write!(out, r#"<g><text class="lane" x="4" y="{middle}">{name}</text>"#);
    for (row, marks) in rows.iter().enumerate() {
        let y = top + row as f64 * ROW + ROW / 2.0;
        for mark in marks {
            let title = told(&mark.texts);
            let _ = if mark.to - mark.from >= SHORTEST_BAR {
                let (x, width) = (coordinate(mark.from), coordinate(mark.to - mark.from));
                let y = coordinate(y - 4.0);
                write!(
                    out,
                    r#"<rect class="mark" x="{x}" y="{y}" width="{width}" height="8" rx="4"><title>{title}</title></rect>"#
                )
            } else {
                let (x, y) = (coordinate((mark.from + mark.to) / 2.0), coordinate(y));
                let radius = if mark.texts.len() > 1 { 5 } else { 4 };
                write!(
                    out,
                    r#"<circle class="mark" cx="{x}" cy="{y}" r="{radius}"><title>{title}</title></circle>"#
                )
            };
        }
    }
    out.push_str("</g>");
}

/// What a mark tells: the one event, or how many there are with the first of them.
fn told(texts: &[&str]) -> String {
    let shown: Vec<String> =
        texts.iter().take(MOST_TOLD).map(|text| svg_text(text, LONGEST_TEXT)).collect();
    match texts.len() {
        0 | 1 => shown.concat(),
        count if count > MOST_TOLD => format!("{count}: {}; …", shown.join("; ")),
        count => format!("{count}: {}", shown.join("; ")),
    }
}

/// The marks of a lane at their places, by where they begin. What is near to each other is one mark; bars are one where both
/// of their ends are.
fn placed<'m>(
    (axis, last): (&TimeAxis, Option<Instant>),
    marks: &'m [TimelineMark],
    most: usize,
) -> Vec<PlacedMark<'m>> {
    let mut marks: Vec<&TimelineMark> = marks.iter().collect();
    marks.sort_by_key(|mark| (mark.start, mark.end));
    let mut near = NEAR;
    loop {
        let mut together: BTreeMap<(i64, i64), PlacedMark<'m>> = BTreeMap::new();
        for mark in &marks {
            let from = axis.x(mark.start);
            let end = if mark.is_ongoing { last } else { mark.end };
            let to = end.map_or(from, |end| axis.x(end).max(from));
            let bucket = |x: f64| (x / near) as i64;
            let key = if to - from < SHORTEST_BAR {
                (bucket(from), -1)
            } else {
                (bucket(from), bucket(to))
            };
            let placed = together.entry(key).or_insert(PlacedMark { from, to, texts: Vec::new() });
            placed.to = placed.to.max(to);
            placed.texts.push(&mark.text);
        }
        if together.len() <= most || near > WIDTH {
            let mut placed: Vec<PlacedMark<'m>> = together.into_values().collect();
            placed.sort_by(|one, other| one.from.total_cmp(&other.from));
            return placed;
        }
        near *= 2.0;
    }
}

/// The marks in rows, so that few lie upon each other.
fn in_rows(marks: Vec<PlacedMark<'_>>) -> Vec<Vec<PlacedMark<'_>>> {
    let mut rows: Vec<(f64, Vec<PlacedMark<'_>>)> = Vec::new();
    for mark in marks {
        let end = mark.to.max(mark.from + 8.0) + 2.0;
        let free = rows.iter().position(|(until, _)| *until <= mark.from);
        let row = match free {
            Some(row) => row,
            None if rows.len() < MOST_ROWS => {
                rows.push((0.0, Vec::new()));
                rows.len() - 1
            }
            None => {
                let soonest =
                    rows.iter().enumerate().min_by(|one, other| one.1.0.total_cmp(&other.1.0));
                soonest.map_or(0, |(row, _)| row)
            }
        };
        rows[row].0 = rows[row].0.max(end);
        rows[row].1.push(mark);
    }
    rows.into_iter().map(|(_, marks)| marks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::span;

    fn mark(start: &str, end: Option<&str>, text: &str) -> TimelineMark {
        let first = |date| span(date).unwrap().0;
        let (start, end, text) = (first(start), end.map(first), text.to_owned());
        TimelineMark { start, end, is_ongoing: false, text }
    }

    fn picture(name: &str, marks: Vec<TimelineMark>) -> String {
        timeline_svg("A <b>\"title\"", &[TimelineLane { name: name.to_owned(), marks }])
    }

    #[test]
    fn hostile_text_stays_text() {
        let text = "</title><script>alert(1)</script>\u{202e}";
        let svg = picture(text, vec![mark("2020", None, text), mark("2021", Some("2023"), text)]);
        assert!(!svg.contains("<script") && !svg.contains('\u{202e}'), "{svg}");
        assert_eq!(svg.matches("&lt;script").count(), 3, "{svg}");
        assert!(svg.contains(r#"aria-label="A &lt;b&gt;&quot;title&quot;""#), "{svg}");
    }

    #[test]
    fn dots_and_bars_tell_what_they_are() {
        let svg = picture(
            "Condition",
            vec![mark("2020", None, "dot"), mark("2000", Some("2019"), "bar")],
        );
        assert_eq!((svg.matches("<circle").count(), svg.matches("<rect").count()), (1, 1));
        assert!(
            svg.contains("<title>dot</title></circle>")
                && svg.contains("<title>bar</title></rect>")
        );
        assert!(svg.contains(">Condition</text>") && svg.contains(">2010</text>"), "{svg}");
    }

    #[test]
    fn one_moment_and_the_ends_of_time_are_drawn() {
        for marks in [
            vec![mark("2020-05-05", None, "a")],
            vec![mark("2020-05-05", None, "a"), mark("2020-05-05", None, "b")],
            vec![mark("0001-01-01", None, "a"), mark("9999-12-31", None, "b")],
            vec![mark("0001-01-01", Some("9999-12-31"), "a")],
        ] {
            let svg = picture("Goal", marks);
            assert!(svg.contains("class=\"mark\"") && !svg.contains("NaN") && !svg.contains("inf"));
        }
        assert_eq!(picture("Goal", Vec::new()), "");
    }

    #[test]
    fn what_has_not_ended_lasts_to_the_last_moment() {
        let ongoing = TimelineMark { is_ongoing: true, ..mark("2000", None, "goes on") };
        let svg = picture("Condition", vec![ongoing, mark("2020", None, "dot")]);
        assert!(svg.contains("<title>goes on</title></rect>"), "{svg}");
        let alone = TimelineMark { is_ongoing: true, ..mark("2000", None, "alone") };
        assert!(picture("Condition", vec![alone]).contains("<title>alone</title></circle>"));
    }

    #[test]
    fn dates_that_stand_for_none_leave_room_for_the_others() {
        let marks = ["0001-01-01", "2018", "2019", "2020", "2021", "9999-12-31"];
        let svg = picture("Goal", marks.map(|date| mark(date, None, date)).into());
        assert!(svg.contains(">2019</text>") || svg.contains(">2020</text>"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 6, "{svg}");
    }

    #[test]
    fn many_events_make_a_small_picture() {
        let marks = (0..50_000).map(|number| {
            let (year, month) = (1900 + number % 120, number % 12 + 1);
            let end = format!("{}", year + number % 40);
            mark(&format!("{year}-{month:02}"), (number % 2 == 0).then_some(&*end), "an event")
        });
        let svg = picture("Encounter", marks.collect());
        let count = svg.matches("class=\"mark\"").count();
        assert!((20..=MOST_MARKS).contains(&count), "{count} marks");
        assert!(svg.len() < 120_000, "{} bytes", svg.len());
    }
}
