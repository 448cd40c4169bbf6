//! The rows that a view makes of an ordinary resource, in one pass over its text.
//!
//! Most views have plain paths, and most resources have one value for each of them. [`QuickView::of`] says whether a view
//! is such a one. For a resource that is not, `rows.rs` makes the rows, and every fault is found there.

use super::column::ColumnKind;
use super::product::{PartialRows, each_product};
use super::select::{Iteration, PlacedColumn, PlacedPath, ViewSelect};
use super::value::ViewValue;
use crate::fhir::path::{
    QuickBuilder, QuickConstants, QuickList, QuickPath, QuickPlace, QuickTest, QuickValue, Slots,
    Unusual,
};

/// The most rows of one resource that are made so.
const MOST_ROWS: usize = 10_000;

/// A view in a form that makes rows in one pass.
#[derive(Clone, Debug)]
pub(super) struct QuickView {
    conditions: Vec<QuickTest>,
    parts: QuickParts,
    width: usize,
}

/// The columns of a select, and the selects within it.
#[derive(Clone, Debug)]
struct QuickParts {
    columns: Vec<QuickColumn>,
    selects: Vec<QuickSelect>,
}

#[derive(Clone, Debug)]
struct QuickColumn {
    path: QuickPath,
    kind: ColumnKind,
}

/// A part of a view that makes rows.
#[derive(Clone, Debug)]
enum QuickSelect {
    /// Of what the select around it stands at.
    Once(QuickParts),
    Iterated(Box<QuickIteration>),
}

/// A `forEach` or a `forEachOrNull`.
#[derive(Clone, Debug)]
struct QuickIteration {
    path: QuickPath,
    over: IteratedOver,
    is_or_null: bool,
    width: usize,
}

/// What an iteration goes over.
#[derive(Clone, Debug)]
enum IteratedOver {
    /// The one thing that there is.
    One(QuickParts),
    /// All things, each with slots of its own.
    Each(QuickList, QuickParts),
    /// What there is needs the evaluator.
    Unknown,
}

/// What an iteration finds.
enum Iterated<'i, 's, 't> {
    Nothing,
    /// The parts of the one thing, and its slots.
    One(&'i QuickParts, &'s Slots<'t>),
    Several(&'i QuickParts, &'s [Slots<'t>]),
}

/// How many rows there are.
enum RowCount {
    Zero,
    One,
    Several,
}

impl QuickView {
    /// The form of a view of some conditions and selects, whose expressions `builder` gathers. `text_of` gives the
    /// texts of constants. `None` for a view that has no such form.
    pub(super) fn of(
        conditions: &[PlacedPath],
        root: &ViewSelect,
        text_of: &QuickConstants<'_>,
        builder: &mut QuickBuilder,
    ) -> Option<QuickView> {
        // What is gathered for a view without a form is not looked at.
        let mut attempt = builder.clone();
        let conditions = conditions.iter().map(|condition| {
            condition.path.quick_test(&mut attempt, QuickPlace::RESOURCE, text_of)
        });
        let conditions = conditions.collect::<Option<_>>()?;
        let parts = parts(root, QuickPlace::RESOURCE, &mut attempt, text_of)?;
        *builder = attempt;
        Some(QuickView { conditions, parts, width: width(root) })
    }

    /// The rows of a resource.
    ///
    /// # Errors
    ///
    /// The resource is not an ordinary one for the view.
    pub(super) fn rows<'t>(&self, slots: &Slots<'t>) -> Result<PartialRows<'t>, Unusual> {
        let mut rows = PartialRows::default();
        for condition in &self.conditions {
            if !condition.is_met(slots)? {
                return Ok(rows);
            }
        }
        let mut values = Vec::with_capacity(self.width);
        match self.parts.add_row(slots, &mut values)? {
            RowCount::Zero => {}
            RowCount::One => rows = PartialRows { count: 1, values },
            RowCount::Several => self.parts.add_rows(slots, &mut rows)?,
        }
        Ok(rows)
    }
}

/// The quick form of the parts of a select, which stands at a place. Reading bounds how deep selects nest.
fn parts(
    select: &ViewSelect,
    at: QuickPlace,
    builder: &mut QuickBuilder,
    text_of: &QuickConstants<'_>,
) -> Option<QuickParts> {
    if !select.union_all.is_empty() {
        return None;
    }
    let mut columns = Vec::with_capacity(select.columns.len());
    for PlacedColumn { path, column } in &select.columns {
        if column.is_collection {
            return None;
        }
        let path = path.path.quick(builder, at, text_of)?;
        columns.push(QuickColumn { path, kind: column.kind });
    }
    let mut selects = Vec::with_capacity(select.selects.len());
    for nested in &select.selects {
        selects.push(part(nested, at, builder, text_of)?);
    }
    Some(QuickParts { columns, selects })
}

fn part(
    select: &ViewSelect,
    at: QuickPlace,
    builder: &mut QuickBuilder,
    text_of: &QuickConstants<'_>,
) -> Option<QuickSelect> {
    let (path, is_or_null) = match &select.iteration {
        Iteration::Once => return parts(select, at, builder, text_of).map(QuickSelect::Once),
        Iteration::ForEach(path) => (path, false),
        // Without anything to iterate over, `%rowIndex` is 0 and no null.
        Iteration::ForEachOrNull(_) if select.row_indexes.contains(&true) => return None,
        Iteration::ForEachOrNull(path) => (path, true),
        Iteration::Repeat(_) => return None,
    };
    let path = path.path.quick(builder, at, text_of)?;
    let each = builder
        .each(&path, |inner| parts(select, QuickPlace::OF_LIST, inner, text_of))
        .map(|(list, parts)| IteratedOver::Each(list, parts));
    let (path, over) = match each {
        Some(over) => (path, over),
        None => {
            let placed = builder.placed(&path).and_then(|(path, place)| {
                let parts = parts(select, place, builder, text_of)?;
                Some((path, IteratedOver::One(parts)))
            });
            placed.unwrap_or((path, IteratedOver::Unknown))
        }
    };
    let width = width(select);
    Some(QuickSelect::Iterated(Box::new(QuickIteration { path, over, is_or_null, width })))
}

/// How many columns a select makes.
fn width(select: &ViewSelect) -> usize {
    select.row_indexes.len()
}

impl QuickParts {
    /// Adds the values of a row, as long as there are no several rows.
    fn add_row<'t>(
        &self,
        slots: &Slots<'t>,
        row: &mut Vec<ViewValue<'t>>,
    ) -> Result<RowCount, Unusual> {
        for column in &self.columns {
            row.push(column.value(slots)?);
        }
        let mut count = RowCount::One;
        for select in &self.selects {
            let of_select = match select {
                QuickSelect::Once(parts) => parts.add_row(slots, row)?,
                QuickSelect::Iterated(iteration) => match iteration.over(slots)? {
                    Iterated::One(parts, slots) => parts.add_row(slots, row)?,
                    Iterated::Several(..) => RowCount::Several,
                    Iterated::Nothing if iteration.is_or_null => {
                        row.resize(row.len() + iteration.width, ViewValue::Null);
                        RowCount::One
                    }
                    Iterated::Nothing => RowCount::Zero,
                },
            };
            count = match (count, of_select) {
                (_, RowCount::Several) => return Ok(RowCount::Several),
                // What may be unusual behind it is looked at all the same.
                (RowCount::Zero, _) | (_, RowCount::Zero) => RowCount::Zero,
                (count, RowCount::One) => count,
            };
        }
        Ok(count)
    }

    /// Adds all rows.
    fn add_rows<'t>(&self, slots: &Slots<'t>, rows: &mut PartialRows<'t>) -> Result<(), Unusual> {
        let own = self.columns.iter().map(|column| column.value(slots));
        let own = own.collect::<Result<Vec<_>, _>>()?;
        let mut factors = Vec::with_capacity(self.selects.len());
        for select in &self.selects {
            let mut of_select = PartialRows::default();
            select.add_rows(slots, &mut of_select)?;
            factors.push(of_select);
        }
        each_product(&own, &factors, &mut |row| {
            if rows.count == MOST_ROWS {
                return Err(Unusual);
            }
            rows.count += 1;
            rows.values.extend(row.iter().map(|value| (*value).clone()));
            Ok(())
        })
    }
}

impl QuickSelect {
    fn add_rows<'t>(&self, slots: &Slots<'t>, rows: &mut PartialRows<'t>) -> Result<(), Unusual> {
        let iteration = match self {
            QuickSelect::Once(parts) => return parts.add_rows(slots, rows),
            QuickSelect::Iterated(iteration) => iteration,
        };
        match iteration.over(slots)? {
            Iterated::One(parts, slots) => parts.add_rows(slots, rows),
            Iterated::Several(parts, values) => {
                values.iter().try_for_each(|value| parts.add_rows(value, rows))
            }
            Iterated::Nothing if iteration.is_or_null => {
                rows.count += 1;
                rows.values.resize(rows.values.len() + iteration.width, ViewValue::Null);
                Ok(())
            }
            Iterated::Nothing => Ok(()),
        }
    }
}

impl QuickIteration {
    /// What there is to iterate over.
    fn over<'i, 's, 't>(&'i self, slots: &'s Slots<'t>) -> Result<Iterated<'i, 's, 't>, Unusual> {
        match &self.over {
            IteratedOver::Each(list, parts) => Ok(match list.values(slots)? {
                [] => Iterated::Nothing,
                [value] => Iterated::One(parts, value),
                values => Iterated::Several(parts, values),
            }),
            over => match (self.path.is_there(slots)?, over) {
                (false, _) => Ok(Iterated::Nothing),
                (true, IteratedOver::One(parts)) => Ok(Iterated::One(parts, slots)),
                (true, _) => Err(Unusual),
            },
        }
    }
}

impl QuickColumn {
    fn value<'t>(&self, slots: &Slots<'t>) -> Result<ViewValue<'t>, Unusual> {
        let value = match self.path.value(slots)? {
            None => return Ok(ViewValue::Null),
            Some(QuickValue::Boolean(value)) => ViewValue::Boolean(value),
            Some(QuickValue::Number(lexeme)) => ViewValue::Number(lexeme),
            Some(QuickValue::Text(text)) => ViewValue::Text(text),
        };
        value.fitted(self.kind).ok_or(Unusual)
    }
}
