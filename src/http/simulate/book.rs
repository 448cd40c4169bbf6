//! A book of rules with what they have counted: which of them apply to the n-th request.
//!
//! A decision depends on the rules, on the requests so far, and on the time that each request brings. So
//! the same requests give the same decisions. What a rule does is said by the file of its effect.

use std::sync::Arc;

use super::answer::{AnswerFault, AnswerPlace, PlainAnswer};
use super::chance::is_chosen;
use super::member::FaultMember;
use super::place::FaultPlace;
use super::polls::{PollFault, PollState};
use super::remembered::Remembered;
use super::rule::FaultRule;
use super::token::ExpiredTokens;

/// The longest note about the rules of an answer, in bytes.
const LONGEST_NOTE: usize = 1000;
/// The note of an answer to an expired token.
const EXPIRED_NOTE: &str = "expired";

/// What a book must know of a request.
#[derive(Clone, Copy, Debug)]
pub struct FaultRequest<'a> {
    /// Its place.
    pub place: FaultPlace,
    /// The type that it is about.
    pub resource_type: Option<&'a str>,
    /// The job or the file that it is about; empty for none.
    pub subject: &'a str,
    /// A label of its access token, such as a hash.
    pub token: Option<&'a str>,
    /// Its URL, and the time.
    pub at: AnswerPlace<'a>,
}

/// What a book decided about one request.
#[derive(Clone, Debug, Default)]
pub struct FaultDecision {
    /// The answer instead of the server's.
    pub instead: Option<PlainAnswer>,
    /// The rules that apply, in their order. They change the answer that the server gives.
    pub rules: Vec<Arc<FaultRule>>,
    /// The note for `X-Fhirlite-Fault`; empty where no rule applies.
    pub note: String,
}

/// Rules, and what they have counted.
#[derive(Debug, Default)]
pub struct FaultBook {
    entries: Vec<CountedRule>,
    expired: ExpiredTokens,
    /// The URLs that redirects to another host led to.
    redirected: Remembered<()>,
}

/// A rule, and what it has counted.
#[derive(Debug)]
struct CountedRule {
    rule: Arc<FaultRule>,
    polls: Option<PollFault>,
    counts: RuleCounts,
    of_subjects: Remembered<SubjectCounts>,
}

/// The requests that a rule has seen, and those that it was applied to.
#[derive(Clone, Copy, Debug, Default)]
struct RuleCounts {
    seen: u64,
    used: u64,
}

/// What a rule has counted about one job or file.
#[derive(Debug, Default)]
struct SubjectCounts {
    counts: RuleCounts,
    polls: PollState,
}

impl FaultBook {
    /// A book of these rules, which have counted nothing.
    pub fn new(rules: impl IntoIterator<Item = FaultRule>) -> FaultBook {
        let entries = rules.into_iter().map(CountedRule::new).collect();
        FaultBook { entries, ..FaultBook::default() }
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &FaultRule> {
        self.entries.iter().map(|entry| entry.rule.as_ref())
    }

    /// Decides about the next request.
    ///
    /// The rules are asked in their order. A rule that answers instead of the server ends the list: the
    /// rules behind it see the request, but it does not count among their `times`.
    pub fn decide(&mut self, request: &FaultRequest<'_>) -> FaultDecision {
        let mut decision = FaultDecision::default();
        if request.token.is_some_and(|label| self.expired.has(label)) {
            decision.instead = Some(ExpiredTokens::refusal());
            EXPIRED_NOTE.clone_into(&mut decision.note);
        }
        for entry in self.entries.iter_mut().filter(|entry| entry.is_about(request)) {
            let is_due = entry.see(request);
            if !is_due || decision.instead.is_some() {
                continue;
            }
            if entry.rule.has(FaultMember::Expired)
                && let Some(label) = request.token
            {
                self.expired.add(label);
                decision.instead = Some(ExpiredTokens::refusal());
            }
            let polled = if decision.instead.is_none() { entry.poll(request) } else { None };
            let is_only_polled = polled.is_none() && entry.is_only_about_time();
            let fault = AnswerFault::of(&entry.rule);
            if fault.leads_away() && self.redirected.has(request.at.url) {
                continue;
            }
            decision.instead = decision.instead.or(polled).or_else(|| fault.instead(request.at));
            if let Some(answer) = decision.instead.as_ref().filter(|_| fault.leads_away())
                && let Some(location) = answer.header("Location")
            {
                self.redirected.entry(location);
            }
            if decision.instead.is_some() || !is_only_polled {
                entry.use_up(request);
                decision.rules.push(Arc::clone(&entry.rule));
            }
        }
        decision.note_rules();
        decision
    }
}

impl FaultDecision {
    /// Changes what the server answers: its status and its headers.
    pub fn apply(&self, answer: &mut PlainAnswer, place: AnswerPlace<'_>) {
        for rule in &self.rules {
            AnswerFault::of(rule).apply(answer, place);
        }
    }

    /// Notes the rules, in ASCII as a header needs it.
    fn note_rules(&mut self) {
        if !self.rules.is_empty() {
            let notes: Vec<String> = self.rules.iter().map(|rule| rule.to_short()).collect();
            let is_sendable = |c: char| c.is_ascii_graphic() || c == ' ';
            self.note = notes.join(" | ").replace(|c: char| !is_sendable(c), "?");
            self.note.truncate(LONGEST_NOTE);
        }
    }
}

impl CountedRule {
    fn new(rule: FaultRule) -> CountedRule {
        CountedRule {
            polls: PollFault::of(&rule),
            rule: Arc::new(rule),
            counts: RuleCounts::default(),
            of_subjects: Remembered::default(),
        }
    }

    /// True if the rule counts this request.
    fn is_about(&self, request: &FaultRequest<'_>) -> bool {
        let is_type = self
            .rule
            .text(FaultMember::Type)
            .is_none_or(|of_type| request.resource_type == Some(of_type));
        let is_token = match self.rule.text(FaultMember::Bearer) {
            Some("absent") => request.token.is_none(),
            Some(_) => request.token.is_some(),
            None => true,
        };
        self.rule.place() == request.place && is_type && is_token
    }

    fn counts_of(&mut self, request: &FaultRequest<'_>) -> &mut RuleCounts {
        if self.rule.has(FaultMember::Each) {
            &mut self.of_subjects.entry(request.subject).counts
        } else {
            &mut self.counts
        }
    }

    /// Counts the request. True if the rule applies to it by `nth`, `skip`, `times` and `probability`.
    fn see(&mut self, request: &FaultRequest<'_>) -> bool {
        let rule = Arc::clone(&self.rule);
        let counts = self.counts_of(request);
        counts.seen = counts.seen.saturating_add(1);
        let is_nth = rule.count(FaultMember::Nth).is_none_or(|nth| counts.seen == nth);
        let is_behind = rule.count(FaultMember::Skip).is_none_or(|skip| counts.seen > skip);
        let is_left = rule.count(FaultMember::Times).is_none_or(|times| counts.used < times);
        let seed = rule.count(FaultMember::Seed).unwrap_or(0);
        let is_lucky = rule
            .share(FaultMember::Probability)
            .is_none_or(|share| is_chosen(seed, counts.seen, share));
        is_nth && is_behind && is_left && is_lucky
    }

    fn use_up(&mut self, request: &FaultRequest<'_>) {
        let counts = self.counts_of(request);
        counts.used = counts.used.saturating_add(1);
    }

    /// Asks whether the job still runs.
    fn poll(&mut self, request: &FaultRequest<'_>) -> Option<PlainAnswer> {
        let polls = self.polls.as_ref()?;
        polls.answer(&mut self.of_subjects.entry(request.subject).polls, request.at)
    }

    /// True for a rule that has no effect once the job is done.
    fn is_only_about_time(&self) -> bool {
        const ABOUT_TIME: [FaultMember; 6] = [
            FaultMember::Polls,
            FaultMember::Seconds,
            FaultMember::Progress,
            FaultMember::TooFast,
            FaultMember::GoneAfter,
            FaultMember::RetryAfter,
        ];
        self.polls.is_some()
            && self
                .rule
                .members()
                .all(|(member, _)| member.is_selection() || ABOUT_TIME.contains(&member))
    }
}
