//! [`KeptViews`]: the views whose rows a store keeps, and the rows that they make of a resource before that
//! is written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::bound::{BoundValue, bound};
use super::definition::ViewDefinition;
use super::error::ViewError;
use super::product::PartialRows;
use super::quick::QuickView;
use super::value::ViewValue;
use crate::fhir::json::{Tree, WantedMembers};
use crate::fhir::path::{QuickBuilder, QuickPlan, WantedElements};

/// The largest text whose rows are made ahead, in bytes. The rows of a larger one do not wait in memory.
const LARGEST: usize = 1 << 20;

/// A view as a store has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewText {
    /// The number by which the store names it.
    pub key: i64,
    /// Its name.
    pub name: String,
    /// The type of its resources.
    pub resource_type: String,
    /// The ViewDefinition: JSON.
    pub definition: String,
}

/// A view of which rows are made.
#[derive(Debug)]
pub struct KeptView {
    /// The number by which the store names it.
    pub key: i64,
    /// Its name.
    pub name: String,
    /// The view; `None` where it cannot be read: it is of another fhirlite.
    pub definition: Option<ViewDefinition>,
    /// True where its rows may depend on what a store sets in `meta`.
    reads_meta: bool,
    /// The form that makes rows of the slots of all views of the type; `None` where there is none.
    quick: Option<QuickView>,
}

/// Views by the type of their resources.
#[derive(Debug, Default)]
pub struct KeptViews {
    texts: Vec<ViewText>,
    by_type: BTreeMap<String, ViewsOfType>,
}

/// The views of a type, and what they look at.
#[derive(Debug)]
struct ViewsOfType {
    views: Vec<KeptView>,
    wanted: WantedMembers,
    /// What to look at for the rows that are made in one pass.
    plan: Option<QuickPlan>,
}

/// The rows of a view, with values as a database holds them.
#[derive(Debug, Default)]
pub struct BoundRows {
    width: usize,
    count: usize,
    cells: Vec<BoundCell>,
    texts: String,
}

/// A value of a row. A text ends at a place in the text of all rows, and begins where the one before it ends.
#[derive(Debug)]
enum BoundCell {
    Null,
    Integer(i64),
    Real(f64),
    Text { end: usize },
}

/// What views make of a resource.
#[derive(Debug)]
pub struct MadeViewRows {
    made_for: Arc<KeptViews>,
    /// The rows by the number of their view, or why a view makes none.
    rows: Vec<(i64, Result<BoundRows, String>)>,
}

impl KeptViews {
    /// Reads views.
    pub fn new(texts: Vec<ViewText>) -> KeptViews {
        let mut by_type: BTreeMap<String, Vec<KeptView>> = BTreeMap::new();
        for text in &texts {
            let tree = Tree::parse(&text.definition);
            let definition = tree.ok().and_then(|tree| ViewDefinition::read(&tree).ok());
            let reads_meta = definition.as_ref().is_none_or(ViewDefinition::may_read_meta);
            let (key, name) = (text.key, text.name.clone());
            let view = KeptView { key, name, definition, reads_meta, quick: None };
            by_type.entry(text.resource_type.clone()).or_default().push(view);
        }
        let by_type =
            by_type.into_iter().map(|(of, views)| (of.clone(), ViewsOfType::new(&of, views)));
        let by_type = by_type.collect();
        KeptViews { texts, by_type }
    }

    /// True where these are the views.
    pub fn are(&self, texts: &[ViewText]) -> bool {
        self.texts == texts
    }

    /// The views of a type.
    pub fn of(&self, resource_type: &str) -> &[KeptView] {
        self.by_type.get(resource_type).map_or(&[], |of_type| &of_type.views)
    }

    /// The types that have views.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.by_type.keys().map(String::as_str)
    }
}

impl ViewsOfType {
    fn new(resource_type: &str, mut views: Vec<KeptView>) -> ViewsOfType {
        let mut builder = QuickBuilder::new(resource_type);
        for view in &mut views {
            let parts = view.definition.as_ref().zip(builder.as_mut());
            view.quick = parts.and_then(|(view, builder)| view.quick_view(builder));
        }
        let plan = builder.and_then(QuickBuilder::plan);
        let mut wanted = WantedElements::new();
        let definitions = views.iter().filter_map(|view| view.definition.as_ref());
        definitions.for_each(|definition| definition.add_wanted(&mut wanted));
        ViewsOfType { views, wanted: wanted.into_members(), plan }
    }
}

impl MadeViewRows {
    /// Makes the rows of a resource whose `meta` is not yet as it will be stored: of the views to which that
    /// is all the same. `None` where there are none, or the text is large.
    pub fn ahead(views: &Arc<KeptViews>, resource_type: &str, text: &str) -> Option<MadeViewRows> {
        MadeViewRows::of(views, resource_type, text, |view| !view.reads_meta)
    }

    /// Makes the rows of a stored resource. `None` where there are none, or the text is large.
    pub fn stored(views: &Arc<KeptViews>, resource_type: &str, text: &str) -> Option<MadeViewRows> {
        MadeViewRows::of(views, resource_type, text, |_| true)
    }

    fn of(
        views: &Arc<KeptViews>,
        resource_type: &str,
        text: &str,
        is_wanted: impl Fn(&KeptView) -> bool,
    ) -> Option<MadeViewRows> {
        let of_type = views.by_type.get(resource_type)?;
        let mut made = of_type.views.iter().filter(|view| is_wanted(view)).peekable();
        if text.len() > LARGEST || made.peek().is_none() {
            return None;
        }
        let slots = of_type.plan.as_ref().and_then(|plan| plan.read(text).ok());
        let (mut tree, mut rows) = (None, Vec::new());
        for view in made {
            let Some(definition) = &view.definition else { continue };
            let quick = view.quick.as_ref().zip(slots.as_ref());
            let made = match quick.and_then(|(view, slots)| view.rows(slots).ok()) {
                Some(rows) => Ok(BoundRows::of_rows(definition, &rows)),
                None => {
                    let parse = || Tree::parse_wanted(text, &of_type.wanted);
                    // What cannot be read here cannot be read where it is written, which says so.
                    let tree = tree.get_or_insert_with(parse).as_ref().ok()?;
                    BoundRows::of(definition, tree).map_err(|fault| fault.to_string())
                }
            };
            rows.push((view.key, made));
        }
        Some(MadeViewRows { made_for: views.clone(), rows })
    }

    /// The rows of a view, or why it makes none; `None` where they were not made.
    pub fn of_view(&self, views: &Arc<KeptViews>, key: i64) -> Option<&Result<BoundRows, String>> {
        if !Arc::ptr_eq(&self.made_for, views) && self.made_for.texts != views.texts {
            return None;
        }
        self.rows.iter().find(|(of, _)| *of == key).map(|(_, rows)| rows)
    }
}

impl BoundRows {
    fn of(definition: &ViewDefinition, tree: &Tree<'_>) -> Result<BoundRows, ViewError> {
        let mut rows = BoundRows::none(definition);
        definition.rows(tree, &mut |values: &[&ViewValue<'_>]| {
            rows.add(definition, values.iter().copied());
            Ok::<_, ViewError>(())
        })?;
        Ok(rows)
    }

    fn none(definition: &ViewDefinition) -> BoundRows {
        BoundRows { width: definition.columns().len(), ..BoundRows::default() }
    }

    fn of_rows(definition: &ViewDefinition, made: &PartialRows<'_>) -> BoundRows {
        let mut rows = BoundRows::none(definition);
        made.iter().for_each(|row| rows.add(definition, row.iter()));
        rows
    }

    fn add<'v, 't: 'v>(
        &mut self,
        definition: &ViewDefinition,
        row: impl Iterator<Item = &'v ViewValue<'t>>,
    ) {
        self.count += 1;
        self.cells.reserve(self.width);
        for (column, value) in definition.columns().iter().zip(row) {
            self.cells.push(match bound(column, value) {
                BoundValue::Null => BoundCell::Null,
                BoundValue::Integer(value) => BoundCell::Integer(value),
                BoundValue::Real(value) => BoundCell::Real(value),
                BoundValue::Text(text) => {
                    self.texts.push_str(&text);
                    BoundCell::Text { end: self.texts.len() }
                }
            });
        }
    }

    /// Gives each row to `row`, until it fails.
    pub fn for_each<E>(
        &self,
        mut row: impl FnMut(&[BoundValue<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut begins, mut values) = (0, Vec::with_capacity(self.width));
        for number in 0..self.count {
            values.clear();
            for cell in &self.cells[number * self.width..(number + 1) * self.width] {
                values.push(match cell {
                    BoundCell::Null => BoundValue::Null,
                    BoundCell::Integer(value) => BoundValue::Integer(*value),
                    BoundCell::Real(value) => BoundValue::Real(*value),
                    BoundCell::Text { end } => {
                        let text = &self.texts[begins..*end];
                        begins = *end;
                        BoundValue::Text(Cow::Borrowed(text))
                    }
                });
            }
            row(&values)?;
        }
        Ok(())
    }
}
