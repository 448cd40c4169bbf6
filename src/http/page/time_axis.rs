//! A line of time in a picture: where a moment stands, and which years or months are marked.

use crate::time::{Instant, span};

/// The microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// The most marks on a line.
const MOST_TICKS: i64 = 10;
/// How many years may lie between two marks.
const YEARS: [i64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];

/// A line of time from left to right.
pub struct TimeAxis {
    first: i64,
    last: i64,
    left: f64,
    width: f64,
}

impl TimeAxis {
    /// A line that has all of these moments, from `left` over `width`; `None` without moments.
    pub fn of(moments: impl Iterator<Item = Instant>, left: f64, width: f64) -> Option<TimeAxis> {
        let ends = |(first, last): (i64, i64), at: i64| (first.min(at), last.max(at));
        let (first, last) =
            moments.map(Instant::micros).map(|at| (at, at)).reduce(|all, (at, _)| ends(all, at))?;
        // A single moment stands in the middle.
        let room = if last - first < DAY { 30 * DAY } else { (last - first) / 50 };
        Some(TimeAxis { first: first - room, last: last + room, left, width })
    }

    /// Where a moment stands.
    pub fn x(&self, moment: Instant) -> f64 {
        let share = (moment.micros() - self.first) as f64 / (self.last - self.first) as f64;
        self.left + share.clamp(0.0, 1.0) * self.width
    }

    /// The marks: where each stands, and what it says.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let of = |text: &str| span(text).map(|(moment, _)| moment);
        let year_of = |micros: i64| year(Instant::from_micros(micros));
        let (first, last) = (year_of(self.first), year_of(self.last));
        let mut texts: Vec<String> = Vec::new();
        if last - first < 3 {
            let step = match (self.last - self.first) / DAY {
                0..200 => 1,
                200..400 => 2,
                400..800 => 3,
                _ => 6,
            };
            for year in first..=last {
                let months = (1..=12).step_by(step);
                texts.extend(months.map(|month| format!("{year:04}-{month:02}")));
            }
        } else {
            let is_enough = |step: &&i64| (last - first) / **step < MOST_TICKS;
            let step = YEARS.iter().find(is_enough).copied().unwrap_or(10_000);
            let years = (first.div_euclid(step) * step..=last).step_by(step as usize);
            texts.extend(years.filter(|year| *year > 0).map(|year| format!("{year:04}")));
        }
        let within = |moment: &Instant| (self.first..=self.last).contains(&moment.micros());
        let ticks = texts
            .into_iter()
            .filter_map(|text| Some((self.x(of(&text).filter(|moment| within(moment))?), text)));
        ticks.collect()
    }
}

/// The year of a moment, at least 1 and at most 9999.
fn year(moment: Instant) -> i64 {
    let text = moment.to_string();
    match text.strip_prefix(['-', '+']) {
        Some(_) if text.starts_with('-') => 1,
        Some(_) => 9999,
        None => text.get(..4).and_then(|year| year.parse().ok()).unwrap_or(1).clamp(1, 9999),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(dates: &[&str]) -> TimeAxis {
        let moments = dates.iter().map(|date| span(date).unwrap().0);
        TimeAxis::of(moments, 100.0, 800.0).unwrap()
    }

    #[test]
    fn moments_stand_in_their_order() {
        let axis = axis(&["2000-01-01", "2020-01-01"]);
        let x = |date| axis.x(span(date).unwrap().0);
        assert!(100.0 < x("2000-01-01") && x("2000-01-01") < x("2010"));
        assert!(x("2010") < x("2020-01-01") && x("2020-01-01") < 900.0);
        // Beyond the ends it stands at the end.
        assert_eq!((x("1900"), x("2100")), (100.0, 900.0));
    }

    #[test]
    fn marks_are_few_and_within_the_line() {
        for dates in [
            &["2020-02-01"][..],
            &["2020-02-01", "2021-12-01"],
            &["2000-01-01", "2020-01-01"],
            &["0001-01-01", "9999-12-31"],
            &["9999-12-31"],
            &["0001-01-01"],
            &["1900", "2026"],
        ] {
            let ticks = axis(dates).ticks();
            assert!((1..=13).contains(&ticks.len()), "{dates:?}: {ticks:?}");
            assert!(ticks.iter().all(|(x, _)| (100.0..=900.0).contains(x)), "{dates:?}: {ticks:?}");
        }
        assert!(TimeAxis::of(std::iter::empty(), 0.0, 1.0).is_none());
        let labels: Vec<String> = axis(&["1990-06-01", "2020-01-01"])
            .ticks()
            .into_iter()
            .map(|(_, label)| label)
            .collect();
        assert_eq!(labels, ["1990", "1995", "2000", "2005", "2010", "2015", "2020"]);
    }
}
