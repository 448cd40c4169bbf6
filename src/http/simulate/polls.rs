//! Jobs that take their time: so many status requests, or so many seconds; and jobs that go away.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#bulk-data-status-request>: 202 with `X-Progress` and
//! `Retry-After` while a job runs, 404 once it is gone. This file counts by job; the real job may be done.

use std::time::Duration;

use super::answer::{AnswerPlace, PlainAnswer};
use super::member::FaultMember;
use super::retry_after::RetryAfter;
use super::rule::FaultRule;
use crate::time::Instant;

/// `Retry-After` of a job that runs, unless the rule says another.
const USUAL_WAIT: &str = "1";

/// What was asked about one job, or one file.
#[derive(Clone, Copy, Debug, Default)]
pub struct PollState {
    /// The number of requests that were not too fast.
    polls: u64,
    /// The first of them, and the last.
    times: Option<(Instant, Instant)>,
    /// True once the job was seen to be done.
    is_done: bool,
}

/// How long a job takes by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollFault {
    polls: Option<u64>,
    seconds: Option<u64>,
    gone_after: Option<u64>,
    is_strict: bool,
    progress: ProgressForm,
    retry_after: RetryAfter,
}

/// The form of `X-Progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProgressForm {
    Absent,
    Percent,
    Text,
    Beyond,
    Backwards,
}

impl PollFault {
    /// The part of a rule that is about the time that a job takes; `None` where it says nothing of it.
    pub fn of(rule: &FaultRule) -> Option<PollFault> {
        let fault = PollFault {
            polls: rule.count(FaultMember::Polls),
            seconds: rule.count(FaultMember::Seconds),
            gone_after: rule.count(FaultMember::GoneAfter),
            is_strict: rule.has(FaultMember::TooFast),
            progress: match rule.text(FaultMember::Progress) {
                Some("absent") => ProgressForm::Absent,
                Some("text") => ProgressForm::Text,
                Some("beyond") => ProgressForm::Beyond,
                Some("backwards") => ProgressForm::Backwards,
                _ => ProgressForm::Percent,
            },
            retry_after: RetryAfter::parse(
                rule.text(FaultMember::RetryAfter).unwrap_or(USUAL_WAIT),
            )
            .unwrap_or(RetryAfter::Absent),
        };
        let says_something = fault.is_strict
            || fault.polls.is_some()
            || fault.seconds.is_some()
            || fault.gone_after.is_some();
        says_something.then_some(fault)
    }

    /// Counts a request, and answers it if the job still runs, is gone, or was asked too soon.
    pub fn answer(&self, state: &mut PollState, place: AnswerPlace<'_>) -> Option<PlainAnswer> {
        let now = place.now;
        if self.is_strict
            && !state.is_done
            && let Some((_, last)) = state.times
            && now < last.later(self.retry_after.wait())
        {
            let what = "the last status request was too short a time ago; wait as Retry-After says";
            return Some(self.with_wait(PlainAnswer::outcome(429, "throttled", what), now));
        }
        let (first, _) = state.times.unwrap_or((now, now));
        state.times = Some((first, now));
        state.polls = state.polls.saturating_add(1);
        if self.gone_after.is_some_and(|after| state.polls > after) {
            return Some(PlainAnswer::outcome(404, "not-found", "it is gone, as a rule asked for"));
        }
        let (done, of) = match (self.polls, self.seconds) {
            (Some(polls), _) => (state.polls - 1, polls),
            (None, Some(seconds)) => (seconds_between(first, now), seconds),
            (None, None) => return None,
        };
        if done >= of {
            state.is_done = true;
            return None;
        }
        let mut answer = PlainAnswer::empty(202);
        answer.set("X-Progress", self.progress.text(done, of));
        Some(self.with_wait(answer, now))
    }

    fn with_wait(&self, mut answer: PlainAnswer, now: Instant) -> PlainAnswer {
        answer.set("Retry-After", self.retry_after.value(now));
        answer
    }
}

impl ProgressForm {
    /// What `X-Progress` says when `done` of `of` are over.
    fn text(self, done: u64, of: u64) -> Option<String> {
        let percent = done.saturating_mul(100) / of.max(1);
        match self {
            ProgressForm::Absent => None,
            ProgressForm::Percent => Some(format!("{percent}%")),
            ProgressForm::Text => Some("in progress, nearly there".to_owned()),
            ProgressForm::Beyond => Some(format!("{}%", percent.saturating_add(101))),
            ProgressForm::Backwards => Some(format!("{}%", 99 - percent.min(99))),
        }
    }
}

fn seconds_between(first: Instant, now: Instant) -> u64 {
    let micros = u64::try_from(now.micros().saturating_sub(first.micros())).unwrap_or_default();
    Duration::from_micros(micros).as_secs()
}
