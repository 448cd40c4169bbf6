//! Which elements of a resource expressions may look at, so that the others need not be read.
//!
//! An expression is followed through the places at which its values may stand. What is compared, converted or
//! given out is wanted as a whole. Where an expression could look at very many places, the whole resource is
//! wanted.

use super::function::Function;
use super::syntax::{Action, Expression, Operator, Step};
use crate::fhir::json::{WantedAt, WantedMembers};

/// The parts of expressions that are followed. The parts of an argument are followed once for each place that it
/// is evaluated for.
const MOST_PARTS: usize = 100_000;

/// The elements that expressions look at.
#[derive(Clone, Debug)]
pub struct WantedElements {
    members: WantedMembers,
    parts_left: usize,
}

/// Where `$this` and `%context` stand.
#[derive(Clone, Copy)]
struct FocusPlace {
    this: WantedAt,
    context: WantedAt,
}

impl WantedElements {
    /// No elements, but the type and the id of the resource.
    pub fn new() -> WantedElements {
        let mut members = WantedMembers::new();
        members.add(WantedMembers::ROOT, "id");
        WantedElements { members, parts_left: MOST_PARTS }
    }

    /// Wants all that stands at some places.
    pub fn add_whole(&mut self, places: &[WantedAt]) {
        places.iter().for_each(|place| self.members.add_whole(*place));
    }

    /// The elements as members of JSON objects.
    pub fn into_members(self) -> WantedMembers {
        self.members
    }

    /// Adds what an expression looks at where it is evaluated for the value at a place. Returns the places at
    /// which the values that it gives may stand.
    pub(super) fn add(&mut self, expression: &Expression, at: WantedAt) -> Vec<WantedAt> {
        self.expression(expression, FocusPlace { this: at, context: at })
    }

    fn expression(&mut self, expression: &Expression, focus: FocusPlace) -> Vec<WantedAt> {
        match self.parts_left.checked_sub(1) {
            Some(left) => self.parts_left = left,
            None => {
                self.members.add_whole(WantedMembers::ROOT);
                return Vec::new();
            }
        }
        match expression {
            Expression::Literal(_)
            | Expression::Index
            | Expression::RowIndex
            | Expression::Constant(_) => Vec::new(),
            Expression::This => vec![focus.this],
            Expression::Context => vec![focus.context],
            Expression::Resource => vec![WantedMembers::ROOT],
            Expression::Path(start, steps) => {
                let start = self.expression(start, focus);
                steps.iter().fold(start, |places, step| {
                    let mut places = self.step(step, places, focus);
                    places.sort_unstable();
                    places.dedup();
                    places
                })
            }
            Expression::Negative(inner, _) => {
                self.computed(inner, focus);
                Vec::new()
            }
            Expression::Operation(first, operands) => {
                let mut places = self.expression(first, focus);
                for operand in operands {
                    let right = self.expression(&operand.right, focus);
                    match operand.operator {
                        // A union leaves out values that are alike, so all of them is looked at.
                        Operator::Union => {
                            places.extend(right);
                            self.add_whole(&places);
                        }
                        _ => {
                            self.add_whole(&places);
                            self.add_whole(&right);
                            places.clear();
                        }
                    }
                }
                places
            }
        }
    }

    /// Adds an expression whose values are looked at, and not given further.
    fn computed(&mut self, expression: &Expression, focus: FocusPlace) {
        let places = self.expression(expression, focus);
        self.add_whole(&places);
    }

    /// Adds arguments of a function that are evaluated for each value that it is called on. Returns the places at
    /// which their values may stand.
    fn of_each(
        &mut self,
        arguments: &[Expression],
        places: &[WantedAt],
        focus: FocusPlace,
    ) -> Vec<WantedAt> {
        // An argument may look at the resource though it is evaluated for a computed value.
        let places = if places.is_empty() { &[WantedMembers::NOWHERE] } else { places };
        let mut found = Vec::new();
        for this in places {
            for argument in arguments {
                found.extend(self.expression(argument, FocusPlace { this: *this, ..focus }));
            }
        }
        found
    }

    fn members(&mut self, places: &[WantedAt], name: &str) -> Vec<WantedAt> {
        places.iter().map(|place| self.members.add(*place, name)).collect()
    }

    fn whole_members(&mut self, places: &[WantedAt], name: &str) {
        let members = self.members(places, name);
        self.add_whole(&members);
    }

    /// Takes a step from some places to others.
    fn step(&mut self, step: &Step, places: Vec<WantedAt>, focus: FocusPlace) -> Vec<WantedAt> {
        match &step.action {
            Action::Member(member) => {
                let members = self.members(&places, &member.name);
                match member.named_type {
                    None => members,
                    // `Patient` stays where it is if that is a patient.
                    Some(_) => places.into_iter().chain(members).collect(),
                }
            }
            Action::At(place) => {
                self.computed(place, focus);
                places
            }
            // What has no type of its own shows it by its form.
            Action::Is(_) => {
                self.add_whole(&places);
                Vec::new()
            }
            Action::OfType(_) => places,
            Action::ReferenceKey(_) => {
                self.whole_members(&places, "reference");
                Vec::new()
            }
            Action::Call(function, arguments) => self.call(*function, arguments, places, focus),
        }
    }

    fn call(
        &mut self,
        function: Function,
        arguments: &[Expression],
        places: Vec<WantedAt>,
        focus: FocusPlace,
    ) -> Vec<WantedAt> {
        match function {
            Function::First | Function::Last | Function::Tail | Function::Single => places,
            Function::Skip | Function::Take => {
                arguments.iter().for_each(|argument| self.computed(argument, focus));
                places
            }
            Function::Where => {
                let answers = self.of_each(arguments, &places, focus);
                self.add_whole(&answers);
                places
            }
            Function::All | Function::Exists | Function::Empty | Function::Count => {
                let answers = self.of_each(arguments, &places, focus);
                self.add_whole(&answers);
                Vec::new()
            }
            Function::Select => self.of_each(arguments, &places, focus),
            Function::If => {
                let (condition, choices) = arguments.split_at(arguments.len().min(1));
                let answers = self.of_each(condition, &places, focus);
                self.add_whole(&answers);
                self.of_each(choices, &places, focus)
            }
            Function::Extension => {
                arguments.iter().for_each(|argument| self.computed(argument, focus));
                let extensions = self.members(&places, "extension");
                self.whole_members(&extensions, "url");
                extensions
            }
            Function::Resolve => {
                self.whole_members(&places, "reference");
                let contained = self.members.add(WantedMembers::ROOT, "contained");
                self.whole_members(&[contained], "id");
                vec![WantedMembers::ROOT, contained]
            }
            Function::ResourceKey => {
                self.whole_members(&places, "id");
                Vec::new()
            }
            Function::Distinct => {
                self.add_whole(&places);
                places
            }
            Function::Boundary(_)
            | Function::Contains
            | Function::EndsWith
            | Function::HasValue
            | Function::Join
            | Function::Length
            | Function::Lower
            | Function::Not
            | Function::StartsWith
            | Function::ToString
            | Function::Upper => {
                self.add_whole(&places);
                arguments.iter().for_each(|argument| self.computed(argument, focus));
                Vec::new()
            }
        }
    }
}
