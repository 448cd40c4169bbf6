//! `Retry-After` in every form that servers send, right and wrong.
//!
//! The header has whole seconds or a date: <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>.

use std::time::Duration;

use crate::http::header::http_date;
use crate::time::Instant;

/// The longest time in seconds that a rule may name.
const LONGEST: i64 = 31_536_000;
/// How far back a date in the past lies.
const PAST: Duration = Duration::from_secs(3600);
/// A value that is neither seconds nor a date.
const JUNK: &str = "soon";

/// The form of a `Retry-After`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// This text: seconds, also negative or with a fraction.
    Seconds(String),
    /// A date so many seconds ahead.
    Date(u64),
    /// A date an hour ago.
    Past,
    /// Neither seconds nor a date.
    Junk,
    /// No header.
    Absent,
}

impl RetryAfter {
    /// What a rule may say, for messages.
    pub const FORMS: &'static str =
        "seconds such as 1, 1.5 or -1, or one of date, date+SECONDS, past, junk, absent";

    /// Reads what a rule says.
    pub fn parse(text: &str) -> Option<RetryAfter> {
        match text {
            "date" => return Some(RetryAfter::Date(1)),
            "past" => return Some(RetryAfter::Past),
            "junk" => return Some(RetryAfter::Junk),
            "absent" => return Some(RetryAfter::Absent),
            _ => {}
        }
        if let Some(ahead) = text.strip_prefix("date+") {
            let seconds = ahead.parse().ok().filter(|seconds| *seconds <= LONGEST as u64)?;
            return is_digits(ahead).then_some(RetryAfter::Date(seconds));
        }
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let is_number = is_digits(whole) && is_digits(fraction) && fraction.len() <= 9;
        let is_short = whole.parse().is_ok_and(|seconds: i64| seconds <= LONGEST);
        (is_number && is_short).then(|| RetryAfter::Seconds(text.to_owned()))
    }

    /// The value of the header at the time `now`; `None` for no header.
    pub fn value(&self, now: Instant) -> Option<String> {
        match self {
            RetryAfter::Seconds(text) => Some(text.clone()),
            RetryAfter::Date(ahead) => Some(http_date(now.later(Duration::from_secs(*ahead)))),
            RetryAfter::Past => Some(http_date(now.earlier(PAST))),
            RetryAfter::Junk => Some(JUNK.to_owned()),
            RetryAfter::Absent => None,
        }
    }

    /// How long a client that understands the value waits; zero where the value says nothing.
    pub fn wait(&self) -> Duration {
        match self {
            RetryAfter::Seconds(text) => {
                let seconds = text.parse::<f64>().unwrap_or_default().max(0.0);
                Duration::from_secs_f64(seconds)
            }
            RetryAfter::Date(ahead) => Duration::from_secs(*ahead),
            RetryAfter::Past | RetryAfter::Junk | RetryAfter::Absent => Duration::ZERO,
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_has_its_header() {
        let now = Instant::from_micros(1_592_215_200_000_000);
        for (text, header, wait) in [
            ("1", Some("1"), 1.0),
            ("-5", Some("-5"), 0.0),
            ("1.5", Some("1.5"), 1.5),
            ("date", Some("Mon, 15 Jun 2020 10:00:01 GMT"), 1.0),
            ("date+60", Some("Mon, 15 Jun 2020 10:01:00 GMT"), 60.0),
            ("past", Some("Mon, 15 Jun 2020 09:00:00 GMT"), 0.0),
            ("junk", Some("soon"), 0.0),
            ("absent", None, 0.0),
        ] {
            let form = RetryAfter::parse(text).unwrap();
            assert_eq!(form.value(now).as_deref(), header, "{text}");
            assert_eq!(form.wait().as_secs_f64(), wait, "{text}");
        }
        for text in
            ["", "later", "1s", "--1", "1.", ".5", "date+", "date+-1", "1e3", "999999999999"]
        {
            assert_eq!(RetryAfter::parse(text), None, "{text}");
        }
    }
}
