//! Faults of the token endpoint, and of the tokens that it gave.
//!
//! SMART Backend Services: <https://hl7.org/fhir/smart-app-launch/backend-services.html>. The endpoint
//! itself grants; this file says what it should grant instead. Refusals are in `answer.rs`.

use std::time::Duration;

use super::answer::PlainAnswer;
use super::member::FaultMember;
use super::remembered::Remembered;
use super::rule::FaultRule;

/// What one rule says about tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFault {
    /// The lifetime of a token.
    pub lifetime: Option<Duration>,
    /// The most that is granted.
    pub scope: Option<String>,
    /// How many seconds the endpoint's clock is ahead.
    pub clock_offset: i64,
}

impl TokenFault {
    /// The part of a rule that is about tokens.
    pub fn of(rule: &FaultRule) -> TokenFault {
        TokenFault {
            lifetime: rule.count(FaultMember::Lifetime).map(Duration::from_secs),
            scope: rule.text(FaultMember::Scope).map(str::to_owned),
            clock_offset: rule.offset(FaultMember::ClockOffset).unwrap_or(0),
        }
    }

    /// The scope to ask for instead of `asked`: what both name, and the rule's own scope where they share
    /// nothing.
    pub fn narrowed(&self, asked: &str) -> String {
        let Some(most) = &self.scope else { return asked.to_owned() };
        let shared: Vec<&str> =
            asked.split(' ').filter(|scope| most.split(' ').any(|known| known == *scope)).collect();
        if shared.is_empty() { most.clone() } else { shared.join(" ") }
    }
}

/// Tokens that count as expired, whatever the store says. The oldest are forgotten first.
#[derive(Debug, Default)]
pub struct ExpiredTokens(Remembered<()>);

impl ExpiredTokens {
    /// Adds a token by its label, which must not be the token itself.
    pub fn add(&mut self, label: &str) {
        self.0.entry(label);
    }

    /// True if the token was added.
    pub fn has(&self, label: &str) -> bool {
        self.0.has(label)
    }

    /// The answer to a request with such a token: <https://www.rfc-editor.org/rfc/rfc6750#section-3.1>.
    pub fn refusal() -> PlainAnswer {
        let challenge =
            r#"Bearer error="invalid_token", error_description="the token has expired""#;
        PlainAnswer::outcome(401, "expired", "the access token has expired; ask for another one")
            .with("WWW-Authenticate", challenge)
    }
}
