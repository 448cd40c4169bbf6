//! One value of any parameter, and whether a value of a resource meets it.
//!
//! <https://hl7.org/fhir/R4/search.html#ptypes>

use super::coded::TokenBound;
use super::date::DateBound;
use super::definition::SearchParameter;
use super::escape::{split, unescaped};
use super::link::ReferenceBound;
use super::modifier::{Modifier, ParameterKind};
use super::number::NumberBound;
use super::quantity::QuantityBound;
use super::string::StringBound;
use super::uri::UriBound;
use super::values::{Found, values_within};
use crate::fhir::json::Tree;
use crate::time::Instant;

/// What a search needs to know to be read.
#[derive(Clone, Copy, Debug)]
pub struct SearchContext<'c> {
    /// The URL of our FHIR endpoint, without a slash at its end. Empty where there is none.
    pub base: &'c str,
    /// The time from which `ap` measures.
    pub now: Instant,
    /// True where unknown parameters are ignored.
    pub is_lenient: bool,
}

/// One value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    Date(DateBound),
    Number(NumberBound),
    Quantity(QuantityBound),
    Reference(ReferenceBound),
    String(StringBound),
    Token(TokenBound),
    Uri(UriBound),
    /// A value for each component, in their order.
    Composite(Vec<Bound>),
}

impl Bound {
    /// Reads a value, which still has its escapes.
    ///
    /// # Errors
    /// What is wrong, to be said behind the value.
    pub(super) fn parse(
        parameter: &SearchParameter,
        modifier: &Modifier,
        text: &str,
        context: &SearchContext<'_>,
    ) -> Result<Bound, String> {
        if text.is_empty() {
            return Err("has an empty value".to_owned());
        }
        match parameter.kind {
            ParameterKind::Date => Ok(Bound::Date(DateBound::parse(text, context.now).ok_or(
                "should be a time, perhaps after eq, ne, gt, lt, ge, le, sa, eb or ap",
            )?)),
            ParameterKind::Number => Ok(Bound::Number(NumberBound::parse(text).ok_or(
                "should be a number, perhaps after eq, ne, gt, lt, ge, le, sa, eb or ap",
            )?)),
            ParameterKind::Quantity => Ok(Bound::Quantity(QuantityBound::parse(text).ok_or(
                "should be number, number|system|code or number||code, perhaps after a prefix such as gt",
            )?)),
            ParameterKind::Reference => reference(modifier, text, context)
                .map(|bound| Bound::Reference(bound.within(&parameter.targets))),
            ParameterKind::String => Ok(Bound::String(StringBound::new(modifier, &unescaped(text)))),
            ParameterKind::Token => token(modifier, text).map(Bound::Token),
            ParameterKind::Uri => UriBound::new(modifier, unescaped(text)).map(Bound::Uri),
            ParameterKind::Composite => composite(parameter, text, context).map(Bound::Composite),
            ParameterKind::Special => Err("cannot be searched for here".to_owned()),
        }
    }

    /// True where a value that the parameter found in a body meets this one.
    ///
    /// # Errors
    /// Why the expression of a component cannot be evaluated.
    pub(super) fn holds_in<'t>(
        &self,
        parameter: &SearchParameter,
        body: &'t Tree<'t>,
        found: &Found<'t>,
    ) -> Result<bool, String> {
        let tree = found.tree;
        Ok(match self {
            Bound::Date(bound) => bound.holds_in(tree),
            Bound::Number(bound) => bound.holds_in(tree),
            Bound::Quantity(bound) => bound.holds_in(tree),
            Bound::Reference(bound) => bound.holds_in(tree),
            Bound::String(bound) => bound.holds_in(tree),
            Bound::Token(bound) => bound.holds_in(tree, parameter.plain_codes()),
            Bound::Uri(bound) => tree.as_text().is_some_and(|uri| bound.holds(uri)),
            Bound::Composite(bounds) => {
                for (component, bound) in parameter.components.iter().zip(bounds) {
                    let parts = values_within(component, body, found)?;
                    if !bound.holds_in_any(component, body, &parts)? {
                        return Ok(false);
                    }
                }
                true
            }
        })
    }

    /// True where one of several values meets this one.
    ///
    /// # Errors
    /// Those of [`Bound::holds_in`].
    pub(super) fn holds_in_any<'t>(
        &self,
        parameter: &SearchParameter,
        body: &'t Tree<'t>,
        found: &[Found<'t>],
    ) -> Result<bool, String> {
        for value in found {
            if self.holds_in(parameter, body, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn token(modifier: &Modifier, text: &str) -> Result<TokenBound, String> {
    let (bound, shape) = match modifier {
        Modifier::Text => (Some(TokenBound::text(text)), ""),
        Modifier::OfType => (TokenBound::of_type(text), "should be system|code|value"),
        _ => (TokenBound::parse(text), "should be code, system|code, |code or system|"),
    };
    bound.ok_or_else(|| shape.to_owned())
}

fn reference(
    modifier: &Modifier,
    text: &str,
    context: &SearchContext<'_>,
) -> Result<ReferenceBound, String> {
    match modifier {
        Modifier::Identifier => token(&Modifier::None, text).map(ReferenceBound::Identifier),
        Modifier::Type(of_type) => {
            ReferenceBound::parse(unescaped(text), Some(of_type), context.base)
        }
        _ => ReferenceBound::parse(unescaped(text), None, context.base),
    }
}

fn composite(
    parameter: &SearchParameter,
    text: &str,
    context: &SearchContext<'_>,
) -> Result<Vec<Bound>, String> {
    let parts = split(text, '$');
    let components = &parameter.components;
    if parts.len() != components.len() {
        let kinds: Vec<&str> = components.iter().map(|component| component.kind.name()).collect();
        return Err(format!("should have {} parts: {}", kinds.len(), kinds.join("$")));
    }
    let read = |(component, part): (&SearchParameter, &str)| {
        Bound::parse(component, &Modifier::None, part, context)
            .map_err(|what| format!("has {part:?}, which {what}"))
    };
    components.iter().zip(parts).map(read).collect()
}
