//! From the words of an expression to its tree.
//!
//! <https://hl7.org/fhirpath/N1/#operator-precedence>. Whatever can be wrong with an expression on
//! its own is said here, with its column: unknown functions, wrong numbers of arguments, unknown
//! types. Quantities as literals (`4 'mg'`) are refused: no value here has a unit.

use super::error::PathError;
use super::function::Function;
use super::lexer::{Word, words};
use super::syntax::{
    Action, Constant, Expression, Literal, Member, Operand, Operator, Step, SystemType, TypeName,
};

/// How deep brackets may nest.
const MAX_NESTING: usize = 40;

/// The operators of each rank, those that bind least first. The types' `is` and `as` have the rank
/// [`TYPE_RANK`].
const RANKS: [&[(&str, Operator)]; 10] = [
    &[("implies", Operator::Implies)],
    &[("or", Operator::Or), ("xor", Operator::ExclusiveOr)],
    &[("and", Operator::And)],
    &[("in", Operator::In), ("contains", Operator::Contains)],
    &[("=", Operator::Equal), ("!=", Operator::NotEqual)],
    &[
        ("<", Operator::Less),
        ("<=", Operator::LessOrEqual),
        (">", Operator::Greater),
        (">=", Operator::GreaterOrEqual),
    ],
    &[("|", Operator::Union)],
    &[],
    &[("+", Operator::Add), ("-", Operator::Subtract), ("&", Operator::Concatenate)],
    &[
        ("*", Operator::Multiply),
        ("/", Operator::Divide),
        ("div", Operator::DivideWhole),
        ("mod", Operator::Remainder),
    ],
];
const TYPE_RANK: usize = 7;

/// Reads an expression, and lists the constants that it asks for.
///
/// # Errors
///
/// The text is no expression, or names a function or a type that there is not.
pub fn parse(text: &str) -> Result<(Expression, Vec<Constant>), PathError> {
    let mut parser =
        ExpressionParser { words: words(text)?, at: 0, nesting: 0, constants: Vec::new() };
    let expression = parser.expression()?;
    if *parser.peek() != Word::End {
        return Err(parser.unexpected("the end of the expression"));
    }
    Ok((expression, parser.constants))
}

struct ExpressionParser {
    /// The last one is [`Word::End`].
    words: Vec<(Word, usize)>,
    at: usize,
    nesting: usize,
    constants: Vec<Constant>,
}

impl ExpressionParser {
    /// Reads an expression within brackets, or a whole one.
    fn expression(&mut self) -> Result<Expression, PathError> {
        if self.nesting == MAX_NESTING {
            return Err(self.error("brackets nest too deep here"));
        }
        self.nesting += 1;
        let expression = self.of_rank(0);
        self.nesting -= 1;
        expression
    }

    /// Reads operators of a rank, and what stands between them.
    fn of_rank(&mut self, rank: usize) -> Result<Expression, PathError> {
        let Some(operators) = RANKS.get(rank) else { return self.signed() };
        let first = self.of_rank(rank + 1)?;
        if rank == TYPE_RANK {
            return self.type_tests(first);
        }
        let mut operands = Vec::new();
        while let Some(operator) = self.operator(operators) {
            let column = self.column();
            self.at += 1;
            operands.push(Operand { operator, column, right: self.of_rank(rank + 1)? });
        }
        Ok(match operands.is_empty() {
            true => first,
            false => Expression::Operation(Box::new(first), operands),
        })
    }

    /// The operator that comes next, if it is one of these.
    fn operator(&self, operators: &[(&str, Operator)]) -> Option<Operator> {
        match self.peek() {
            Word::Name(next) => find(operators, next),
            Word::Symbol(next) => find(operators, next),
            _ => None,
        }
    }

    /// Reads `is X` and `as X` behind an expression.
    fn type_tests(&mut self, tested: Expression) -> Result<Expression, PathError> {
        let mut steps = Vec::new();
        while let Word::Name(word) = self.peek() {
            let action = match word.as_str() {
                "is" => Action::Is,
                "as" => Action::OfType,
                _ => break,
            };
            let column = self.column();
            self.at += 1;
            steps.push(Step::new(action(self.type_name()?), column));
        }
        Ok(match steps.is_empty() {
            true => tested,
            false => Expression::Path(Box::new(tested), steps),
        })
    }

    /// Reads signs, and the path behind them.
    fn signed(&mut self) -> Result<Expression, PathError> {
        let mut signs = 0;
        let mut minus = None;
        while let Word::Symbol(sign @ ("+" | "-")) = *self.peek() {
            if sign == "-" {
                minus = Some(self.column());
                signs += 1;
            }
            self.at += 1;
        }
        let path = self.path()?;
        Ok(match minus {
            Some(column) if signs % 2 == 1 => Expression::Negative(Box::new(path), column),
            // Two signs make a number as one does: what is no number is an error with them too.
            Some(column) => {
                let negative = Expression::Negative(Box::new(path), column);
                Expression::Negative(Box::new(negative), column)
            }
            None => path,
        })
    }

    /// Reads a term and the steps behind it.
    fn path(&mut self) -> Result<Expression, PathError> {
        let mut steps = Vec::new();
        let start = match self.peek().clone() {
            Word::Name(_) | Word::Delimited(_) if !self.is_literal() => {
                steps.push(self.named_step(true)?);
                Expression::This
            }
            _ => self.term()?,
        };
        loop {
            let column = self.column();
            if self.take(".") {
                steps.push(self.named_step(false)?);
            } else if self.take("[") {
                let at = self.expression()?;
                self.expect("]")?;
                steps.push(Step::new(Action::At(at), column));
            } else {
                break;
            }
        }
        Ok(match steps.is_empty() {
            true => start,
            false => Expression::Path(Box::new(start), steps),
        })
    }

    fn is_literal(&self) -> bool {
        matches!(self.peek(), Word::Name(name) if matches!(name.as_str(), "true" | "false"))
    }

    /// Reads what stands on its own at the beginning of a path, other than a name.
    fn term(&mut self) -> Result<Expression, PathError> {
        let (word, column) = self.words[self.at].clone();
        if let Word::Symbol("(") = word {
            self.at += 1;
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let term = match word {
            Word::Name(name) => Expression::Literal(Literal::Boolean(name == "true")),
            Word::Text(text) => Expression::Literal(Literal::Text(text)),
            Word::Temporal(kind, text) => Expression::Literal(Literal::Temporal(kind, text)),
            Word::Number(lexeme) => {
                if let (Word::Text(_), _) = self.words[self.at + 1] {
                    return Err(self.error("quantities with a unit cannot be written here"));
                }
                Expression::Literal(number(lexeme))
            }
            Word::Variable(name) => match name.as_str() {
                "this" => Expression::This,
                "index" => Expression::Index,
                _ => return Err(self.error(format!("there is no `${name}`"))),
            },
            Word::Constant(name) => match name.as_str() {
                "resource" => Expression::Resource,
                "context" => Expression::Context,
                "rowIndex" => Expression::RowIndex,
                _ => {
                    let constant = Constant { name, column };
                    self.constants.push(constant.clone());
                    Expression::Constant(constant)
                }
            },
            Word::Symbol("{") => {
                self.at += 1;
                if *self.peek() != Word::Symbol("}") {
                    return Err(self.unexpected("`}`"));
                }
                Expression::Literal(Literal::Empty)
            }
            _ => return Err(self.unexpected("an expression")),
        };
        self.at += 1;
        Ok(term)
    }

    /// Reads the name of an element, or a function with its arguments.
    fn named_step(&mut self, is_first: bool) -> Result<Step, PathError> {
        let column = self.column();
        let name = self.name("the name of an element or of a function")?;
        if !self.take("(") {
            let mut member = Member::named(&name);
            if is_first && name.starts_with(|c: char| c.is_ascii_uppercase()) {
                let named = TypeName::of_fhir(&name).ok_or_else(|| no_type(&name, column))?;
                member.named_type = Some(named);
            }
            return Ok(Step::new(Action::Member(member), column));
        }
        let action = match name.as_str() {
            "is" => Action::Is(self.type_name()?),
            "as" | "ofType" => Action::OfType(self.type_name()?),
            "getReferenceKey" if *self.peek() == Word::Symbol(")") => Action::ReferenceKey(None),
            "getReferenceKey" => Action::ReferenceKey(Some(self.type_name()?)),
            _ => {
                let arguments = self.arguments()?;
                let function = Function::called(&name, arguments.len());
                let function = function.map_err(|reason| PathError::new(column, reason))?;
                Action::Call(function, arguments)
            }
        };
        self.expect(")")?;
        Ok(Step::new(action, column))
    }

    /// Reads the arguments of a function, up to the closing bracket.
    fn arguments(&mut self) -> Result<Vec<Expression>, PathError> {
        let mut arguments = Vec::new();
        if *self.peek() == Word::Symbol(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if !self.take(",") {
                return Ok(arguments);
            }
        }
    }

    /// Reads the name of a type: `Patient`, `FHIR.Patient`, `System.String`.
    fn type_name(&mut self) -> Result<TypeName, PathError> {
        let column = self.column();
        let first = self.name("the name of a type")?;
        let (space, name) = match first.as_str() {
            "FHIR" | "System" if self.take(".") => (Some(first), self.name("the name of a type")?),
            _ => (None, first),
        };
        let system = || SystemType::named(&name).map(TypeName::System);
        let found = match space.as_deref() {
            Some("System") => system(),
            Some(_) => TypeName::of_fhir(&name),
            None => TypeName::of_fhir(&name).or_else(system),
        };
        found.ok_or_else(|| no_type(&name, column))
    }

    /// Reads a name; words that are operators elsewhere are names too.
    fn name(&mut self, wanted: &str) -> Result<String, PathError> {
        let (Word::Name(name) | Word::Delimited(name)) = self.peek() else {
            return Err(self.unexpected(wanted));
        };
        let name = name.clone();
        self.at += 1;
        Ok(name)
    }

    /// Takes a symbol if it comes next.
    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Word::Symbol(next) if *next == symbol);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, symbol: &str) -> Result<(), PathError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn peek(&self) -> &Word {
        &self.words[self.at].0
    }

    fn column(&self) -> usize {
        self.words[self.at].1
    }

    fn unexpected(&self, wanted: &str) -> PathError {
        self.error(format!("{wanted} should stand here, not {}", self.peek().shown()))
    }

    fn error(&self, reason: impl Into<String>) -> PathError {
        PathError::new(self.column(), reason)
    }
}

fn no_type(name: &str, column: usize) -> PathError {
    PathError::new(column, format!("there is no type `{name}`"))
}

fn find(operators: &[(&str, Operator)], written: &str) -> Option<Operator> {
    operators.iter().find(|(operator, _)| *operator == written).map(|(_, operator)| *operator)
}

/// A number: an integer where it has no point and 64 bits hold it.
fn number(lexeme: String) -> Literal {
    let integer = if lexeme.contains('.') { None } else { lexeme.parse().ok() };
    integer.map_or(Literal::Decimal(lexeme), Literal::Integer)
}
