//! What a pass over a resource does at each element: which places it stands for, and which members to look at.
//!
//! An element may stand for several places at once: `category` and the first one of it. Each set of places is a state,
//! worked out before any resource is seen.

use std::collections::HashMap;

use super::super::types::{Type, choice_types};
use super::slot_tree::{SlotId, SlotStep, SlotTree};

/// The most states of one plan.
const MOST: usize = 500;
/// The most members that a state looks at: as many as a number has bits.
const MOST_MEMBERS: usize = 64;

/// The number of a state.
pub(super) type StateId = usize;

/// What an element stands for, and what is looked at in it.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The slots that take the element.
    pub(super) fills: Vec<SlotId>,
    /// The lists that take it too.
    pub(super) lists: Vec<usize>,
    members: Vec<StateMember>,
    /// The members of one name by it: a table with free rows, at least three times as many as others. A row has the
    /// number of the member and one more. A member stands in the row that its name says, or in one of those behind it
    /// before the next free one.
    rows: Vec<u8>,
    /// The choice elements: the beginnings of their names, which bits of those count, and their numbers.
    choices: Vec<(u64, u64, usize)>,
}

/// A member that is looked at.
#[derive(Clone, Debug)]
struct StateMember {
    name: String,
    beginning: u64,
    leads: Leads,
}

/// Where a member leads.
#[derive(Clone, Debug)]
enum Leads {
    To(Target),
    /// By what stands behind the name: the suffixes of all types, with a target where the type matters.
    ByType(Vec<(&'static str, Option<Target>)>),
}

/// Where the elements of a member lead: to one state, but for the first of all that stand at some places.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The places whose first element leads elsewhere.
    pub(super) firsts: Vec<SlotId>,
    pub(super) first: StateId,
    pub(super) other: StateId,
}

/// A member that was found.
pub(super) enum FoundMember<'s> {
    /// Its number among those of the state; where it leads, `None` for nowhere.
    Member(usize, Option<&'s Target>),
    /// A member that is not as it mostly is.
    Unusual,
}

/// What a pass does in a resource, or in a value of a list.
#[derive(Clone, Debug)]
pub(super) struct States {
    /// The first one is that of the whole.
    pub(super) states: Vec<State>,
    /// How many slots there are.
    pub(super) places: usize,
    pub(super) lists: Vec<StatesOfList>,
}

/// What a pass does in each value of a list.
#[derive(Clone, Debug)]
pub(super) struct StatesOfList {
    pub(super) place: SlotId,
    /// From how many values on they are looked at.
    pub(super) from: u32,
    pub(super) states: States,
}

impl States {
    /// The states of a tree. `None` where there are too many, or names that cannot be told apart. Lists nest no deeper than
    /// the selects of a view and the conditions in an expression may.
    pub(super) fn of(tree: &SlotTree) -> Option<States> {
        let mut builder = StateBuilder { tree, known: HashMap::new(), states: Vec::new() };
        builder.state(vec![SlotTree::ROOT])?;
        let lists = tree.lists().iter().map(|list| {
            let states = States::of(&list.tree)?;
            Some(StatesOfList { place: list.place, from: list.from, states })
        });
        let lists = lists.collect::<Option<_>>()?;
        Some(States { states: builder.states, places: tree.places().len(), lists })
    }
}

struct StateBuilder<'a> {
    tree: &'a SlotTree,
    known: HashMap<Vec<SlotId>, StateId>,
    states: Vec<State>,
}

impl StateBuilder<'_> {
    /// The state of some places. The tree bounds how deep this goes. `None` where there are too many states, or names
    /// that cannot be told apart.
    fn state(&mut self, places: Vec<SlotId>) -> Option<StateId> {
        if let Some(known) = self.known.get(&places) {
            return Some(*known);
        }
        let id = self.states.len();
        if id == MOST {
            return None;
        }
        let lists = self.tree.lists().iter().enumerate();
        let lists = lists.filter(|(_, list)| places.contains(&list.place));
        let lists = lists.map(|(number, _)| number).collect();
        self.states.push(State { fills: places.clone(), lists, ..State::default() });
        self.known.insert(places.clone(), id);
        let mut members = Vec::new();
        for (name, is_choice, within) in self.members(&places)? {
            let leads = match is_choice {
                false => Leads::To(self.target(within.iter().map(|(place, _)| *place).collect())?),
                true => Leads::ByType(self.by_type(&within)?),
            };
            let beginning = beginning_of(name.as_bytes());
            members.push(StateMember { name, beginning, leads });
        }
        self.states[id].look_at(members);
        Some(id)
    }

    /// The members that lead to places within some places: their names, whether they are choices, and the places with
    /// the types that they ask for. `None` where names cannot be told apart.
    #[expect(clippy::type_complexity)]
    fn members(
        &self,
        places: &[SlotId],
    ) -> Option<Vec<(String, bool, Vec<(SlotId, Option<Type>)>)>> {
        let mut members: Vec<(String, bool, Vec<(SlotId, Option<Type>)>)> = Vec::new();
        for (id, place) in self.tree.places().iter().enumerate() {
            let (name, is_choice, of) = match &place.step {
                _ if !places.contains(&place.within) => continue,
                SlotStep::Element(name) => (name, false, None),
                SlotStep::Choice(name, of) => (name, true, *of),
                SlotStep::Root | SlotStep::First => continue,
            };
            match members.iter_mut().find(|(known, ..)| known == name) {
                Some((_, of_known, within)) if *of_known == is_choice => within.push((id, of)),
                Some(_) => return None,
                None => members.push((name.clone(), is_choice, vec![(id, of)])),
            }
        }
        let is_clear = |name: &String| {
            let others = members.iter().filter(|(other, ..)| other != name);
            !name.is_empty()
                && !name.starts_with('_')
                && !name.contains('\0')
                && others
                    .clone()
                    .all(|(other, is_choice, _)| !(*is_choice && name.starts_with(other)))
        };
        let is_possible =
            members.len() <= MOST_MEMBERS && members.iter().all(|(name, ..)| is_clear(name));
        is_possible.then_some(members)
    }

    fn by_type(
        &mut self,
        within: &[(SlotId, Option<Type>)],
    ) -> Option<Vec<(&'static str, Option<Target>)>> {
        let mut leads = Vec::new();
        for (suffix, of) in choice_types() {
            let takes =
                within.iter().filter(|(_, wanted)| wanted.is_none_or(|wanted| of.is(wanted)));
            let places: Vec<_> = takes.map(|(place, _)| *place).collect();
            leads.push(match places.is_empty() {
                true => (suffix, None),
                false => (suffix, Some(self.target(places)?)),
            });
        }
        // Those that lead somewhere are looked for first.
        leads.sort_by_key(|(_, target)| target.is_none());
        Some(leads)
    }

    /// Where elements lead that stand at some places.
    fn target(&mut self, places: Vec<SlotId>) -> Option<Target> {
        let all = self.tree.places().iter().enumerate();
        let firsts =
            all.filter(|(_, of)| of.step == SlotStep::First && places.contains(&of.within));
        let (mut with_firsts, mut bases) = (places.clone(), Vec::new());
        for (first, of) in firsts {
            with_firsts.push(first);
            bases.push(of.within);
        }
        let other = self.state(sorted(places))?;
        let first = self.state(sorted(with_firsts))?;
        Some(Target { firsts: bases, first, other })
    }
}

fn sorted(mut places: Vec<SlotId>) -> Vec<SlotId> {
    places.sort_unstable();
    places
}

impl State {
    fn look_at(&mut self, members: Vec<StateMember>) {
        self.rows = vec![0; (members.len() * 4).next_power_of_two()];
        for (number, member) in members.iter().enumerate() {
            if let Leads::ByType(_) = member.leads {
                self.choices.push((member.beginning, mask_of(member.name.len()), number));
                continue;
            }
            let mut row = self.row_of(member.beginning, member.name.len());
            while self.rows[row] > 0 {
                row = (row + 1) & (self.rows.len() - 1);
            }
            self.rows[row] = number as u8 + 1;
        }
        self.members = members;
    }

    /// The row in which the member of a name stands, or before it.
    #[inline]
    fn row_of(&self, beginning: u64, length: usize) -> usize {
        // The golden ratio as a number of 64 bits: its product differs in the upper bits where names differ anywhere.
        let product = (beginning ^ length as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (product >> 56) as usize & (self.rows.len() - 1)
    }

    /// True where nothing is looked at in the element.
    pub(super) fn is_blind(&self) -> bool {
        self.members.is_empty()
    }

    /// Finds the member of a name that stands at the beginning of `bytes` and has so many of them. `None` where the
    /// state does not look at it, or looks at nothing.
    #[inline]
    pub(super) fn find(&self, bytes: &[u8], length: usize) -> Option<FoundMember<'_>> {
        let name = &bytes[..length];
        let beginning = match bytes.first_chunk() {
            Some(chunk) => u64::from_le_bytes(*chunk) & mask_of(length),
            None => beginning_of(name),
        };
        let mut row = self.row_of(beginning, length);
        while let Some(number) = usize::from(self.rows[row]).checked_sub(1) {
            let member = &self.members[number];
            if member.beginning == beginning
                && member.name.len() == length
                && (length <= 8 || member.name.as_bytes() == name)
                && let Leads::To(target) = &member.leads
            {
                return Some(FoundMember::Member(number, Some(target)));
            }
            row = (row + 1) & (self.rows.len() - 1);
        }
        for (of_choice, mask, number) in &self.choices {
            if (of_choice ^ beginning) & mask == 0
                && let Some(found) = self.members[*number].of_type(*number, name)
            {
                return Some(found);
            }
        }
        if name.first() == Some(&b'_') { self.find_beside(&bytes[1..], length - 1) } else { None }
    }

    /// `_birthDate` has what stands beside `birthDate`.
    #[cold]
    fn find_beside(&self, bytes: &[u8], length: usize) -> Option<FoundMember<'_>> {
        self.find(bytes, length).map(|_| FoundMember::Unusual)
    }
}

impl StateMember {
    /// What the name of a choice element finds. `None` for a name that does not end in a type.
    #[inline]
    fn of_type(&self, number: usize, name: &[u8]) -> Option<FoundMember<'_>> {
        let Leads::ByType(targets) = &self.leads else { return None };
        let suffix = name.strip_prefix(self.name.as_bytes())?;
        // The type of a choice element is a part of its name.
        if suffix.is_empty() {
            return Some(FoundMember::Unusual);
        }
        let is_it = |(of, _): &&(&str, _)| of.as_bytes() == suffix;
        let (_, target) = targets.iter().find(is_it)?;
        Some(FoundMember::Member(number, target.as_ref()))
    }
}

/// The first eight bytes as a number, filled up with zeros.
fn beginning_of(bytes: &[u8]) -> u64 {
    let mut chunk = [0; 8];
    let length = bytes.len().min(8);
    chunk[..length].copy_from_slice(&bytes[..length]);
    u64::from_le_bytes(chunk)
}

/// The bits that so many first bytes have in such a number.
#[inline]
fn mask_of(bytes: usize) -> u64 {
    match bytes {
        0..8 => (1 << (8 * bytes)) - 1,
        _ => u64::MAX,
    }
}
