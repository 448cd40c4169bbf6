//! Expressions over ordinary resources in one pass over their text, without a tree: several times as fast as the
//! evaluator, for what views are mostly made of.
//!
//! A [`QuickBuilder`] takes the expressions (`compile.rs`) and gathers the places that they look at (`slot_tree.rs`).
//! A [`QuickPlan`] knows what to do at each element (`states.rs`). It reads a resource (`read.rs`) into [`Slots`]
//! (`slots.rs`): the first value at each place, and how many there are. A [`QuickPath`] gives its value of these
//! (`program.rs`), if that needs no more. Everything else is [`Unusual`], and the evaluator says what is right, which is
//! what a quick path says too wherever it says something.

mod compile;
mod program;
mod read;
mod slot_tree;
mod slots;
mod states;

pub use slots::{QuickValue, Slots, Unusual};

use super::syntax::{Expression, Member};
use super::types::Type;
use compile::Compiler;
pub use compile::QuickConstants;
use program::{SlotProgram, SlotTest};
use read::SlotReader;
use slot_tree::{SlotId, SlotTree};
use slots::SlotKind;
use states::{State, states};

/// Gathers expressions over resources of one type.
#[derive(Clone, Debug)]
pub struct QuickBuilder {
    tree: SlotTree,
    resource_type: String,
    type_slot: SlotId,
}

/// Where expressions begin.
#[derive(Clone, Copy, Debug)]
pub struct QuickPlace(SlotId);

/// An expression that gives at most one value.
#[derive(Clone, Debug)]
pub struct QuickPath(SlotProgram);

/// A condition.
#[derive(Clone, Debug)]
pub struct QuickTest(SlotTest);

/// What to look at in a resource.
#[derive(Clone, Debug)]
pub struct QuickPlan {
    states: Vec<State>,
    places: usize,
    resource_type: String,
    type_slot: SlotId,
}

impl QuickPlace {
    /// The resource itself.
    pub const RESOURCE: QuickPlace = QuickPlace(SlotTree::ROOT);
}

impl QuickBuilder {
    /// Begins with no expressions. `None` for a type that R4 does not define.
    pub fn new(resource_type: &str) -> Option<QuickBuilder> {
        let mut tree = SlotTree::new(Type::named(resource_type)?);
        let type_slot = tree.element(SlotTree::ROOT, &Member::named("resourceType"))?;
        Some(QuickBuilder { tree, resource_type: resource_type.to_owned(), type_slot })
    }

    /// Adds an expression that is evaluated for what stands at a place.
    pub(super) fn path(
        &mut self,
        expression: &Expression,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickPath> {
        self.compiler(at, constants).program(expression, at.0).map(QuickPath)
    }

    /// Adds a condition.
    pub(super) fn test(
        &mut self,
        expression: &Expression,
        at: QuickPlace,
        constants: &QuickConstants<'_>,
    ) -> Option<QuickTest> {
        self.compiler(at, constants).test(expression, at.0).map(QuickTest)
    }

    /// The place of the one thing that an expression gives, for expressions within it.
    pub fn place_of(&mut self, path: &QuickPath) -> Option<QuickPlace> {
        self.compiler(QuickPlace::RESOURCE, &|_| None).place_of(&path.0).map(QuickPlace)
    }

    fn compiler<'a>(
        &'a mut self,
        at: QuickPlace,
        constants: &'a QuickConstants<'a>,
    ) -> Compiler<'a> {
        Compiler { tree: &mut self.tree, constants, context: at.0 }
    }

    /// What to look at for all expressions together. `None` where that would be too much.
    pub fn plan(self) -> Option<QuickPlan> {
        let (states, places) = (states(&self.tree)?, self.tree.places().len());
        let QuickBuilder { resource_type, type_slot, .. } = self;
        Some(QuickPlan { states, places, resource_type, type_slot })
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
        let slots = SlotReader::new(text, &self.states, self.places).resource()?;
        let named = slots.at(self.type_slot);
        let is_it = named.count == 1
            && named.kind == SlotKind::Text
            && !named.is_listed
            && slots.text_at(self.type_slot)? == self.resource_type;
        if is_it { Ok(slots) } else { Err(Unusual) }
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
        given.map(|given| given.value(slots)).transpose()
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
