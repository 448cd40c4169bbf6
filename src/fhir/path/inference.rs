//! Of which type the values of an expression are, as far as the expression itself says.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#column-types>: a path of names has
//! the types of its elements, `ofType(X)` has the type X, and functions have the types of what they
//! give. Elements are those of R4. What is not known stays unknown: no resource is looked at.

use super::Path;
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
        Inference { focus, resource, constants }.of(&self.expression, focus)
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
                let first = self.of(first, this);
                let join = |left, operand: &Operand| {
                    of_operation(operand.operator, left, self.of(&operand.right, this))
                };
                operands.iter().fold(first, join)
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
                match of?.element(member.element?)? {
                    ElementType::One(of) if !of.is_any_resource() => Some(of),
                    _ => None,
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
            | Function::StartsWith => Type::named("boolean"),
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
            | Function::Where => of,
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
