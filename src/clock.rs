//! The time, passed in, so that tests and golden files can make it stand still.

use std::sync::Arc;

use crate::fhir::Instant;

/// Where "now" comes from.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> Instant + Send + Sync>>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Clock {
        Clock(None)
    }

    /// A clock that says what `now` says.
    pub fn from_fn(now: impl Fn() -> Instant + Send + Sync + 'static) -> Clock {
        Clock(Some(Arc::new(now)))
    }

    /// The current time, cut to the millisecond that FHIR instants are written with here.
    pub fn now(&self) -> Instant {
        let now = match &self.0 {
            Some(now) => now(),
            None => Instant::from_micros(chrono::Utc::now().timestamp_micros()),
        };
        now.to_millisecond()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(given)" } else { "Clock(system)" })
    }
}
