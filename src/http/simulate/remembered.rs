//! A map by name that forgets the oldest names, so that its memory is bounded.
//!
//! It holds what rules count about jobs, files, tokens and path segments. It is not for data of a store.

use std::collections::{HashMap, VecDeque};

/// The most names that are remembered.
const MOST: usize = 10_000;

/// Values by name. The name that came first is forgotten first.
#[derive(Debug)]
pub struct Remembered<V> {
    values: HashMap<String, V>,
    in_order: VecDeque<String>,
}

impl<V> Default for Remembered<V> {
    fn default() -> Remembered<V> {
        Remembered { values: HashMap::new(), in_order: VecDeque::new() }
    }
}

impl<V: Default> Remembered<V> {
    /// The value of a name; a new one for a new name.
    pub fn entry(&mut self, name: &str) -> &mut V {
        if !self.values.contains_key(name) {
            if self.in_order.len() >= MOST
                && let Some(oldest) = self.in_order.pop_front()
            {
                self.values.remove(&oldest);
            }
            self.in_order.push_back(name.to_owned());
        }
        self.values.entry(name.to_owned()).or_default()
    }

    /// True if the name is remembered.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_name_is_forgotten() {
        let mut remembered = Remembered::<u64>::default();
        for number in 0..=MOST {
            *remembered.entry(&number.to_string()) += 1;
        }
        assert!(!remembered.has("0"));
        assert!(remembered.has("1"));
        assert_eq!(*remembered.entry("1"), 1);
        assert_eq!(remembered.in_order.len(), MOST);
    }
}
