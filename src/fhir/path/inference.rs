//! Of which type the values of an expression are, as far as the expression itself says.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#column-types>: a path of names has
//! the types of its elements, `ofType(X)` has the type X, and functions have the types of what they
//! give. Elements are those of R4. What is not known stays unknown: no resource is looked at.

use std::cell::RefCell;

use super::Path;
use super::error::PathError;
use super::function::Function;
use super::syntax::{Action, Expression, Literal, Operand, Operator, Step, SystemType, TypeName};
use super::temporal::TemporalKind;
use super::types::{ElementType, Primitive, Type};

/// What types are inferred from.
struct Inference<'i> {
    /// The type of the focus.
    focus: Option<Type>,
    /// The type of the whole resource.
    resource: Option<Type>,
    /// The types of the constants.
    constants: &'i dyn Fn(&str) -> Option<Type>,
    /// The elements that R4 does not have where the expression names them.
    unknown: RefCell<Vec<PathError>>,
}

impl Path {
    /// The type of the values that the expression gives for a focus of a type, in a resource of a type;
    /// `None` where the expression does not say it.
    pub fn inferred_type(
        &self,
        focus: Option<Type>,
        resource: Option<Type>,
        constants: &dyn Fn(&str) -> Option<Type>,
    ) -> Option<Type> {
        let inference = Inference { focus, resource, constants, unknown: RefCell::default() };
        inference.of(&self.expression, focus)
    }

    /// The elements in the expression that R4 does not have where they are named, for the same arguments.
    pub fn unknown_elements(
        &self,
        focus: Option<Type>,
        resource: Option<Type>,
        constants: &dyn Fn(&str) -> Option<Type>,
    ) -> Vec<PathError> {
        let inference = Inference { focus, resource, constants, unknown: RefCell::default() };
        inference.of(&self.expression, focus);
        inference.unknown.into_inner()
    }
}

impl Inference<'_> {
    /// The type of an expression for a `$this` of a type. The parser bounds how deep expressions nest.
    fn of(&self, expression: &Expression, this: Option<Type>) -> Option<Type> {
        match expression {
            Expression::Literal(literal) => of_literal(literal),
            Expression::This => this,
            Expression::Context => self.focus,
            Expression::Resource => self.resource,
            Expression::Index | Expression::RowIndex => Type::named("integer"),
            Expression::Constant(constant) => (self.constants)(&constant.name),
            Expression::Negative(inner, _) => self.of(inner, this),
            Expression::Path(start, steps) => {
                let mut of = self.of(start, this);
                for step in steps {
                    of = self.after(step, of, this);
                }
                of
            }
            Expression::Operation(first, operands) => {
                let before = self.unknown.borrow().len();
                let first = self.of(first, this);
                let mut least = self.unknown.borrow().len() - before;
                let joined = operands.iter().fold(first, |left, operand: &Operand| {
                    let known = self.unknown.borrow().len();
                    let right = self.of(&operand.right, this);
                    least = least.min(self.unknown.borrow().len() - known);
                    of_operation(operand.operator, left, right)
                });
                // `encounter | context` is for several versions of FHIR.
                let is_union = operands.iter().all(|operand| operand.operator == Operator::Union);
                if is_union && least == 0 {
                    self.unknown.borrow_mut().truncate(before);
                }
                joined
            }
        }
    }

    /// The type behind a step from values of a type.
    fn after(&self, step: &Step, of: Option<Type>, this: Option<Type>) -> Option<Type> {
        match &step.action {
            Action::Member(member) => {
                if let Some(TypeName::Fhir(named)) = &member.named_type
                    && of.is_some_and(|of| of.is(*named))
                {
                    return of;
                }
                let of = of?;
                match member.element.and_then(|name| of.element(name)) {
                    Some(ElementType::One(of)) if !of.is_any_resource() => Some(of),
                    Some(_) => None,
                    None => {
                        self.note_unknown(&member.name, of, step.column);
                        None
                    }
                }
            }
            Action::At(_) => of,
            Action::Is(_) => Type::named("boolean"),
            Action::OfType(TypeName::Fhir(wanted)) => Some(*wanted),
            Action::OfType(TypeName::System(wanted)) => of_system(*wanted),
            Action::OfType(TypeName::Resource(_)) => None,
            Action::ReferenceKey(_) => Type::named("string"),
            Action::Call(function, arguments) => self.of_call(*function, arguments, of, this),
        }
    }

    fn of_call(
        &self,
        function: Function,
        arguments: &[Expression],
        of: Option<Type>,
        this: Option<Type>,
    ) -> Option<Type> {
        match function {
            Function::All
            | Function::Contains
            | Function::Empty
            | Function::EndsWith
            | Function::Exists
            | Function::HasValue
            | Function::Not
            | Function::StartsWith => {
                self.of_arguments(function, arguments, of);
                Type::named("boolean")
            }
            Function::Count | Function::Length => Type::named("integer"),
            Function::Join
            | Function::Lower
            | Function::ResourceKey
            | Function::ToString
            | Function::Upper => Type::named("string"),
            Function::Distinct
            | Function::First
            | Function::Last
            | Function::Single
            | Function::Skip
            | Function::Tail
            | Function::Take
            | Function::Where => {
                self.of_arguments(function, arguments, of);
                of
            }
            Function::Extension => Type::named("Extension"),
            Function::Select => arguments.first().and_then(|argument| self.of(argument, of)),
            Function::If => {
                let mut branches = arguments.iter().skip(1).map(|branch| self.of(branch, this));
                let first = branches.next()?;
                if branches.all(|of| of == first) { first } else { None }
            }
            // Whole numbers have boundaries that are none.
            Function::Boundary(_) => match of?.primitive()? {
                Primitive::Integer => Type::named("decimal"),
                _ => of,
            },
            Function::Resolve => None,
        }
    }
}

impl Inference<'_> {
    /// Looks into conditions, whose types do not matter.
    fn of_arguments(&self, function: Function, arguments: &[Expression], of: Option<Type>) {
        if matches!(function, Function::All | Function::Exists | Function::Where) {
            for argument in arguments {
                self.of(argument, of);
            }
        }
    }

    /// Notes a name that is no element of a type.
    fn note_unknown(&self, name: &str, of: Type, column: usize) {
        if name == "resourceType" {
            return;
        }
        let splits = name.char_indices().filter(|(_, c)| c.is_ascii_uppercase());
        let mut splits = splits.map(|(at, _)| name.split_at(at));
        let choice = splits.find_map(|(stem, suffix)| {
            let wanted = Type::of_suffix(suffix).filter(|_| of.has_choice(stem))?;
            Some(format!("; write {stem}.ofType({})", wanted.name()))
        });
        let alike = || of.element_like(name).map(|element| format!("; write {element}"));
        let hint = choice.or_else(alike).unwrap_or_default();
        let of = of.name();
        let reason = format!("R4 has no element `{name}` of {of}{hint}");
        self.unknown.borrow_mut().push(PathError::new(column, reason));
    }
}

fn of_literal(literal: &Literal) -> Option<Type> {
    Type::named(match literal {
        Literal::Empty => return None,
        Literal::Boolean(_) => "boolean",
        Literal::Integer(_) => "integer",
        Literal::Decimal(_) => "decimal",
        Literal::Text(_) => "string",
        Literal::Temporal(TemporalKind::Date, _) => "date",
        Literal::Temporal(TemporalKind::DateTime, _) => "dateTime",
        Literal::Temporal(TemporalKind::Time, _) => "time",
    })
}

fn of_system(of: SystemType) -> Option<Type> {
    Type::named(match of {
        SystemType::Boolean => "boolean",
        SystemType::Integer => "integer",
        SystemType::Decimal => "decimal",
        SystemType::String => "string",
        SystemType::Date => "date",
        SystemType::DateTime => "dateTime",
        SystemType::Time => "time",
    })
}

fn of_operation(operator: Operator, left: Option<Type>, right: Option<Type>) -> Option<Type> {
    let both = || Some((left?.primitive()?, right?.primitive()?));
    match operator {
        Operator::Concatenate => Type::named("string"),
        Operator::Union => left.filter(|_| left == right),
        Operator::DivideWhole => Type::named("integer"),
        Operator::Divide => Type::named("decimal"),
        Operator::Multiply | Operator::Add | Operator::Subtract | Operator::Remainder => {
            Type::named(match both()? {
                (Primitive::Integer, Primitive::Integer) => "integer",
                (Primitive::Text, Primitive::Text) => "string",
                (
                    Primitive::Integer | Primitive::Decimal,
                    Primitive::Integer | Primitive::Decimal,
                ) => "decimal",
                _ => return None,
            })
        }
        _ => Type::named("boolean"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inferred(resource: &str, path: &str) -> Option<&'static str> {
        let of = Type::named(resource);
        let constants = |name: &str| Type::named(if name == "n" { "integer" } else { "code" });
        Path::parse(path).unwrap().inferred_type(of, of, &constants).map(Type::name)
    }

    #[test]
    fn elements_that_r4_does_not_have_are_found() {
        for (path, wanted) in [
            ("birthdate", "R4 has no element `birthdate` of Patient; write birthDate"),
            ("name.familly.first()", "R4 has no element `familly` of HumanName"),
            ("name.where(usee = 'official').family", "R4 has no element `usee` of HumanName"),
            (
                "deceasedBoolean",
                "R4 has no element `deceasedBoolean` of Patient; write deceased.ofType(boolean)",
            ),
            (
                "multipleBirthInteger + 1",
                "R4 has no element `multipleBirthInteger` of Patient; write multipleBirth.ofType(integer)",
            ),
            ("Observation.code", "R4 has no element `Observation` of Patient"),
        ] {
            let of = Type::named("Patient");
            let found = Path::parse(path).unwrap().unknown_elements(of, of, &|_| None);
            let found: Vec<_> = found.iter().map(PathError::reason).collect();
            assert_eq!(found, [wanted], "{path}");
        }
        for path in [
            "(generalPractitioner | careProvider).reference",
            "resourceType",
            "birthDate.extension('a').value.ofType(Coding).code",
            "contained.anything",
            "Patient.name.family",
        ] {
            let of = Type::named("Patient");
            assert!(
                Path::parse(path).unwrap().unknown_elements(of, of, &|_| None).is_empty(),
                "{path}"
            );
        }
    }

    #[test]
    fn expressions_say_the_types_of_their_values() {
        for (resource, path, wanted) in [
            ("Patient", "birthDate", Some("date")),
            ("Patient", "Patient.name.given.first()", Some("string")),
            ("Patient", "contact[0]", Some("Patient.contact")),
            ("Patient", "deceased", None),
            ("Patient", "deceased.ofType(boolean)", Some("boolean")),
            ("Patient", "name.where(use = 'official').exists()", Some("boolean")),
            ("Patient", "name.select(family)", Some("string")),
            ("Patient", "telecom.count() + 1", Some("integer")),
            ("Patient", "1 / 2", Some("decimal")),
            ("Patient", "gender | %code", Some("code")),
            ("Patient", "iif(active, 1, 2)", Some("integer")),
            ("Patient", "iif(active, 1, 'a')", None),
            ("Patient", "%n", Some("integer")),
            ("Patient", "%rowIndex", Some("integer")),
            ("Patient", "%resource.active", Some("boolean")),
            ("Patient", "managingOrganization.getReferenceKey(Organization)", Some("string")),
            ("Patient", "extension('x').value.ofType(Coding).code", Some("code")),
            ("Patient", "name.given.join(' ')", Some("string")),
            ("Patient", "birthDate.lowBoundary()", Some("date")),
            ("Patient", "contained", None),
            ("Patient", "noSuchElement", None),
            ("Observation", "value.ofType(Quantity).value", Some("decimal")),
            ("Observation", "value.ofType(System.Integer)", Some("integer")),
            ("Observation", "component.referenceRange", Some("Observation.referenceRange")),
        ] {
            assert_eq!(inferred(resource, path), wanted, "{path}");
        }
    }
}
