//! Refused credentials as the audit keeps them: counted, so that a guesser does not fill the store.
//!
//! Refusals of the same kind, of the same client and from the same block of addresses are one event a minute, with
//! their number. The names in one block and the blocks are limited too; what is beyond is counted under no name.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant as Moment};

use super::address_block::AddressBlock;
use crate::store::AuditEvent;
use crate::time::Instant;

/// How long refusals are counted before they become events.
pub const PERIOD: Duration = Duration::from_secs(60);
/// The most events of one block of addresses in one period …
const MOST_OF_BLOCK: usize = 5;
/// … and of all blocks.
const MOST: usize = 60;
/// The most characters of a name that was tried.
const LONGEST_NAME: usize = 100;
/// A run of so many letters and digits may be a secret in the wrong place.
const SECRET_LENGTH: usize = 40;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedCredential {
    /// A wrong secret, or one of no client.
    Secret,
    /// A secret that was not checked, because others before it were wrong.
    Unchecked,
    /// An assertion.
    Assertion,
    /// An access token.
    AccessToken,
    /// A code or a refresh token.
    Code,
}

impl fmt::Display for RefusedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RefusedCredential::Secret => "wrong secret",
            RefusedCredential::Unchecked => "too many tries, secret not checked",
            RefusedCredential::Assertion => "wrong assertion",
            RefusedCredential::AccessToken => "unknown access token",
            RefusedCredential::Code => "unknown code or refresh token",
        })
    }
}

/// What is counted together. Without a block: all blocks beyond the limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct RefusedTry {
    name: Option<String>,
    block: Option<AddressBlock>,
    what: RefusedCredential,
}

/// Refusals and their number.
#[derive(Default)]
pub struct Refusals {
    counts: HashMap<RefusedTry, (Instant, u64)>,
    /// When the first of these was counted.
    since: Option<Moment>,
}

impl Refusals {
    /// Counts a refusal of a client's name, if one was named.
    pub fn count(
        &mut self,
        name: Option<&str>,
        block: AddressBlock,
        what: RefusedCredential,
        at: Instant,
    ) {
        self.since.get_or_insert_with(Moment::now);
        let mut refusal = RefusedTry { name: name.map(shown), block: Some(block), what };
        if !self.counts.contains_key(&refusal) {
            let of_block = self.counts.keys().filter(|known| known.block == refusal.block).count();
            if of_block >= MOST_OF_BLOCK {
                refusal.name = None;
            }
            if self.counts.len() >= MOST {
                (refusal.name, refusal.block) = (None, None);
            }
        }
        self.counts.entry(refusal).or_insert((at, 0)).1 += 1;
    }

    /// How long until the counts become events; `None` where there are none.
    pub fn due_in(&self) -> Option<Duration> {
        self.since.map(|since| PERIOD.saturating_sub(since.elapsed()))
    }

    /// Takes the counts as events.
    pub fn take(&mut self) -> Vec<AuditEvent> {
        self.since = None;
        let mut events: Vec<AuditEvent> = self.counts.drain().map(event).collect();
        events.sort_by(|one, other| {
            (one.at, &one.client, &one.request).cmp(&(other.at, &other.client, &other.request))
        });
        events
    }
}

fn event((refusal, (at, count)): (RefusedTry, (Instant, u64))) -> AuditEvent {
    let RefusedTry { name, block, what } = refusal;
    let from = block.map_or("other addresses".to_owned(), |block| block.to_string());
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    let request = format!("{what}, {times} from {from}");
    AuditEvent { at, event: "refused", client: name, request, whole: true, ..AuditEvent::default() }
}

/// A name that was tried, as the audit shows it: without control characters, not too long, and hidden where it may
/// be a secret.
fn shown(name: &str) -> String {
    let mut run = 0;
    for c in name.chars() {
        run = if c.is_ascii_alphanumeric() { run + 1 } else { 0 };
        if run >= SECRET_LENGTH {
            return "(may be a secret)".to_owned();
        }
    }
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    name.chars().take(LONGEST_NAME).map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u32) -> AddressBlock {
        AddressBlock::of(std::net::IpAddr::from((0x0a00_0000 + number).to_be_bytes()))
    }

    #[test]
    fn one_guesser_makes_few_events_and_all_tries_are_counted() {
        let mut refusals = Refusals::default();
        assert!(refusals.due_in().is_none());
        for number in 0..10_000 {
            let name = format!("app-{number}");
            refusals.count(Some(&name), block(1), RefusedCredential::Secret, Instant::default());
        }
        assert!(refusals.due_in().is_some_and(|left| left <= PERIOD));
        let events = refusals.take();
        assert_eq!(events.len(), MOST_OF_BLOCK + 1);
        assert_eq!(events[0].client, None);
        assert_eq!(events[0].request, "wrong secret, 9995 times from 10.0.0.1");
        assert_eq!(
            (events[1].client.as_deref(), &*events[1].request),
            (Some("app-0"), "wrong secret, once from 10.0.0.1")
        );
        for number in 0..10_000 {
            refusals.count(
                Some("app"),
                block(number),
                RefusedCredential::Secret,
                Instant::default(),
            );
        }
        let events = refusals.take();
        assert_eq!(events.len(), MOST + 1);
        assert!(
            events
                .iter()
                .any(|event| event.request == "wrong secret, 9940 times from other addresses")
        );
        assert!(refusals.take().is_empty() && refusals.due_in().is_none());
    }

    #[test]
    fn names_that_may_be_secrets_are_not_shown() {
        for (name, text) in [
            ("app", "app"),
            ("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"),
            (&"0123456789abcdef".repeat(4), "(may be a secret)"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            (&"é".repeat(200), &"é".repeat(100)),
        ] {
            assert_eq!(shown(name), text);
        }
    }
}
