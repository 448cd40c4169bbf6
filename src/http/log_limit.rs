//! A log that no flood fills: what happens again and again is told once a minute.
//!
//! A disk that is full may fail every request. Each of the first errors of a kind is told, then none of the
//! kind until a minute has passed; how many were left out is told with the next one.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::error::{Error, Kind, Log};
use crate::sync::lock;

/// A message is told once in this time.
const PERIOD: Duration = Duration::from_secs(60);
/// So many different messages of one kind are told in that time.
const MOST: usize = 10;

/// What was told in the last period, by kind.
#[derive(Default)]
struct Told {
    messages: Vec<(String, Instant)>,
    left_out: u64,
}

/// A log that passes on to `log` what is not too much.
pub fn limited(log: Log) -> Log {
    let kinds = Mutex::<HashMap<Kind, Told>>::default();
    Log::new(move |error| {
        let admitted = lock(&kinds).entry(error.kind()).or_default().admit(error);
        match admitted {
            None => {}
            Some(0) => log.tell(error),
            Some(count) => {
                let what = format!("{error} (and {count} more errors of this kind before it)");
                let error_with_count = Error::new(error.kind(), what);
                match error.request_id() {
                    Some(id) => log.tell(&error_with_count.of_request(id)),
                    None => log.tell(&error_with_count),
                }
            }
        }
    })
}

impl Told {
    /// Counts an error; how many were left out before it, if it is to be told.
    fn admit(&mut self, error: &Error) -> Option<u64> {
        self.messages.retain(|(_, at)| at.elapsed() < PERIOD);
        let message = error.to_string();
        if self.messages.len() >= MOST || self.messages.iter().any(|(known, _)| *known == message) {
            self.left_out += 1;
            return None;
        }
        self.messages.push((message, Instant::now()));
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_flood_is_told_in_few_lines() {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let kept = lines.clone();
        let log = limited(Log::new(move |error| lock(&kept).push(error.to_string())));
        for number in 0..75_000 {
            log.tell(&Error::new(Kind::Io, "the disk is full"));
            log.tell(&Error::new(Kind::Damaged, format!("row {number}")));
        }
        log.tell(&Error::new(Kind::Io, "another fault"));
        let lines = lock(&lines);
        assert_eq!(lines.len(), 1 + MOST + 1, "{lines:?}");
        assert_eq!(lines[0], "the disk is full");
        assert_eq!(lines[MOST + 1], "another fault (and 74999 more errors of this kind before it)");
    }
}
