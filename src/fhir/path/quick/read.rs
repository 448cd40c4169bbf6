//! The pass over the text of a resource, which fills the slots of a plan.

use super::slot_tree::{SlotId, SlotTree};
use super::slots::{SlotKind, Slots, Unusual};
use super::states::{FoundMember, StateId, States, Target};
use crate::fhir::json::JsonCursor;

/// A pass over a text.
pub(super) struct SlotReader<'t, 'p> {
    states: &'p States,
    text: &'t str,
    bytes: &'t [u8],
    cursor: JsonCursor<'t>,
    slots: Slots<'t>,
    /// The values of lists, each with the number of its list, in order.
    listed: Vec<(usize, &'t str)>,
}

impl<'t, 'p> SlotReader<'t, 'p> {
    /// A pass over a text that is known to be JSON.
    pub(super) fn new(text: &'t str, states: &'p States) -> SlotReader<'t, 'p> {
        let (cursor, slots) = (JsonCursor::of_known(text), Slots::new(text, states.places));
        SlotReader { states, text, bytes: text.as_bytes(), cursor, slots, listed: Vec::new() }
    }

    /// Reads a whole resource, or a whole value of a list.
    ///
    /// # Errors
    ///
    /// What is looked at is not as it mostly is: a member that stands twice or beside another, a list in a list, a null
    /// in a list; or the text is no JSON object.
    pub(super) fn whole(mut self) -> Result<Slots<'t>, Unusual> {
        self.cursor.skip_space();
        if self.cursor.peek() != Some(b'{') {
            return Err(Unusual);
        }
        self.put(&[SlotTree::ROOT], SlotKind::Object, false, self.cursor.at);
        self.object(0)?;
        self.cursor.skip_space();
        if self.cursor.at < self.bytes.len() {
            return Err(Unusual);
        }
        self.slots.lists = self.lists();
        Ok(self.slots)
    }

    /// Looks at the values of lists.
    fn lists(&self) -> Vec<Option<Vec<Slots<'t>>>> {
        let lists = self.states.lists.iter().enumerate().map(|(number, list)| {
            if self.slots.at(list.place).count < list.from {
                return None;
            }
            let values = self.listed.iter().filter(|(of_list, _)| *of_list == number);
            let values = values.zip(0..).map(|((_, value), row_index)| {
                let mut slots = SlotReader::new(value, &list.states).whole()?;
                slots.row_index = row_index;
                Ok::<_, Unusual>(slots)
            });
            values.collect::<Result<_, _>>().ok()
        });
        lists.collect()
    }

    /// Reads an object. The states nest as deep as the tree of places, which has a bound.
    fn object(&mut self, state: StateId) -> Result<(), Unusual> {
        let states = self.states;
        let state = &states.states[state];
        if state.is_blind() {
            return self.skip();
        }
        self.cursor.at += 1;
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b'}') {
            self.cursor.at += 1;
            return Ok(());
        }
        let mut seen = 0u64;
        loop {
            if self.cursor.peek() != Some(b'"') {
                return Err(Unusual);
            }
            let start = self.cursor.at + 1;
            let is_plain = self.cursor.skip_string().map_err(|_| Unusual)?;
            let length = self.cursor.at - 1 - start;
            self.cursor.skip_space();
            if !is_plain || length == 0 || self.cursor.peek() != Some(b':') {
                return Err(Unusual);
            }
            self.cursor.at += 1;
            self.cursor.skip_space();
            match state.find(&self.bytes[start..], length) {
                None => self.skip()?,
                Some(FoundMember::Unusual) => return Err(Unusual),
                Some(FoundMember::Member(number, target)) => {
                    if seen & 1 << number != 0 {
                        return Err(Unusual);
                    }
                    seen |= 1 << number;
                    match target {
                        Some(target) => self.value(target)?,
                        None => self.skip()?,
                    }
                }
            }
            if !self.cursor.goes_on(b'}', "").map_err(|_| Unusual)? {
                return Ok(());
            }
            self.cursor.skip_space();
        }
    }

    /// Reads the value of a member: an element, or a list of them.
    fn value(&mut self, target: &Target) -> Result<(), Unusual> {
        match self.cursor.peek() {
            Some(b'[') => {}
            // An element that is null is not there.
            Some(b'n') => return self.skip(),
            _ => return self.element(target, false),
        }
        self.cursor.at += 1;
        self.cursor.skip_space();
        if self.cursor.peek() == Some(b']') {
            self.cursor.at += 1;
            return Ok(());
        }
        loop {
            self.element(target, true)?;
            if !self.cursor.goes_on(b']', "").map_err(|_| Unusual)? {
                return Ok(());
            }
            self.cursor.skip_space();
        }
    }

    fn element(&mut self, target: &Target, is_listed: bool) -> Result<(), Unusual> {
        let states = self.states;
        let id = self.state_of(target)?;
        let state = &states.states[id];
        let start = self.cursor.at;
        let kind = match self.cursor.peek() {
            Some(b'{') => {
                // The object is there before its parts are.
                self.put(&state.fills, SlotKind::Object, is_listed, start);
                self.object(id)?;
                self.add_to_lists(&state.lists, start);
                return Ok(());
            }
            Some(b'"') => match self.cursor.skip_string().map_err(|_| Unusual)? {
                true => SlotKind::Text,
                false => SlotKind::EscapedText,
            },
            Some(b't') => self.word("true", SlotKind::True)?,
            Some(b'f') => self.word("false", SlotKind::False)?,
            Some(b'-' | b'0'..=b'9') => {
                self.cursor.skip_number().map_err(|_| Unusual)?;
                SlotKind::Number
            }
            _ => return Err(Unusual),
        };
        self.put(&state.fills, kind, is_listed, start);
        self.add_to_lists(&state.lists, start);
        Ok(())
    }

    fn add_to_lists(&mut self, lists: &[usize], start: usize) {
        for list in lists {
            self.listed.push((*list, &self.text[start..self.cursor.at]));
        }
    }

    /// Where the next element leads.
    #[inline]
    fn state_of(&self, target: &Target) -> Result<StateId, Unusual> {
        let [first, others @ ..] = &target.firsts[..] else { return Ok(target.other) };
        let is_first = |place: &SlotId| self.slots.at(*place).count == 0;
        let is_it = is_first(first);
        // It is the first one of some places, and not of others.
        if others.iter().any(|other| is_first(other) != is_it) {
            return Err(Unusual);
        }
        Ok(if is_it { target.first } else { target.other })
    }

    #[inline]
    fn put(&mut self, places: &[SlotId], kind: SlotKind, is_listed: bool, start: usize) {
        for place in places {
            self.slots.put(*place, kind, is_listed, (start, self.cursor.at));
        }
    }

    fn skip(&mut self) -> Result<(), Unusual> {
        self.cursor.skip_value().map_err(|_| Unusual)
    }

    fn word(&mut self, word: &str, kind: SlotKind) -> Result<SlotKind, Unusual> {
        self.cursor.skip_word(word).map(|()| kind).map_err(|_| Unusual)
    }
}
