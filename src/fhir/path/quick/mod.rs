//! Expressions over ordinary resources in one pass over their text, without a tree: several times as fast as the
//! evaluator, for what views are mostly made of.
//!
//! A [`QuickBuilder`] takes the expressions (`compile.rs`, `step.rs`) and gathers the places that they look at
//! (`slot_tree.rs`). A [`QuickPlan`] knows what to do at each element (`states.rs`). It reads a resource (`read.rs`) into
//! [`Slots`] (`slots.rs`): the first value at each place, and how many there are. A [`QuickPath`] gives its value of these
//! (`program.rs`). Where it gives one, the evaluator would give the same. Where the slots do not say enough, the resource
//! is [`Unusual`] for the path, and the evaluator has to say what is right.

mod compile;
mod program;
mod read;
mod slot_tree;
mod slots;
mod states;
mod step;

pub use slots::{QuickValue, Slots, Unusual};

use super::syntax::{Expression, Member};
use super::types::Type;
pub use compile::QuickConstants;
use compile::{Compiler, ProgramBase};
use program::{Given, SlotProgram, SlotTest};
use read::SlotReader;
use slot_tree::{SlotId, SlotTree};
use slots::SlotKind;
use states::States;

/// Gathers expressions over resources of one type, or over the values of a list.
#[derive(Clone, Debug)]
pub struct QuickBuilder {
    tree: SlotTree,
    /// The type of the resources, and the slot in which they say it; `None` for values of a list.
    resource: Option<(String, SlotId)>,
}

/// Where expressions begin.
#[derive(Clone, Copy, Debug)]
pub struct QuickPlace {
    slot: SlotId,
    has_row_index: bool,
}

/// An expression that gives at most one value.
#[derive(Clone, Debug)]
pub struct QuickPath(SlotProgram);

/// A condition.
#[derive(Clone, Debug)]
pub struct QuickTest(SlotTest);

/// All values that an expression gives, each looked at by itself.
#[derive(Clone, Copy, Debug)]
pub struct QuickList {
    place: SlotId,
    number: usize,
}

/// What to look at in a resource.
#[derive(Clone, Debug)]
pub struct QuickPlan {
    states: States,
    resource: (String, SlotId),
}

impl QuickPlace {
    /// The resource itself.
    pub const RESOURCE: QuickPlace = QuickPlace { slot: SlotTree::ROOT, has_row_index: false };
    /// A value of a list.
    pub const OF_LIST: QuickPlace = QuickPlace { slot: SlotTree::ROOT, has_row_index: true };
}

impl QuickBuilder {
    /// Begins with no expressions. `None` for a type that R4 does not define.
    pub fn new(resource_type: &str) -> Option<QuickBuilder> {
        let mut tree = SlotTree::new(Type::named(resource_type)?);
        let slot = tree.element(SlotTree::ROOT, &Member::named("resourceType"))?;
        Some(QuickBuilder { tree, resource: Some((resource_type.to_owned(), slot)) })
    }

    /// Adds an expression that is evaluated for what stands at a place.
    pub(super) fn path(
        &mut self,
        expression: &Expression,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickPath> {
        self.compiler(at, constants).program(expression, at.slot).map(QuickPath)
    }

    /// Adds a condition.
    pub(super) fn test(
        &mut self,
        expression: &Expression,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickTest> {
        self.compiler(at, constants).test(expression, at.slot).map(QuickTest)
    }

    /// The expression as one that gives the thing at a place, and the place, for expressions within it.
    pub fn placed(&mut self, path: &QuickPath) -> Option<(QuickPath, QuickPlace)> {
        let slot = self.compiler(QuickPlace::RESOURCE, &|_| None).place_of(&path.0)?;
        let path = QuickPath(path.0.clone().of_first_values());
        Some((path, QuickPlace { slot, has_row_index: false }))
    }

    /// Makes something of each of the things that an expression gives: `make` gets what gathers expressions within them.
    /// `None` where the expression gives more than an element.
    pub fn each<T>(
        &mut self,
        path: &QuickPath,
        make: impl FnOnce(&mut QuickBuilder) -> Option<T>,
    ) -> Option<(QuickList, T)> {
        let SlotProgram::Slot(place) = path.0 else { return None };
        let (number, made) = self.tree.list(place, 1, |tree| {
            let mut inner = QuickBuilder { tree: tree.clone(), resource: None };
            let made = make(&mut inner)?;
            *tree = inner.tree;
            Some(made)
        })?;
        Some((QuickList { place, number }, made))
    }

    fn compiler<'a>(
        &'a mut self,
        at: QuickPlace,
        constants: &'a QuickConstants<'a>,
    ) -> Compiler<'a> {
        let resource = self.resource.as_ref().map(|_| SlotTree::ROOT);
        let (context, has_row_index) = (Some(at.slot), at.has_row_index);
        Compiler::new(&mut self.tree, constants, ProgramBase { resource, context, has_row_index })
    }

    /// What to look at for all expressions together. `None` where that would be too much.
    pub fn plan(self) -> Option<QuickPlan> {
        Some(QuickPlan { states: States::of(&self.tree)?, resource: self.resource? })
    }
}

impl QuickPlan {
    /// Reads a resource. The text must be known to be JSON.
    ///
    /// # Errors
    ///
    /// The resource is of another type, or is written in a way that is rare.
    pub fn read<'t>(&self, text: &'t str) -> Result<Slots<'t>, Unusual> {
        if u32::try_from(text.len()).is_err() {
            return Err(Unusual);
        }
        let slots = SlotReader::new(text, &self.states).whole()?;
        let (resource_type, slot) = &self.resource;
        let named = slots.at(*slot);
        let is_it = named.count == 1
            && named.kind == SlotKind::Text
            && !named.is_listed
            && slots.text_at(*slot)? == resource_type.as_str();
        if is_it { Ok(slots) } else { Err(Unusual) }
    }
}

impl QuickList {
    /// What was found in each of the things.
    ///
    /// # Errors
    ///
    /// One of them is written in a way that is rare.
    pub fn values<'s, 't>(&self, slots: &'s Slots<'t>) -> Result<&'s [Slots<'t>], Unusual> {
        match slots.at(self.place).count {
            0 => Ok(&[]),
            _ => slots.list(self.number),
        }
    }
}

impl QuickPath {
    /// The value that the expression gives; `None` where it gives none.
    ///
    /// # Errors
    ///
    /// There are several values, the value is an object, or an expression is asked that needs the evaluator here.
    pub fn value<'t>(&self, slots: &Slots<'t>) -> Result<Option<QuickValue<'t>>, Unusual> {
        let given = self.0.single(slots, false)?;
        given.map(Given::value).transpose()
    }

    /// True where the expression gives a value, whatever that is.
    ///
    /// # Errors
    ///
    /// There are several values, or an expression is asked that needs the evaluator here.
    pub fn is_there(&self, slots: &Slots<'_>) -> Result<bool, Unusual> {
        Ok(self.0.single(slots, false)?.is_some())
    }
}

impl QuickTest {
    /// True where the condition is met; one without an answer is not.
    ///
    /// # Errors
    ///
    /// As [`QuickPath::value`].
    pub fn is_met(&self, slots: &Slots<'_>) -> Result<bool, Unusual> {
        Ok(self.0.answer(slots)? == Some(true))
    }
}
