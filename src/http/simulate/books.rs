//! The books of a server: one for all requests, and one for each path segment with rules.
//!
//! Tests that run beside each other use segments, so that none counts the requests of another.

use super::book::{FaultBook, FaultDecision, FaultRequest};
use super::remembered::Remembered;
use super::rule::FaultRule;
use super::segment::segment_settings;
use crate::error::Result;

/// The books of a server.
#[derive(Debug, Default)]
pub struct FaultBooks {
    main: FaultBook,
    of_segments: Remembered<FaultBook>,
}

impl FaultBooks {
    /// Replaces the rules for requests without a segment. All that they counted is forgotten.
    pub fn replace(&mut self, rules: impl IntoIterator<Item = FaultRule>) {
        self.main = FaultBook::new(rules);
    }

    /// The rules for requests without a segment.
    pub fn rules(&self) -> impl Iterator<Item = &FaultRule> {
        self.main.rules()
    }

    /// Decides about a request; `None` for a segment that has no rules in it, and so leads nowhere. Only
    /// the rules of its own segment apply to a request.
    ///
    /// # Errors
    /// Those of [`segment_settings`].
    pub fn decide(
        &mut self,
        segment: Option<&str>,
        request: &FaultRequest<'_>,
    ) -> Result<Option<FaultDecision>> {
        let Some(segment) = segment else { return Ok(Some(self.main.decide(request))) };
        if !self.of_segments.has(segment) {
            let Some(settings) = segment_settings(segment)? else { return Ok(None) };
            *self.of_segments.entry(segment) = FaultBook::new(settings.rules);
        }
        Ok(Some(self.of_segments.entry(segment).decide(request)))
    }
}
