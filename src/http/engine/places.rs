//! Places at work: so many requests are worked on at once, and the others wait for their turn.
//!
//! Clients take turns by their addresses, so one that sends many requests waits for itself. A request
//! takes its place once its body is there, and gives it up while it waits for its client to read.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::sync::lock;

/// The places of an engine.
pub struct Places {
    turns: Mutex<Turns>,
    most: usize,
    /// The most places of one client: a quarter is kept for others.
    most_of_one: usize,
}

#[derive(Default)]
struct Turns {
    taken: usize,
    clients: HashMap<IpAddr, ClientTurns>,
    /// The clients with requests that wait, in rotation.
    rotation: VecDeque<IpAddr>,
}

/// The requests of one client.
#[derive(Default)]
struct ClientTurns {
    taken: usize,
    waiting: VecDeque<Arc<Turn>>,
}

/// A request that waits.
struct Turn {
    /// True in the middle of a response, which is not given up.
    is_begun: bool,
    /// 0 until it is decided, then [`GIVEN`] or [`REFUSED`].
    outcome: AtomicU8,
    decided: Condvar,
}

impl ClientTurns {
    /// The requests that wait to be begun.
    fn to_begin(&self) -> impl Iterator<Item = &Arc<Turn>> {
        self.waiting.iter().filter(|turn| !turn.is_begun)
    }
}

const GIVEN: u8 = 1;
const REFUSED: u8 = 2;

impl Turn {
    fn decide(&self, outcome: u8) {
        self.outcome.store(outcome, Ordering::SeqCst);
        self.decided.notify_one();
    }

    fn is_open(&self) -> bool {
        self.outcome.load(Ordering::SeqCst) == 0
    }
}

/// A place, given back when it is dropped.
pub struct PlaceAtWork {
    places: Arc<Places>,
    client: IpAddr,
    is_held: bool,
}

impl Places {
    /// So many places.
    pub fn new(most: usize) -> Arc<Places> {
        let most = most.max(1);
        Arc::new(Places { turns: Mutex::default(), most, most_of_one: most - most / 4 })
    }

    /// How many requests have a place, and how many wait for one.
    pub fn load(&self) -> (usize, usize) {
        let turns = lock(&self.turns);
        (turns.taken, turns.clients.values().map(|own| own.waiting.len()).sum())
    }

    /// Takes a place for a request of `client`, and waits for it for `patience` at most.
    ///
    /// `None` where the time is over or [`Places::turn_one_away`] has chosen this request.
    pub fn take(self: &Arc<Places>, client: IpAddr, patience: Duration) -> Option<PlaceAtWork> {
        let client = of_one_client(client);
        let is_given = self.wait(client, Some(Instant::now() + patience));
        is_given.then(|| PlaceAtWork { places: self.clone(), client, is_held: true })
    }

    fn wait(&self, client: IpAddr, deadline: Option<Instant>) -> bool {
        let mut turns = lock(&self.turns);
        let own = turns.clients.entry(client).or_default();
        let is_free = own.taken < self.most_of_one;
        if is_free && turns.taken < self.most {
            turns.take(client);
            return true;
        }
        let turn = Arc::new(Turn {
            is_begun: deadline.is_none(),
            outcome: AtomicU8::new(0),
            decided: Condvar::new(),
        });
        let own = turns.clients.entry(client).or_default();
        own.waiting.push_back(turn.clone());
        if own.waiting.len() == 1 {
            turns.rotation.push_back(client);
        }
        loop {
            turns = match deadline {
                None => turn.decided.wait(turns).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let waited = turn.decided.wait_timeout(turns, left);
                    let (mut turns, waited) = waited.unwrap_or_else(PoisonError::into_inner);
                    if waited.timed_out() && turn.is_open() {
                        turns.forget(client, &turn);
                    }
                    turns
                }
            };
            if !turn.is_open() {
                return turn.outcome.load(Ordering::SeqCst) == GIVEN;
            }
        }
    }

    fn give_back(&self, client: IpAddr) {
        let mut turns = lock(&self.turns);
        turns.taken -= 1;
        if let Some(own) = turns.clients.get_mut(&client) {
            own.taken -= 1;
        }
        turns.clear(client);
        self.serve_next(turns);
    }

    /// Gives free places to those whose turn it is.
    fn serve_next(&self, mut turns: MutexGuard<'_, Turns>) {
        for _ in 0..turns.rotation.len() {
            if turns.taken >= self.most {
                return;
            }
            let Some(client) = turns.rotation.pop_front() else { return };
            let Some(own) = turns.clients.get_mut(&client) else { continue };
            if own.taken < self.most_of_one
                && let Some(turn) = own.waiting.pop_front()
            {
                turn.decide(GIVEN);
                turns.take(client);
            }
            if turns.clients.get(&client).is_some_and(|own| !own.waiting.is_empty()) {
                turns.rotation.push_back(client);
            }
        }
    }

    /// Turns away the last request of the client with the most requests that wait to be begun. False if
    /// none waits.
    pub fn turn_one_away(&self) -> bool {
        let mut turns = lock(&self.turns);
        let longest = turns.clients.iter().max_by_key(|(_, own)| own.to_begin().count());
        let last =
            longest.and_then(|(client, own)| Some((*client, own.to_begin().last()?.clone())));
        let Some((client, turn)) = last else { return false };
        turns.forget(client, &turn);
        true
    }
}

impl Turns {
    fn take(&mut self, client: IpAddr) {
        self.taken += 1;
        self.clients.entry(client).or_default().taken += 1;
    }

    /// Refuses a turn that waits.
    fn forget(&mut self, client: IpAddr, turn: &Arc<Turn>) {
        turn.decide(REFUSED);
        if let Some(own) = self.clients.get_mut(&client) {
            own.waiting.retain(|other| !Arc::ptr_eq(other, turn));
            if own.waiting.is_empty() {
                self.rotation.retain(|other| *other != client);
            }
        }
        self.clear(client);
    }

    /// Forgets a client without requests.
    fn clear(&mut self, client: IpAddr) {
        if self.clients.get(&client).is_some_and(|own| own.taken == 0 && own.waiting.is_empty()) {
            self.clients.remove(&client);
        }
    }
}

impl PlaceAtWork {
    /// Gives the place to others for a while.
    pub fn pause(&mut self) {
        if std::mem::take(&mut self.is_held) {
            self.places.give_back(self.client);
        }
    }

    /// Takes a place again after [`PlaceAtWork::pause`], however long that takes.
    pub fn resume(&mut self) {
        self.is_held = self.is_held || self.places.wait(self.client, None);
    }
}

impl Drop for PlaceAtWork {
    fn drop(&mut self) {
        self.pause();
    }
}

/// The address that stands for a client: of IPv6 the first 64 bits, because a client has all the rest.
pub fn of_one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    /// Waits until so many requests wait.
    fn until_waiting(places: &Places, count: usize) {
        let waiting =
            |turns: &Turns| turns.clients.values().map(|own| own.waiting.len()).sum::<usize>();
        while waiting(&lock(&places.turns)) != count {
            thread::yield_now();
        }
    }

    #[test]
    fn clients_take_turns_whatever_one_of_them_asks_for() {
        let places = Places::new(1);
        let held = places.take(address(1), LONG).unwrap();
        let (sender, order) = channel();
        thread::scope(|scope| {
            // Four requests of one client come before one of each other client.
            for (number, last) in [1, 1, 1, 1, 2, 3].into_iter().enumerate() {
                let (places, sender) = (&places, sender.clone());
                scope.spawn(move || {
                    let _place = places.take(address(last), LONG).unwrap();
                    sender.send(last).unwrap();
                });
                until_waiting(places, number + 1);
            }
            drop(held);
        });
        drop(sender);
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 2, 3, 1, 1, 1]);
        assert!(lock(&places.turns).clients.is_empty());
    }

    #[test]
    fn one_client_never_has_all_places() {
        let places = Places::new(8);
        let held: Vec<_> = (0..6).map(|_| places.take(address(1), LONG).unwrap()).collect();
        assert!(places.take(address(1), Duration::ZERO).is_none());
        let other = places.take(address(2), Duration::ZERO).unwrap();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| places.take(address(1), LONG).is_some());
            until_waiting(&places, 1);
            drop(held);
            assert!(waiting.join().unwrap());
        });
        drop(other);
        assert!(lock(&places.turns).clients.is_empty());
        assert_eq!(lock(&places.turns).taken, 0);
    }

    #[test]
    fn a_request_that_waits_for_its_reader_lends_its_place() {
        let places = Places::new(1);
        let mut slow = places.take(address(1), LONG).unwrap();
        assert!(places.take(address(2), Duration::ZERO).is_none());
        slow.pause();
        let other = places.take(address(2), Duration::ZERO).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| slow.resume());
            until_waiting(&places, 1);
            drop(other);
        });
        assert!(places.take(address(2), Duration::ZERO).is_none());
        drop(slow);
        assert!(places.take(address(2), Duration::ZERO).is_some());
    }

    #[test]
    fn the_client_with_most_requests_loses_one() {
        let places = Places::new(1);
        assert!(!places.turn_one_away());
        let held = places.take(address(9), LONG).unwrap();
        thread::scope(|scope| {
            let take = |last| places.take(address(last), LONG).is_some();
            let one = scope.spawn(move || take(1));
            until_waiting(&places, 1);
            let others = [scope.spawn(move || take(2)), scope.spawn(move || take(2))];
            until_waiting(&places, 3);
            assert!(places.turn_one_away());
            until_waiting(&places, 2);
            drop(held);
            assert!(one.join().unwrap());
            let others = others.map(|other| other.join().unwrap());
            assert_ne!(others[0], others[1]);
        });
    }

    #[test]
    fn addresses_of_one_client_are_one() {
        for (address, client) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ] {
            let client: IpAddr = client.parse().unwrap();
            assert_eq!(of_one_client(address.parse().unwrap()), client, "{address}");
        }
    }
}
