//! The rows that a view makes of a resource, one after the other.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html#processing-algorithm>, with two
//! decisions. An empty `forEachOrNull` gives one row without values, as the algorithm says, whatever its
//! columns are; runners that evaluate them over an empty object differ for literals and for selects
//! within. A column of lists without values has an empty list, as the official tests say.
//!
//! Of a resource the parts of its rows are kept, within bounds, and not the rows that these make when they
//! are joined. Contained resources give no rows.

use std::cell::Cell;

use super::definition::ViewDefinition;
use super::error::ViewError;
use super::product::{PartialRows, each_product};
use super::select::{Iteration, PlacedColumn, PlacedPath, ViewSelect};
use super::value::ViewValue;
use crate::fhir::json::{MAX_DEPTH, Tree};
use crate::fhir::name::short;
use crate::fhir::path::{Item, PathConstant, PathContext};

/// The most rows of one resource: selects beside each other multiply.
pub const MOST_ROWS: usize = 1_000_000;
/// The most steps that the expressions take over one resource: selects within each other multiply. A view
/// of twenty columns takes some ten million for a list of 100,000 elements.
const MOST_STEPS: usize = 50_000_000;
/// The most values that wait for the rows which they are part of.
const MOST_WAITING: usize = 2_000_000;

/// One resource on its way through a view.
struct Passage<'p, 't> {
    resource: &'t Tree<'t>,
    waiting: &'p Cell<usize>,
    steps_left: &'p Cell<usize>,
    /// An empty list that expressions find items for.
    spare: &'p Cell<Vec<Item<'t>>>,
}

impl ViewDefinition {
    /// Makes the rows of a resource, and gives each to `row`: a value for each of
    /// [`ViewDefinition::columns`]. A resource of another type has none, nor has one that a condition
    /// excludes.
    ///
    /// # Errors
    ///
    /// Those of `row`. Or, before the first row is given: a column has several values without being a
    /// collection, or values that are not of its type; a condition is neither true nor false; an
    /// expression cannot be evaluated; there are too many rows, or steps to them. Such an error names the
    /// place in the view, and the resource. So a resource with a fault gives no row at all.
    pub(crate) fn rows<'t, E: From<ViewError>>(
        &'t self,
        resource: &'t Tree<'t>,
        row: &mut dyn FnMut(&[&ViewValue<'t>]) -> Result<(), E>,
    ) -> Result<(), E> {
        if resource.get("resourceType").and_then(Tree::as_text) != Some(self.resource()) {
            return Ok(());
        }
        let constants = self.constants.iter();
        let constants: Vec<_> =
            constants.map(|constant| PathConstant::new(&constant.name, &constant.item())).collect();
        let steps_left = Cell::new(MOST_STEPS);
        let context = PathContext::of(resource).with_constants(&constants).with_steps(&steps_left);
        let (waiting, spare) = (&Cell::new(0), &Cell::default());
        let passage = Passage { resource, waiting, steps_left: &steps_left, spare };
        for condition in &self.conditions {
            if !passage.meets(condition, &context)? {
                return Ok(());
            }
        }
        // The root has no columns of its own and iterates over nothing.
        let factors = passage.factors(&self.root, &context)?;
        let count = factors.iter().try_fold(1usize, |count, part| count.checked_mul(part.count));
        if count.is_none_or(|count| count > MOST_ROWS) {
            let reason = format!("the selects make more than {MOST_ROWS} rows");
            return Err(passage.fault("select", &reason).into());
        }
        each_product(&[], &factors, row)
    }
}

impl<'t> Passage<'_, 't> {
    /// True where the resource meets a condition; one without a value is not met.
    fn meets(
        &self,
        condition: &'t PlacedPath,
        context: &PathContext<'_, 't>,
    ) -> Result<bool, ViewError> {
        let items = self.items(condition, context)?;
        let values: Vec<_> = items.into_iter().map(ViewValue::of).collect();
        match values[..] {
            [] => Ok(false),
            [ViewValue::Boolean(value)] => Ok(value),
            _ => {
                let found = match &values[..] {
                    [value] => value.shown().to_owned(),
                    several => format!("{} values", several.len()),
                };
                let text = short(&condition.text);
                let reason = format!(
                    "`{text}` gives {found}, but a condition is true or false; compare the value or end with `.exists()`"
                );
                Err(self.fault(&condition.place, &reason))
            }
        }
    }

    /// Evaluates an expression.
    fn items(
        &self,
        path: &'t PlacedPath,
        context: &PathContext<'_, 't>,
    ) -> Result<Vec<Item<'t>>, ViewError> {
        let mut items = Vec::new();
        self.find(path, context, &mut items)?;
        Ok(items)
    }

    /// Evaluates an expression into an empty list. What it finds counts as steps too.
    fn find(
        &self,
        path: &'t PlacedPath,
        context: &PathContext<'_, 't>,
        items: &mut Vec<Item<'t>>,
    ) -> Result<(), ViewError> {
        path.path.find(context, items).map_err(|error| {
            let (text, at) = (short(&path.text), error.column());
            self.fault(&path.place, &format!("`{text}`, character {at}: {}", error.reason()))
        })?;
        match self.steps_left.get().checked_sub(items.len() + 1) {
            Some(left) => self.steps_left.set(left),
            None => {
                let reason = "the selects take too many steps here; let fewer of them iterate within each other";
                return Err(self.fault(&path.place, reason));
            }
        }
        Ok(())
    }

    /// Makes the rows of a select. Reading bounds how deep selects nest.
    fn select(
        &self,
        select: &'t ViewSelect,
        context: &PathContext<'_, 't>,
    ) -> Result<PartialRows<'t>, ViewError> {
        let mut rows = PartialRows::default();
        let items = match &select.iteration {
            Iteration::Once => {
                self.focus(select, context, &mut rows)?;
                return Ok(rows);
            }
            Iteration::ForEach(path) => self.items(path, context)?,
            Iteration::ForEachOrNull(path) => {
                let items = self.items(path, context)?;
                if items.is_empty() {
                    rows.count = 1;
                    rows.values.extend(select.row_indexes.iter().map(|is_row_index| {
                        if *is_row_index {
                            ViewValue::of(Item::Integer(0))
                        } else {
                            ViewValue::Null
                        }
                    }));
                }
                items
            }
            Iteration::Repeat(paths) => self.repeated(paths, context)?,
        };
        for (index, item) in (0..).zip(items) {
            self.focus(select, &context.clone().at(item).with_row_index(index), &mut rows)?;
        }
        Ok(rows)
    }

    /// What the expressions of a `repeat` find, and what they find in that, and so on: each item before
    /// those within it.
    fn repeated(
        &self,
        paths: &'t [PlacedPath],
        context: &PathContext<'_, 't>,
    ) -> Result<Vec<Item<'t>>, ViewError> {
        let mut found = Vec::new();
        let mut waiting = self.children(paths, context, 1)?;
        while let Some((item, depth)) = waiting.pop() {
            // Nothing in a resource is so deep: the expression finds what it begins with.
            if depth > MAX_DEPTH || found.len() == MOST_WAITING {
                let place = paths.first().map_or("repeat", |path| &path.place);
                return Err(self.fault(place, "the `repeat` finds more and more, without an end"));
            }
            waiting.extend(self.children(paths, &context.clone().at(item.clone()), depth + 1)?);
            found.push(item);
        }
        Ok(found)
    }

    /// What the expressions of a `repeat` find in one item, the last one first.
    fn children(
        &self,
        paths: &'t [PlacedPath],
        context: &PathContext<'_, 't>,
        depth: usize,
    ) -> Result<Vec<(Item<'t>, usize)>, ViewError> {
        let mut children = Vec::new();
        for path in paths {
            children.extend(self.items(path, context)?.into_iter().map(|item| (item, depth)));
        }
        children.reverse();
        Ok(children)
    }

    /// Adds the rows of a select for one of the things that it iterates over.
    fn focus(
        &self,
        select: &'t ViewSelect,
        context: &PathContext<'_, 't>,
        rows: &mut PartialRows<'t>,
    ) -> Result<(), ViewError> {
        let mut own = Vec::with_capacity(select.columns.len());
        for column in &select.columns {
            own.push(self.value(column, context)?);
        }
        if select.selects.is_empty() && select.union_all.is_empty() {
            self.wait(select, own.len())?;
            rows.count += 1;
            match rows.values.is_empty() {
                true => rows.values = own,
                false => rows.values.append(&mut own),
            }
            return Ok(());
        }
        let factors = self.factors(select, context)?;
        each_product(&own, &factors, &mut |row| {
            self.wait(select, row.len().max(1))?;
            rows.count += 1;
            rows.values.extend(row.iter().map(|value| (*value).clone()));
            Ok(())
        })
    }

    /// The rows of the selects within a select, each to be joined with those of the others.
    fn factors(
        &self,
        select: &'t ViewSelect,
        context: &PathContext<'_, 't>,
    ) -> Result<Vec<PartialRows<'t>>, ViewError> {
        let mut factors = Vec::with_capacity(select.selects.len() + 1);
        for nested in &select.selects {
            factors.push(self.select(nested, context)?);
        }
        if !select.union_all.is_empty() {
            let mut union = PartialRows::default();
            for branch in &select.union_all {
                let mut rows = self.select(branch, context)?;
                union.count += rows.count;
                union.values.append(&mut rows.values);
            }
            factors.push(union);
        }
        Ok(factors)
    }

    /// The value of a column.
    fn value(
        &self,
        placed: &'t PlacedColumn,
        context: &PathContext<'_, 't>,
    ) -> Result<ViewValue<'t>, ViewError> {
        let mut items = self.spare.take();
        self.find(&placed.path, context, &mut items)?;
        let value = self.value_of(placed, &mut items);
        items.clear();
        self.spare.set(items);
        value
    }

    /// The value of a column, of what its expression gives.
    fn value_of(
        &self,
        placed: &'t PlacedColumn,
        items: &mut Vec<Item<'t>>,
    ) -> Result<ViewValue<'t>, ViewError> {
        let (column, count) = (&placed.column, items.len());
        let mut values = items.drain(..).map(|item| {
            let value = ViewValue::of(item);
            let shown = value.shown();
            value.fitted(column.kind).ok_or_else(|| {
                let (text, kind) = (short(&placed.path.text), column.kind.shown());
                let reason = format!(
                    "`{text}` gives {shown}, but the column holds {kind}; change its path or its type"
                );
                self.fault(&placed.path.place, &reason)
            })
        });
        if column.is_collection {
            return Ok(ViewValue::List(values.collect::<Result<_, _>>()?));
        }
        if count > 1 {
            let text = short(&placed.path.text);
            let reason = format!(
                "`{text}` gives {count} values, but the column holds one; take one of them, such as with `.first()`, or set `collection` to true"
            );
            return Err(self.fault(&placed.path.place, &reason));
        }
        values.next().unwrap_or(Ok(ViewValue::Null))
    }

    /// Counts values that wait for their rows.
    fn wait(&self, select: &ViewSelect, count: usize) -> Result<(), ViewError> {
        let waiting = self.waiting.get() + count;
        self.waiting.set(waiting);
        if waiting <= MOST_WAITING {
            return Ok(());
        }
        let place = select.columns.first().map_or("select", |column| &column.path.place);
        Err(self.fault(place, &format!("the selects find more than {MOST_WAITING} values")))
    }

    /// A fault that the resource shows.
    fn fault(&self, place: &str, reason: &str) -> ViewError {
        let text = |name| self.resource.get(name).and_then(Tree::as_text).unwrap_or("?");
        let (of, id) = (short(text("resourceType")), short(text("id")));
        ViewError::new(place, format!("{of}/{id}: {reason}"))
    }
}
