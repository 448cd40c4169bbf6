//! An expression as a tree, as the parser leaves it and the evaluation reads it.
//!
//! Steps of a path and operators of the same rank stand in lists, so that a long expression is not a
//! deep one: only brackets nest.

use super::function::Function;
use super::temporal::TemporalKind;
use super::types::{ElementName, Type, is_choice_stem};
use crate::fhir::definitions::is_of_any_version;

/// An expression.
#[derive(Clone, Debug)]
pub enum Expression {
    Literal(Literal),
    /// What the expression is evaluated for: `$this`, and what a path begins with.
    This,
    /// `$index`: the place of what the expression is evaluated for.
    Index,
    /// `%resource`.
    Resource,
    /// `%context`.
    Context,
    /// `%rowIndex`.
    RowIndex,
    Constant(Constant),
    /// Steps, one after the other, from what an expression gives.
    Path(Box<Expression>, Vec<Step>),
    /// A minus sign before an expression.
    Negative(Box<Expression>, usize),
    /// Operators of the same rank, from the left to the right.
    Operation(Box<Expression>, Vec<Operand>),
}

impl Expression {
    /// True for an expression that cannot fail, but by taking too many steps. Other expressions may not fail either.
    pub fn is_sure(&self) -> bool {
        match self {
            Expression::Path(start, steps) => {
                start.is_sure() && steps.iter().all(|step| step.is_sure)
            }
            Expression::Constant(_) | Expression::Negative(..) | Expression::Operation(..) => false,
            _ => true,
        }
    }

    /// True where `$index` stands somewhere in the expression.
    fn has_index(&self) -> bool {
        match self {
            Expression::Index => true,
            Expression::Path(start, steps) => {
                start.has_index()
                    || steps.iter().any(|step| match &step.action {
                        Action::At(place) => place.has_index(),
                        Action::Call(_, arguments) => arguments.iter().any(Expression::has_index),
                        _ => false,
                    })
            }
            Expression::Negative(inner, _) => inner.has_index(),
            Expression::Operation(first, operands) => {
                first.has_index() || operands.iter().any(|operand| operand.right.has_index())
            }
            _ => false,
        }
    }
}

/// A value that stands in the expression itself.
#[derive(Clone, Debug)]
pub enum Literal {
    /// `{}`.
    Empty,
    Boolean(bool),
    Integer(i64),
    /// The lexeme of a number with a point, or of a large one.
    Decimal(String),
    Text(String),
    Temporal(TemporalKind, String),
}

/// A constant that whoever evaluates the expression gives a value.
#[derive(Clone, Debug)]
pub struct Constant {
    pub name: String,
    pub column: usize,
}

/// An operator, and what stands to the right of it.
#[derive(Clone, Debug)]
pub struct Operand {
    pub operator: Operator,
    pub column: usize,
    pub right: Expression,
}

/// An operator between two expressions.
///
/// <https://hl7.org/fhirpath/N1/#operations>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Multiply,
    Divide,
    DivideWhole,
    Remainder,
    Add,
    Subtract,
    Concatenate,
    Union,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    In,
    Contains,
    And,
    Or,
    ExclusiveOr,
    Implies,
}

impl Operator {
    /// True for operators between conditions.
    pub fn is_logical(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::ExclusiveOr | Operator::Implies)
    }

    /// True for `=` and `!=`.
    pub fn is_equality(self) -> bool {
        matches!(self, Operator::Equal | Operator::NotEqual)
    }

    /// The operator as it is written.
    pub fn shown(self) -> &'static str {
        match self {
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::DivideWhole => "div",
            Operator::Remainder => "mod",
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Concatenate => "&",
            Operator::Union => "|",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::In => "in",
            Operator::Contains => "contains",
            Operator::And => "and",
            Operator::Or => "or",
            Operator::ExclusiveOr => "xor",
            Operator::Implies => "implies",
        }
    }
}

/// A step of a path.
#[derive(Clone, Debug)]
pub struct Step {
    pub action: Action,
    pub column: usize,
    /// True where the step takes each value by itself, whatever the others are.
    pub is_for_each: bool,
    /// True where the step cannot fail.
    pub is_sure: bool,
}

impl Step {
    /// A step at a column of the expression.
    pub fn new(action: Action, column: usize) -> Step {
        let (is_for_each, is_sure) = match &action {
            Action::Member(_) | Action::OfType(_) | Action::ReferenceKey(_) => (true, true),
            Action::Call(Function::ResourceKey | Function::Resolve, _) => (true, true),
            Action::Call(Function::Where | Function::Select, arguments) => {
                (!arguments.iter().any(Expression::has_index), false)
            }
            Action::Call(
                Function::First | Function::Last | Function::Tail | Function::Count,
                _,
            ) => (false, true),
            Action::Call(Function::Exists | Function::Empty, arguments) => {
                (false, arguments.is_empty())
            }
            Action::At(place) => (false, matches!(place, Expression::Literal(Literal::Integer(_)))),
            Action::Is(_) | Action::Call(..) => (false, false),
        };
        Step { action, column, is_for_each, is_sure }
    }
}

/// What a step does with each value, or with all of them.
#[derive(Clone, Debug)]
pub enum Action {
    /// Goes to an element.
    Member(Member),
    /// Takes the value at a place.
    At(Expression),
    /// Says whether the value is of a type.
    Is(TypeName),
    /// Keeps the values of a type: `ofType(X)`, `as X`.
    OfType(TypeName),
    /// `getReferenceKey()`, for references of every type or of one.
    ReferenceKey(Option<TypeName>),
    Call(Function, Vec<Expression>),
}

/// The name of an element, and what is known of it before any resource is seen.
#[derive(Clone, Debug)]
pub struct Member {
    pub name: String,
    /// `None` for a name that R4 does not define.
    pub element: Option<ElementName>,
    /// The type that the name may be instead, at the beginning of a path: `Patient.name`.
    pub named_type: Option<TypeName>,
    /// True for the stem of a choice element of any type.
    pub is_choice_stem: bool,
}

impl Member {
    /// The element of a name.
    pub fn named(name: &str) -> Member {
        Member {
            name: name.to_owned(),
            element: ElementName::of(name),
            named_type: None,
            is_choice_stem: is_choice_stem(name),
        }
    }
}

/// The name of a type in an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum TypeName {
    /// A type of FHIR R4.
    Fhir(Type),
    /// A resource type that R4 does not define.
    Resource(String),
    /// A type of FHIRPath itself, which literals and results have.
    System(SystemType),
}

impl TypeName {
    /// A type of FHIR; `None` where no version has it.
    pub fn of_fhir(name: &str) -> Option<TypeName> {
        let other = || is_of_any_version(name).then(|| TypeName::Resource(name.to_owned()));
        Type::named(name).map(TypeName::Fhir).or_else(other)
    }
}

/// The types of FHIRPath that have values here.
///
/// <https://hl7.org/fhirpath/N1/#literals>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemType {
    Boolean,
    Integer,
    Decimal,
    String,
    Date,
    DateTime,
    Time,
}

impl SystemType {
    /// The type of a name such as `String`.
    pub fn named(name: &str) -> Option<SystemType> {
        Some(match name {
            "Boolean" => SystemType::Boolean,
            "Integer" => SystemType::Integer,
            "Decimal" => SystemType::Decimal,
            "String" => SystemType::String,
            "Date" => SystemType::Date,
            "DateTime" => SystemType::DateTime,
            "Time" => SystemType::Time,
            _ => return None,
        })
    }
}
