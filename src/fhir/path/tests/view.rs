//! A plain runner of SQL on FHIR views, as a judge of the evaluator.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. It reads what the official
//! tests hold, and says no more than that a view is wrong.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::types::Type;
use super::super::{Item, Path, PathConstant, PathContext, PathError};
use crate::fhir::json::Tree;

/// A row of a view: the values of its columns.
pub type Row = BTreeMap<String, Value>;

/// A view, and what its expressions share.
pub struct View<'t> {
    view: &'t Tree<'t>,
    constants: Vec<PathConstant<'t>>,
}

/// The place of what columns are computed for.
#[derive(Clone)]
struct ViewPlace<'t> {
    resource: &'t Tree<'t>,
    focus: Item<'t>,
    row_index: i64,
}

fn list<'t>(tree: &'t Tree<'t>, name: &str) -> &'t [Tree<'t>] {
    tree.get(name).map(Tree::values).unwrap_or_default()
}

fn text<'t>(tree: &'t Tree<'t>, name: &str) -> Result<Option<&'t str>, String> {
    match tree.get(name) {
        None => Ok(None),
        Some(Tree::Text(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} is no text")),
    }
}

impl<'t> View<'t> {
    /// Reads a view and checks it as far as that needs no resource.
    pub fn read(view: &'t Tree<'t>) -> Result<View<'t>, String> {
        let mut constants = Vec::new();
        for constant in list(view, "constant") {
            let name = text(constant, "name")?.ok_or("a constant without a name")?;
            let value = constant.members().iter().find_map(|(member, tree)| {
                let of = Type::of_suffix(member.strip_prefix("value")?)?;
                Some(Item::of_type(tree, of.name()))
            });
            constants.push(PathConstant::new(name, &value.ok_or("a constant without a value")?));
        }
        let view = View { view, constants };
        text(view.view, "resource")?.ok_or("a view without a resource")?;
        if list(view.view, "select").is_empty() {
            return Err("a view without columns".to_owned());
        }
        for condition in list(view.view, "where") {
            view.path(text(condition, "path")?.unwrap_or_default())?;
        }
        view.columns(view.view)?;
        Ok(view)
    }

    fn path(&self, text: &str) -> Result<Path, String> {
        let shown = |error: PathError| format!("{text}: {error}");
        let path = Path::parse(text).map_err(shown)?;
        path.check_constants(|name| self.constants.iter().any(|known| known.is_named(name)))
            .map_err(shown)?;
        Ok(path)
    }

    /// The names of the columns of a selection, whose paths are checked.
    fn columns(&self, select: &'t Tree<'t>) -> Result<Vec<&'t str>, String> {
        let mut names = Vec::new();
        for name in ["forEach", "forEachOrNull"] {
            if let Some(path) = text(select, name)? {
                self.path(path)?;
            }
        }
        for column in list(select, "column") {
            self.path(text(column, "path")?.unwrap_or_default())?;
            names.extend(text(column, "name")?);
        }
        for nested in list(select, "select") {
            names.extend(self.columns(nested)?);
        }
        let mut united: Option<Vec<&str>> = None;
        for branch in list(select, "unionAll") {
            let of_branch = self.columns(branch)?;
            if united.as_ref().is_some_and(|united| *united != of_branch) {
                return Err("the columns of unionAll differ".to_owned());
            }
            united = Some(of_branch);
        }
        names.extend(united.unwrap_or_default());
        Ok(names)
    }

    fn evaluate(&self, path: &str, at: &ViewPlace<'t>) -> Result<Vec<Item<'t>>, String> {
        let context = PathContext::of(at.resource)
            .at(at.focus.clone())
            .with_constants(&self.constants)
            .with_row_index(at.row_index);
        self.path(path)?.evaluate(&context).map_err(|error| format!("{path}: {error}"))
    }

    /// The rows that a resource gives.
    pub fn rows(&self, resource: &'t Tree<'t>) -> Result<Vec<Row>, String> {
        let of_type = resource.get("resourceType").and_then(Tree::as_text);
        let place = ViewPlace { resource, focus: Item::of(resource), row_index: 0 };
        if of_type != text(self.view, "resource")? {
            return Ok(Vec::new());
        }
        for condition in list(self.view, "where") {
            let path = text(condition, "path")?.unwrap_or_default();
            let found: Vec<Value> = self.evaluate(path, &place)?.iter().map(value).collect();
            match found[..] {
                [Value::Bool(true)] => {}
                [] | [Value::Bool(false)] => return Ok(Vec::new()),
                _ => return Err(format!("{path} is no condition")),
            }
        }
        self.selected(self.view, place)
    }

    /// The rows of a selection for each thing that it iterates over.
    fn selected(&self, select: &'t Tree<'t>, at: ViewPlace<'t>) -> Result<Vec<Row>, String> {
        let or_null = text(select, "forEachOrNull")?;
        let each = text(select, "forEach")?.or(or_null);
        let items = match each {
            Some(path) => self.evaluate(path, &at)?,
            None if select.get("repeat").is_some() => {
                let mut found = Vec::new();
                self.repeated(select, &at, &mut found)?;
                found
            }
            None => return self.row_product(select, &at),
        };
        if items.is_empty() && or_null.is_some() {
            let mut row = Row::new();
            self.blank(select, &mut row)?;
            return Ok(vec![row]);
        }
        let mut rows = Vec::new();
        for (index, focus) in items.into_iter().enumerate() {
            let row_index = i64::try_from(index).unwrap();
            rows.extend(self.row_product(select, &ViewPlace { focus, row_index, ..at.clone() })?);
        }
        Ok(rows)
    }

    /// A row without values, but for columns that are `%rowIndex`.
    fn blank(&self, select: &'t Tree<'t>, row: &mut Row) -> Result<(), String> {
        for column in list(select, "column") {
            let is_index = text(column, "path")?.is_some_and(|path| path.trim() == "%rowIndex");
            let value = if is_index { of_number("0") } else { Value::Null };
            row.insert(text(column, "name")?.unwrap_or_default().to_owned(), value);
        }
        for part in list(select, "select").iter().chain(list(select, "unionAll").first()) {
            self.blank(part, row)?;
        }
        Ok(())
    }

    fn repeated(
        &self,
        select: &'t Tree<'t>,
        at: &ViewPlace<'t>,
        found: &mut Vec<Item<'t>>,
    ) -> Result<(), String> {
        for path in list(select, "repeat") {
            for focus in self.evaluate(path.as_text().unwrap_or_default(), at)? {
                found.push(focus.clone());
                self.repeated(select, &ViewPlace { focus, ..at.clone() }, found)?;
            }
        }
        Ok(())
    }

    /// The columns of a selection, with every row of what it holds.
    fn row_product(&self, select: &'t Tree<'t>, at: &ViewPlace<'t>) -> Result<Vec<Row>, String> {
        let mut row = Row::new();
        for column in list(select, "column") {
            let path = text(column, "path")?.unwrap_or_default();
            let mut found: Vec<Value> = self.evaluate(path, at)?.iter().map(value).collect();
            let is_collection = column.get("collection") == Some(&Tree::Bool(true));
            let value = match found.len() {
                _ if is_collection => Value::Array(found),
                0 | 1 => found.pop().unwrap_or_default(),
                _ => return Err(format!("{path} gives several values")),
            };
            row.insert(text(column, "name")?.unwrap_or_default().to_owned(), value);
        }
        let mut rows = vec![row];
        let mut factors = Vec::new();
        for nested in list(select, "select") {
            factors.push(self.selected(nested, at.clone())?);
        }
        // A list without branches is no list: JSON of FHIR has no empty lists.
        if !list(select, "unionAll").is_empty() {
            let mut united = Vec::new();
            for branch in list(select, "unionAll") {
                united.extend(self.selected(branch, at.clone())?);
            }
            factors.push(united);
        }
        for factor in factors {
            let join = |row: &Row, other: &Row| {
                row.clone().into_iter().chain(other.clone()).collect::<Row>()
            };
            let joined = rows.iter().flat_map(|row| factor.iter().map(move |with| join(row, with)));
            rows = joined.collect();
        }
        Ok(rows)
    }
}

/// A result as JSON.
pub fn value(item: &Item<'_>) -> Value {
    match item {
        Item::Element { tree, .. } => of_tree(tree),
        Item::Boolean(value) => Value::Bool(*value),
        Item::Integer(value) => of_number(&value.to_string()),
        Item::Decimal(value) => of_number(&value.to_string()),
        Item::Text(text) | Item::Temporal(_, text) => Value::String(text.clone().into_owned()),
    }
}

/// A tree as JSON, in which numbers are equal whatever their lexemes.
pub fn of_tree(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Number(lexeme) => of_number(lexeme),
        Tree::Text(text) => Value::String(text.clone().into_owned()),
        Tree::Array(values) => values.iter().map(of_tree).collect(),
        Tree::Object(members) => {
            members.iter().map(|(name, tree)| (name.clone().into_owned(), of_tree(tree))).collect()
        }
    }
}

fn of_number(lexeme: &str) -> Value {
    let number: f64 = lexeme.parse().unwrap();
    Value::from(number)
}
