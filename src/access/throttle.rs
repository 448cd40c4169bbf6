//! The throttle: it slows those who guess the secrets of clients, and locks nobody out.
//!
//! Tokens, codes and the secrets that fhirlite makes have 128 random bits or more, and assertions are
//! signed: no number of tries finds one. So a wrong one is always refused at once, and never throttled.
//! Only a secret that an operator chose may be weaker, and only tries of a `client_id` with a
//! `client_secret` come here.
//!
//! - A client that has succeeded from a block of addresses is *known* there. Its secret is always
//!   checked from that block, whatever others do in its name or from its addresses: the right secret is
//!   accepted at once. Nothing else tells the client from a guesser at the same address, so a guesser
//!   there learns of each secret whether it is right. Let each client have an address of its own: behind a
//!   proxy, tell the server which proxy to trust.
//! - Everyone else is a *stranger*. The wrong tries of strangers take turns: of the `client_id` at their block of
//!   addresses, of the block, of the `client_id` anywhere, and of all strangers together. Where one of these has
//!   no turn left, the secret is not even checked, so a guesser learns nothing from 429. One exception lets a client in
//!   at a new address while others guess in its name from theirs: where only the `client_id` has no turn left, a block
//!   without a wrong try for it has its secret checked. So another name does not help a guesser, and another
//!   address helps only as long as all strangers have turns.
//!
//! A turn is taken before the check and given back after a success, so tries at the same time do not count
//! as one. What is remembered has cost a turn of all strangers, so these limit the memory too.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use super::address_block::AddressBlock;
use super::turns::{TurnBudget, TurnRate};
use crate::error::{Error, Kind};
use crate::sync::lock;

/// The wrong tries of one `client_id` from one block of addresses: people mistype.
const PLACE: TurnRate = TurnRate { most: 20.0, per_second: 0.5 };
/// The wrong tries from one block of addresses, under any name.
const BLOCK: TurnRate = TurnRate { most: 100.0, per_second: 2.0 };
/// The wrong tries of one `client_id` from anywhere.
const NAME: TurnRate = TurnRate { most: 30.0, per_second: 1.0 };
/// The wrong tries of all strangers.
const ALL: TurnRate = TurnRate { most: 2_000.0, per_second: 100.0 };
/// Beyond this number, those that have all turns again are forgotten.
const MANY: usize = 10_000;
/// The most pairs of a client and a block that are known.
pub const MOST_KNOWN: usize = 10_000;
/// The most characters of a name that count.
const LONGEST_NAME: usize = 255;

/// A client's name at a block of addresses.
type TriedName = (String, AddressBlock);

/// What is remembered of tries.
pub struct Throttle(Mutex<Tries>);

struct Tries {
    all: TurnBudget,
    places: HashMap<TriedName, TurnBudget>,
    blocks: HashMap<AddressBlock, TurnBudget>,
    names: HashMap<String, TurnBudget>,
    /// Where clients have succeeded, and when for the last time.
    known: HashMap<TriedName, Instant>,
}

/// A try whose secret may be checked now.
pub struct Attempt<'t> {
    throttle: &'t Throttle,
    place: TriedName,
    /// True if the turns of a stranger were taken.
    has_turns: bool,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle(Mutex::new(Tries {
            all: TurnBudget::all(ALL, Instant::now()),
            places: HashMap::new(),
            blocks: HashMap::new(),
            names: HashMap::new(),
            known: HashMap::new(),
        }))
    }
}

impl Throttle {
    /// Begins a try of a secret of the client `name` from `peer`.
    ///
    /// # Errors
    /// `Throttled`, with the seconds to wait: the secret must not be checked.
    pub fn begin(&self, peer: IpAddr, name: &str) -> Result<Attempt<'_>, Error> {
        self.begin_at(peer, name, Instant::now())
    }

    fn begin_at(&self, peer: IpAddr, name: &str, now: Instant) -> Result<Attempt<'_>, Error> {
        let name: String = name.chars().take(LONGEST_NAME).collect();
        let place = (name, AddressBlock::of(peer));
        let mut tries = self.tries();
        let is_known = tries.known.contains_key(&place);
        if !is_known {
            tries.take_turns(&place, now)?;
        }
        Ok(Attempt { throttle: self, place, has_turns: !is_known })
    }

    /// Lets a client be known at a block of addresses, as it was before this process began.
    pub fn remember(&self, name: &str, block: AddressBlock) {
        self.tries().learn((name.to_owned(), block), Instant::now());
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        lock(&self.0)
    }
}

impl Attempt<'_> {
    /// The secret was right. Returns the block of addresses where the client was not known before.
    pub fn succeeded(self) -> Option<AddressBlock> {
        self.throttle.tries().learn(self.place.clone(), Instant::now())
    }

    /// The secret was wrong: why it is refused. Where a client is known, its wrong tries take its turns there, and are
    /// told to wait once none is left.
    pub fn failed(mut self) -> Error {
        let wrong = Error::new(Kind::Unauthorized, "client_id and client_secret are not right");
        if std::mem::take(&mut self.has_turns) {
            return wrong;
        }
        let now = Instant::now();
        let mut tries = self.throttle.tries();
        let turns = tries.places.entry(self.place.clone()).or_insert(TurnBudget::all(PLACE, now));
        if turns.take(PLACE, now) { wrong } else { wait(turns.seconds_until_one(PLACE)) }
    }
}

/// Gives the turns back, unless the secret was wrong.
impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.has_turns {
            self.throttle.tries().give_back(&self.place);
        }
    }
}

impl Tries {
    /// Takes the turns of a stranger.
    fn take_turns(&mut self, place: &TriedName, now: Instant) -> Result<(), Error> {
        if !self.all.has_one(ALL, now) {
            return Err(wait(self.all.seconds_until_one(ALL)));
        }
        self.forget_idle(now);
        let (name, block) = place;
        let of_block = self.blocks.entry(*block).or_insert(TurnBudget::all(BLOCK, now));
        if !of_block.has_one(BLOCK, now) {
            return Err(wait(of_block.seconds_until_one(BLOCK)));
        }
        let of_place = self.places.entry(place.clone()).or_insert(TurnBudget::all(PLACE, now));
        if !of_place.has_one(PLACE, now) {
            return Err(wait(of_place.seconds_until_one(PLACE)));
        }
        let is_first = of_place.has_all(PLACE, now);
        let of_name = self.names.entry(name.clone()).or_insert(TurnBudget::all(NAME, now));
        if !of_name.take(NAME, now) && !is_first {
            return Err(wait(of_name.seconds_until_one(NAME)));
        }
        of_place.take(PLACE, now);
        of_block.take(BLOCK, now);
        self.all.take(ALL, now);
        Ok(())
    }

    fn give_back(&mut self, place: &TriedName) {
        let (name, block) = place;
        self.all.give_back(ALL);
        if let Some(turns) = self.places.get_mut(place) {
            turns.give_back(PLACE);
        }
        if let Some(turns) = self.blocks.get_mut(block) {
            turns.give_back(BLOCK);
        }
        if let Some(turns) = self.names.get_mut(name) {
            turns.give_back(NAME);
        }
    }

    /// Remembers a success; the block where this is the first one.
    fn learn(&mut self, place: TriedName, now: Instant) -> Option<AddressBlock> {
        if self.known.len() >= MOST_KNOWN
            && !self.known.contains_key(&place)
            && let Some((oldest, _)) = self.known.iter().min_by_key(|(_, last)| **last)
        {
            let oldest = oldest.clone();
            self.known.remove(&oldest);
        }
        let block = place.1;
        let before = self.known.insert(place, now);
        before.is_none().then_some(block)
    }

    /// Forgets what has all turns again.
    fn forget_idle(&mut self, now: Instant) {
        if self.places.len() > MANY {
            self.places.retain(|_, turns| !turns.has_all(PLACE, now));
        }
        if self.blocks.len() > MANY {
            self.blocks.retain(|_, turns| !turns.has_all(BLOCK, now));
        }
        if self.names.len() > MANY {
            self.names.retain(|_, turns| !turns.has_all(NAME, now));
        }
    }
}

fn wait(seconds: u64) -> Error {
    Error::new(Kind::Throttled, "too many wrong credentials; try again later").after(seconds)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn address(number: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + number).to_be_bytes())
    }

    /// The number of wrong tries whose secret is checked, of one for each address and name.
    fn checked(
        throttle: &Throttle,
        now: Instant,
        tries: impl Iterator<Item = (IpAddr, String)>,
    ) -> usize {
        tries
            .filter(|(peer, name)| {
                let attempt = throttle.begin_at(*peer, name, now);
                attempt.map(Attempt::failed).is_ok()
            })
            .count()
    }

    #[test]
    fn neither_names_nor_addresses_give_a_guesser_more_tries() {
        let now = Instant::now();
        let throttle = Throttle::default();
        // One address with many names.
        let names = (0..10_050).map(|number| (address(1), format!("app-{number}")));
        assert_eq!(checked(&throttle, now, names), 100);
        // The loopback has sixteen million addresses, a site of IPv6 many more.
        let loopback = (0..10_050u32)
            .map(|number| (IpAddr::from((0x7f00_0001 + number).to_be_bytes()), "app".to_owned()));
        assert_eq!(checked(&throttle, now, loopback), 20);
        let site = (0..10_050u128).map(|number| {
            (
                IpAddr::from(((0x2001_0db8_u128 << 96) + (number << 60)).to_be_bytes()),
                "app".to_owned(),
            )
        });
        assert_eq!(checked(&throttle, now, site), 10);
        // Many addresses: the first try of each, until all strangers have had their turns.
        let many = (2..10_050).map(|number| (address(number), "app".to_owned()));
        assert_eq!(checked(&throttle, now, many), 2_000 - 130);
        // A second later some turns have come back.
        let later = now + Duration::from_secs(1);
        let many = (2_000_000..2_010_000).map(|number| (address(number), "app".to_owned()));
        assert!((99..=101).contains(&checked(&throttle, later, many)));
    }

    #[test]
    fn a_client_gets_in_while_others_guess_in_its_name() {
        let now = Instant::now();
        let throttle = Throttle::default();
        assert_eq!(
            throttle.begin(address(1), "app").unwrap().succeeded(),
            Some(AddressBlock::of(address(1)))
        );
        assert_eq!(throttle.begin(address(1), "app").unwrap().succeeded(), None);
        // A few addresses spend the turns of the name; later guesses from them are not checked.
        let guesses =
            || (2..4).cycle().take(1000).map(|number| (address(number), "app".to_owned()));
        assert_eq!(checked(&throttle, now, guesses()), 30);
        assert_eq!(checked(&throttle, now, guesses()), 0);
        // Others at the same address spend its turns.
        let beside = (0..1000).map(|number| (address(1), format!("other-{number}")));
        assert_eq!(checked(&throttle, now, beside), 100);
        // The client is known at its own address, and has a first try at another one.
        for number in [1, 1, 1, 50] {
            throttle.begin_at(address(number), "app", now).unwrap().succeeded();
        }
        // Wrong secrets where the client is known are told to wait in the end, and still do not lock it out.
        let mut kinds =
            (0..40).map(|_| throttle.begin(address(50), "app").unwrap().failed().kind());
        assert!(kinds.any(|kind| kind == Kind::Throttled));
        assert!(throttle.begin(address(50), "app").is_ok());
    }

    #[test]
    fn a_try_without_an_answer_costs_nothing() {
        let throttle = Throttle::default();
        let now = Instant::now();
        for _ in 0..1000 {
            drop(throttle.begin_at(address(1), "app", now).unwrap());
        }
    }

    #[test]
    fn blocks_and_names_are_forgotten_and_known_places_are_limited() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        for round in 0..100u32 {
            let tries =
                (0..500).map(|number| (address(round * 500 + number), format!("{round}-{number}")));
            checked(&throttle, now, tries);
            now += Duration::from_secs(60);
        }
        let tries = throttle.tries();
        assert!(tries.blocks.len() <= MANY + 500 && tries.names.len() <= MANY + 500);
        assert!(tries.places.len() <= MANY + 500);
        drop(tries);
        for number in 0..MOST_KNOWN + 10 {
            throttle.remember(&number.to_string(), AddressBlock::of(address(1)));
        }
        assert_eq!(throttle.tries().known.len(), MOST_KNOWN);
    }
}
