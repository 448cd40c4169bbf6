//! The places of a resource that expressions look at, as a tree: each is reached by an element of the place above it,
//! or is the first value of that place.

use super::super::syntax::Member;
use super::super::types::{ElementType, Type};

/// The deepest place.
const DEEPEST: usize = 32;
/// The most places of one plan.
const MOST: usize = 1000;

/// The number of a place, and of the slot that has what stands there.
pub(super) type SlotId = usize;

/// The places, each before those within it.
#[derive(Clone, Debug)]
pub(super) struct SlotTree {
    places: Vec<SlotPlace>,
    lists: Vec<SlotList>,
}

/// A place of which each value is looked at by itself, with the places within such a value.
#[derive(Clone, Debug)]
pub(super) struct SlotList {
    pub(super) place: SlotId,
    /// From how many values on they are looked at.
    pub(super) from: u32,
    pub(super) tree: SlotTree,
}

/// A place.
#[derive(Clone, Debug)]
pub(super) struct SlotPlace {
    pub(super) within: SlotId,
    pub(super) step: SlotStep,
    /// The type of what stands there; `None` where that is not known beforehand.
    pub(super) of: Option<Type>,
    depth: usize,
}

/// How a place is reached from the one that it is within.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SlotStep {
    Root,
    /// The element of a name.
    Element(String),
    /// The choice element of a name: of any type, or of a type and those that specialize it.
    Choice(String, Option<Type>),
    /// The first of all values that stand at the place around it.
    First,
}

impl SlotTree {
    /// The place of the resource itself.
    pub(super) const ROOT: SlotId = 0;

    /// A tree of nothing but a resource of a type.
    pub(super) fn new(resource: Type) -> SlotTree {
        let root = SlotPlace { within: 0, step: SlotStep::Root, of: Some(resource), depth: 0 };
        SlotTree { places: vec![root], lists: Vec::new() }
    }

    /// The places, by their numbers.
    pub(super) fn places(&self) -> &[SlotPlace] {
        &self.places
    }

    /// The places of which each value is looked at by itself, by the numbers of the lists.
    pub(super) fn lists(&self) -> &[SlotList] {
        &self.lists
    }

    /// Makes something of the places within each value of a place whose values are looked at from so many on. Returns the
    /// number of the list too. Where nothing is made, nothing is looked at. `None` then, where the type of the values is
    /// not known beforehand, and for the resource itself.
    pub(super) fn list<T>(
        &mut self,
        place: SlotId,
        from: u32,
        make: impl FnOnce(&mut SlotTree) -> Option<T>,
    ) -> Option<(usize, T)> {
        if place == SlotTree::ROOT {
            return None;
        }
        let number = self.lists.iter().position(|list| list.place == place);
        let mut list = match number {
            Some(number) => self.lists[number].clone(),
            None => SlotList { place, from, tree: SlotTree::new(self.type_at(place)?) },
        };
        let made = make(&mut list.tree)?;
        list.from = list.from.min(from);
        let number = match number {
            Some(number) => {
                self.lists[number] = list;
                number
            }
            None => {
                self.lists.push(list);
                self.lists.len() - 1
            }
        };
        Some((number, made))
    }

    /// The type of what stands at a place; `None` where that is not known beforehand.
    pub(super) fn type_at(&self, place: SlotId) -> Option<Type> {
        self.places[place].of
    }

    /// The place of an element; `None` where there are too many, and where the type of what has the element is not
    /// known.
    pub(super) fn element(&mut self, within: SlotId, member: &Member) -> Option<SlotId> {
        let of = self.type_at(within)?;
        let name = member.name.clone();
        let (step, of) = match member.element.and_then(|name| of.element(name)) {
            Some(ElementType::One(of)) => {
                (SlotStep::Element(name), Some(of).filter(|of| !of.is_any_resource()))
            }
            Some(ElementType::Choice) => (SlotStep::Choice(name, None), None),
            None if member.is_choice_stem => (SlotStep::Choice(name, None), None),
            None => (SlotStep::Element(name), None),
        };
        self.add(within, step, of)
    }

    /// The place of the same choice element where it has a type. `None` where the place is that of no choice element.
    pub(super) fn of_type(&mut self, place: SlotId, wanted: Type) -> Option<SlotId> {
        let SlotPlace { within, step, .. } = &self.places[place];
        let SlotStep::Choice(name, None) = step else { return None };
        let step = SlotStep::Choice(name.clone(), Some(wanted));
        self.add(*within, step, Some(wanted))
    }

    /// The place of the first value of all that stand at a place.
    pub(super) fn first(&mut self, place: SlotId) -> Option<SlotId> {
        match self.places[place].step {
            SlotStep::Root | SlotStep::First => Some(place),
            _ => self.add(place, SlotStep::First, self.type_at(place)),
        }
    }

    fn add(&mut self, within: SlotId, step: SlotStep, of: Option<Type>) -> Option<SlotId> {
        let is_it = |place: &SlotPlace| place.within == within && place.step == step;
        // The root is within itself.
        if let Some(found) = self.places.iter().skip(1).position(is_it) {
            return Some(found + 1);
        }
        let depth = self.places[within].depth + 1;
        if depth > DEEPEST || self.places.len() == MOST {
            return None;
        }
        self.places.push(SlotPlace { within, step, of, depth });
        Some(self.places.len() - 1)
    }
}
