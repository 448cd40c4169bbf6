//! Which members of a resource's JSON object an expression may look at, so that the others need not be parsed.

use super::function::Function;
use super::syntax::{Action, Expression, Step};

/// The names of root members that expressions look at. More names than these do no harm.
#[derive(Clone, Debug)]
pub struct RootMembers {
    names: Vec<String>,
    /// For each letter, whether a name begins with it.
    letters: [bool; 256],
}

impl RootMembers {
    /// The names that every reader of a resource needs.
    pub fn new() -> RootMembers {
        let mut members = RootMembers { names: Vec::new(), letters: [false; 256] };
        ["resourceType", "id"].iter().for_each(|name| members.add(name));
        members
    }

    /// True where an expression may look at the member with this name.
    pub fn has(&self, member: &str) -> bool {
        let name = member.strip_prefix('_').unwrap_or(member);
        let first = name.as_bytes().first().copied().unwrap_or_default();
        // The name of a choice element ends in its type.
        let is_of = |stem: &String| {
            let rest = name.strip_prefix(stem.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.as_bytes()[0].is_ascii_uppercase())
        };
        self.letters[usize::from(first)] && self.names.iter().any(is_of)
    }

    fn add(&mut self, name: &str) {
        let first = name.as_bytes().first().copied().unwrap_or_default();
        self.letters[usize::from(first)] = true;
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// Adds what an expression looks at, from the resource itself or from something in it. False where it may look at
    /// the resource as a whole.
    pub(super) fn add_expression(&mut self, expression: &Expression, is_from_root: bool) -> bool {
        match expression {
            Expression::Literal(_)
            | Expression::Index
            | Expression::RowIndex
            | Expression::Constant(_) => true,
            Expression::This | Expression::Context => !is_from_root,
            Expression::Resource => false,
            Expression::Path(start, steps) => self.add_steps(start, steps, is_from_root),
            Expression::Negative(inner, _) => self.add_expression(inner, is_from_root),
            Expression::Operation(first, operands) => {
                let of_first = self.add_expression(first, is_from_root);
                operands.iter().fold(of_first, |all, operand| {
                    self.add_expression(&operand.right, is_from_root) && all
                })
            }
        }
    }

    fn add_steps(&mut self, start: &Expression, steps: &[Step], is_from_root: bool) -> bool {
        let is_at_root = match start {
            Expression::Resource => true,
            Expression::This | Expression::Context => is_from_root,
            other => {
                if !self.add_expression(other, is_from_root) {
                    return false;
                }
                false
            }
        };
        // Which step leaves the resource itself: `Patient.name` does at its second one.
        let mut is_at_root = is_at_root;
        for step in steps {
            match &step.action {
                Action::Member(member) => {
                    self.add(&member.name);
                    is_at_root &= member.named_type.is_some();
                }
                Action::ReferenceKey(_) => {
                    self.add("reference");
                    is_at_root = false;
                }
                Action::Call(Function::ResourceKey, _) => is_at_root = false,
                // These may look at anything in the resource.
                _ if is_at_root => return false,
                Action::Call(function, arguments) => {
                    if let Function::Extension | Function::Resolve = function {
                        self.add("extension");
                        self.add("contained");
                    }
                    if !arguments.iter().all(|argument| self.add_expression(argument, false)) {
                        return false;
                    }
                }
                Action::At(place) => {
                    if !self.add_expression(place, is_from_root) {
                        return false;
                    }
                }
                Action::Is(_) | Action::OfType(_) => {}
            }
        }
        !is_at_root
    }
}
