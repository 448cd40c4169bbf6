//! The row that a view makes of an ordinary resource, in one pass over its text.
//!
//! Most views have plain paths, and most resources have one value for each of them: then nothing iterates, and there is
//! one row at most. [`QuickView::of`] says whether a view is such a one. For a resource that is not, `rows.rs` makes the
//! rows, and every fault is found there.

use super::column::ColumnKind;
use super::select::{Iteration, PlacedColumn, PlacedPath, ViewSelect};
use super::value::ViewValue;
use crate::fhir::path::{
    QuickBuilder, QuickPath, QuickPlace, QuickTest, QuickValue, Slots, Unusual,
};

/// What a view makes of a resource.
#[derive(Debug, PartialEq)]
pub(super) enum QuickRow<'t> {
    /// One row.
    One(Vec<ViewValue<'t>>),
    /// No row.
    Nothing,
    /// [`ViewDefinition::rows`] says it.
    Unknown,
}

/// A view in a form that makes rows in one pass.
#[derive(Clone, Debug)]
pub(super) struct QuickView {
    conditions: Vec<QuickTest>,
    selects: Vec<QuickSelect>,
    width: usize,
}

/// A part of a view that makes one row, or none.
#[derive(Clone, Debug)]
enum QuickSelect {
    /// Columns of what the select around it stands at, and the selects within it.
    Once(Vec<QuickColumn>, Vec<QuickSelect>),
    /// The same of the one thing that a `forEachOrNull` finds; so many columns without values where it finds none. Without
    /// parts, whatever it finds is unusual.
    OrNull(QuickPath, Option<(Vec<QuickColumn>, Vec<QuickSelect>)>, usize),
    /// A `forEach`: no row where it finds nothing. Whatever it finds is unusual.
    Each(QuickPath),
}

#[derive(Clone, Debug)]
struct QuickColumn {
    path: QuickPath,
    kind: ColumnKind,
}

/// Whether there is a row.
enum HasRow {
    Yes,
    No,
}

impl QuickView {
    /// The form of a view of some conditions and selects, whose expressions `builder` gathers. `text_of` gives the
    /// texts of constants. `None` for a view that has no such form.
    pub(super) fn of(
        conditions: &[PlacedPath],
        root: &ViewSelect,
        text_of: &dyn Fn(&str) -> Option<String>,
        builder: &mut QuickBuilder,
    ) -> Option<QuickView> {
        // What is gathered for a view without a form is not looked at.
        let mut attempt = builder.clone();
        let mut maker = QuickMaker { builder: &mut attempt, text_of };
        let conditions = conditions.iter().map(|condition| {
            condition.path.quick_test(maker.builder, QuickPlace::RESOURCE, text_of)
        });
        let conditions = conditions.collect::<Option<_>>()?;
        let (_, selects) = maker.parts(root, QuickPlace::RESOURCE)?;
        *builder = attempt;
        Some(QuickView { conditions, selects, width: width(root) })
    }

    /// The row of a resource.
    pub(super) fn row<'t>(&self, slots: &Slots<'t>) -> QuickRow<'t> {
        self.made(slots).unwrap_or(QuickRow::Unknown)
    }

    fn made<'t>(&self, slots: &Slots<'t>) -> Result<QuickRow<'t>, Unusual> {
        for condition in &self.conditions {
            if !condition.is_met(slots)? {
                return Ok(QuickRow::Nothing);
            }
        }
        let mut row = Vec::with_capacity(self.width);
        Ok(match add_all(&self.selects, slots, &mut row)? {
            HasRow::Yes => QuickRow::One(row),
            HasRow::No => QuickRow::Nothing,
        })
    }
}

/// Makes the parts of a [`QuickView`].
struct QuickMaker<'a> {
    builder: &'a mut QuickBuilder,
    text_of: &'a dyn Fn(&str) -> Option<String>,
}

impl QuickMaker<'_> {
    /// The columns and the selects within a select, which stands at a place. Reading bounds how deep selects nest.
    fn parts(
        &mut self,
        select: &ViewSelect,
        at: QuickPlace,
    ) -> Option<(Vec<QuickColumn>, Vec<QuickSelect>)> {
        if !select.union_all.is_empty() {
            return None;
        }
        let columns = select.columns.iter().map(|column| self.column(column, at));
        let columns = columns.collect::<Option<_>>()?;
        let selects = select.selects.iter().map(|select| self.select(select, at));
        Some((columns, selects.collect::<Option<_>>()?))
    }

    fn select(&mut self, select: &ViewSelect, at: QuickPlace) -> Option<QuickSelect> {
        match &select.iteration {
            Iteration::Once => {
                let (columns, selects) = self.parts(select, at)?;
                Some(QuickSelect::Once(columns, selects))
            }
            Iteration::ForEach(path) => self.path(path, at).map(QuickSelect::Each),
            Iteration::ForEachOrNull(_) if select.row_indexes.contains(&true) => None,
            Iteration::ForEachOrNull(path) => {
                let path = self.path(path, at)?;
                let place = self.builder.place_of(&path);
                let parts = place.and_then(|place| self.parts(select, place));
                Some(QuickSelect::OrNull(path, parts, width(select)))
            }
            Iteration::Repeat(_) => None,
        }
    }

    fn column(&mut self, placed: &PlacedColumn, at: QuickPlace) -> Option<QuickColumn> {
        let column = &placed.column;
        if column.is_collection {
            return None;
        }
        Some(QuickColumn { path: self.path(&placed.path, at)?, kind: column.kind })
    }

    fn path(&mut self, path: &PlacedPath, at: QuickPlace) -> Option<QuickPath> {
        path.path.quick(self.builder, at, self.text_of)
    }
}

/// How many columns a select makes.
fn width(select: &ViewSelect) -> usize {
    select.row_indexes.len()
}

/// Adds the values of a row of selects that stand beside each other.
fn add_all<'t>(
    selects: &[QuickSelect],
    slots: &Slots<'t>,
    row: &mut Vec<ViewValue<'t>>,
) -> Result<HasRow, Unusual> {
    let mut has_row = HasRow::Yes;
    for select in selects {
        // What may be unusual is looked at, though there may be no row already.
        if let HasRow::No = select.add(slots, row)? {
            has_row = HasRow::No;
        }
    }
    Ok(has_row)
}

impl QuickSelect {
    /// Adds the values of a row.
    fn add<'t>(&self, slots: &Slots<'t>, row: &mut Vec<ViewValue<'t>>) -> Result<HasRow, Unusual> {
        let (columns, selects) = match self {
            QuickSelect::Once(columns, selects) => (columns, selects),
            QuickSelect::OrNull(path, parts, width) => match (path.is_there(slots)?, parts) {
                (true, Some((columns, selects))) => (columns, selects),
                (true, None) => return Err(Unusual),
                (false, _) => {
                    row.resize(row.len() + width, ViewValue::Null);
                    return Ok(HasRow::Yes);
                }
            },
            QuickSelect::Each(path) => match path.is_there(slots)? {
                true => return Err(Unusual),
                false => return Ok(HasRow::No),
            },
        };
        for column in columns {
            row.push(column.value(slots)?);
        }
        add_all(selects, slots, row)
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
