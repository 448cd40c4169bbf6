//! What a pass over a resource found at each place: the first value, and how many there are.

use std::borrow::Cow;

use super::slot_tree::SlotId;

/// A resource is not as most are: what is asked of it needs the evaluator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unusual;

/// What a pass found in a resource.
#[derive(Debug)]
pub struct Slots<'t> {
    text: &'t str,
    slots: Vec<Slot>,
    /// What was found in each value of a list. `None` where the values were not looked at, or are unusual.
    pub(super) lists: Vec<Option<Vec<Slots<'t>>>>,
    /// The place of the value among those of its list.
    pub(super) row_index: i64,
}

/// What was found at a place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// How many values there are.
    pub(super) count: u32,
    /// Where the first one stands in the text.
    start: u32,
    end: u32,
    /// What the first value is.
    pub(super) kind: SlotKind,
    /// True where every value is an object.
    pub(super) are_objects: bool,
    /// True where a value stands in a list.
    pub(super) is_listed: bool,
}

/// What a value in JSON is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SlotKind {
    #[default]
    Object,
    Text,
    /// A string with escapes.
    EscapedText,
    Number,
    True,
    False,
}

/// A value that was found: a JSON string without its quotes and escapes, or a number as written.
#[derive(Clone, Debug, PartialEq)]
pub enum QuickValue<'t> {
    /// True or false.
    Boolean(bool),
    /// A number, as written.
    Number(Cow<'t, str>),
    /// A text, a date, a time.
    Text(Cow<'t, str>),
}

impl<'t> Slots<'t> {
    /// Nothing yet at so many places.
    pub(super) fn new(text: &'t str, count: usize) -> Slots<'t> {
        Slots { text, slots: vec![Slot::default(); count], lists: Vec::new(), row_index: 0 }
    }

    /// What was found in each value of a list.
    ///
    /// # Errors
    ///
    /// The values are unusual, or fewer than the list looks at.
    pub(super) fn list(&self, number: usize) -> Result<&[Slots<'t>], Unusual> {
        self.lists.get(number).and_then(Option::as_deref).ok_or(Unusual)
    }

    pub(super) fn at(&self, place: SlotId) -> &Slot {
        &self.slots[place]
    }

    /// Puts a value into a slot.
    #[inline]
    pub(super) fn put(
        &mut self,
        place: SlotId,
        kind: SlotKind,
        is_listed: bool,
        (start, end): (usize, usize),
    ) {
        let slot = &mut self.slots[place];
        if slot.count == 0 {
            // A text is shorter than 4 GB: `QuickPlan::read` sees to that.
            (slot.start, slot.end) = (start as u32, end as u32);
            slot.kind = kind;
            slot.are_objects = true;
        }
        slot.count += 1;
        slot.are_objects &= kind == SlotKind::Object;
        slot.is_listed |= is_listed;
    }

    /// The text of a slot whose first value is a string.
    ///
    /// # Errors
    ///
    /// The value is no string, or has an escape that stands for no character.
    pub(super) fn text_at(&self, place: SlotId) -> Result<Cow<'t, str>, Unusual> {
        let Slot { start, end, kind, .. } = self.slots[place];
        let (start, end) = (start as usize, end as usize);
        match kind {
            SlotKind::Text => Ok(Cow::Borrowed(&self.text[start + 1..end - 1])),
            SlotKind::EscapedText => {
                serde_json::from_str(&self.text[start..end]).map(Cow::Owned).map_err(|_| Unusual)
            }
            _ => Err(Unusual),
        }
    }

    /// The first value of a slot.
    ///
    /// # Errors
    ///
    /// The value is an object, or a string that has an escape which stands for no character.
    pub(super) fn value_at(&self, place: SlotId) -> Result<QuickValue<'t>, Unusual> {
        let Slot { start, end, kind, .. } = self.slots[place];
        Ok(match kind {
            SlotKind::Object => return Err(Unusual),
            SlotKind::Text | SlotKind::EscapedText => QuickValue::Text(self.text_at(place)?),
            SlotKind::Number => {
                QuickValue::Number(Cow::Borrowed(&self.text[start as usize..end as usize]))
            }
            SlotKind::True => QuickValue::Boolean(true),
            SlotKind::False => QuickValue::Boolean(false),
        })
    }
}
