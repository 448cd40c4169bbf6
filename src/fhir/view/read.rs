//! A ViewDefinition made of JSON. Every fault is found, each with its place.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, its constraints `sql-name` and
//! `sql-expressions`, and the step `ValidateColumns` of its algorithm. 2.0 and the ballot of 3.0 differ
//! in `identifier`, `repeat` and `%rowIndex`; a view may use what either has. Nothing here looks at
//! resources.

use std::collections::HashSet;

use super::column::ViewColumn;
use super::constant::ViewConstant;
use super::definition::{ViewAbout, ViewDefinition, ViewIdentifier};
use super::error::ViewError;
use super::part::{ViewPart, ViewReader};
use super::select::{Iteration, PlacedColumn, PlacedPath, ViewSelect, add_wanted};
use crate::fhir::definitions::{is_of_any_version, spelling};
use crate::fhir::json::Tree;
use crate::fhir::name::short;
use crate::fhir::path::{Primitive, Type, WantedElements};

/// How deep selects may nest. Each level is a few calls deep.
const DEEPEST_SELECT: usize = 32;
/// The most columns of a view: more than that no SQLite table has.
const MOST_COLUMNS: usize = 2000;
/// What the names of the elements begin with that say which rows there are. A misspelt one of them would
/// give other rows without a word. Every definition has many more elements, which say nothing of rows.
const OF_ROWS: [&str; 7] =
    ["column", "constant", "foreach", "repeat", "select", "unionall", "where"];
/// The elements of a select.
const OF_SELECT: [&str; 6] = ["column", "select", "forEach", "forEachOrNull", "repeat", "unionAll"];

impl ViewDefinition {
    /// Reads the JSON text of a view, and checks all of it that needs no resource.
    ///
    /// # Errors
    ///
    /// The text is no JSON; all faults of the view, in the order of its elements.
    pub fn from_json(text: &str) -> Result<ViewDefinition, Vec<ViewError>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let tree = Tree::parse(text)
            .map_err(|error| vec![ViewError::new("", format!("this is no JSON: {error}"))])?;
        ViewDefinition::read(&tree)
    }

    /// Reads a view and checks all of it that needs no resource.
    ///
    /// # Errors
    ///
    /// All faults of the view, in the order of its elements.
    pub(crate) fn read(view: &Tree<'_>) -> Result<ViewDefinition, Vec<ViewError>> {
        let mut reader = ViewReader::default();
        let definition = reader.definition(view);
        match definition {
            Some(mut definition) if reader.faults.is_empty() => {
                definition.quicken();
                Ok(definition)
            }
            _ => Err(reader.faults),
        }
    }
}

impl ViewReader {
    fn definition(&mut self, tree: &Tree<'_>) -> Option<ViewDefinition> {
        let root = ViewPart { tree, place: String::new() };
        if !matches!(tree, Tree::Object(_)) {
            self.fault(&root.place, "a ViewDefinition is a JSON object");
            return None;
        }
        if let Some(of) = self.text(&root, "resourceType")
            && of != "ViewDefinition"
        {
            self.fault("resourceType", format!("this is a {}, no ViewDefinition", short(&of)));
        }
        self.misplaced(&root);
        let about = self.about(&root);
        let resource = self.resource(&root);
        self.resource_type = resource.as_deref().and_then(Type::named);
        let constants = self.constants(&root);
        let conditions = self.parts(&root, "where");
        let conditions: Vec<PlacedPath> = conditions
            .iter()
            .filter_map(|part| {
                self.known(part, &["path", "description"]);
                let path = self.needed_path(part, "path")?;
                self.hint(&path, self.resource_type);
                if let Some(of) = self.inferred(&path, self.resource_type)
                    && of.primitive() != Some(Primitive::Boolean)
                {
                    let of = of.name();
                    let reason = format!(
                        "`{}` gives values of type {of}, but a condition is true or false; compare the value or end with `.exists()`",
                        short(&path.text),
                    );
                    self.fault(&path.place, reason);
                }
                Some(path)
            })
            .collect();
        let parts = self.parts(&root, "select");
        if parts.is_empty() {
            self.fault("select", "a view has at least one select");
        }
        let selects: Vec<_> =
            parts.iter().map(|part| self.select(part, self.resource_type, 1)).collect();
        let root = self.joined(Iteration::Once, Vec::new(), selects, Vec::new());
        let columns = self.schema(&root);
        let hints = std::mem::take(&mut self.hints);
        let mut wanted = WantedElements::new();
        add_wanted(&conditions, &root, &mut wanted);
        Some(ViewDefinition {
            about,
            resource: resource?,
            constants,
            conditions,
            root,
            columns,
            hints,
            wanted: wanted.into_members(),
            quick: None,
        })
    }

    /// Finds elements of a view that are misspelt, or that a select should have.
    fn misplaced(&mut self, root: &ViewPart<'_, '_>) {
        for (name, _) in root.tree.members() {
            let small = name.to_ascii_lowercase();
            let is_of_rows = OF_ROWS.iter().any(|of| small.starts_with(of));
            if is_of_rows && !matches!(&**name, "constant" | "select" | "where") {
                let reason = "a view has no such element; it has constant, where and select, and a select has column, select, forEach, forEachOrNull, repeat and unionAll";
                self.fault(&short(name), reason);
            }
        }
    }

    fn about(&mut self, root: &ViewPart<'_, '_>) -> ViewAbout {
        let name = self.text(root, "name");
        if let Some(name) = name.as_deref() {
            self.check_name("name", name);
        }
        let identifiers = match root.tree.get("identifier") {
            None => Vec::new(),
            Some(Tree::Object(_)) => {
                let tree = root.tree.get("identifier").unwrap_or(root.tree);
                vec![ViewPart { tree, place: "identifier".to_owned() }]
            }
            Some(_) => self.parts(root, "identifier"),
        };
        let identifiers = identifiers.iter().map(|part| ViewIdentifier {
            system: self.text(part, "system"),
            value: self.text(part, "value"),
        });
        let identifiers = identifiers.collect();
        ViewAbout {
            name,
            url: self.text(root, "url"),
            version: self.text(root, "version"),
            status: self.text(root, "status"),
            title: self.text(root, "title"),
            description: self.text(root, "description"),
            identifiers,
        }
    }

    fn resource(&mut self, root: &ViewPart<'_, '_>) -> Option<String> {
        let resource = self.needed_text(root, "resource")?;
        if !is_of_any_version(&resource) {
            let hint = spelling(&resource);
            let hint = hint.map(|name| format!("; write {name}")).unwrap_or_default();
            let reason = format!("there is no resource type `{}`{hint}", short(&resource));
            self.fault("resource", reason);
        }
        Some(resource)
    }

    fn constants(&mut self, root: &ViewPart<'_, '_>) -> Vec<ViewConstant> {
        for part in self.parts(root, "constant") {
            let Some(name) = self.needed_text(&part, "name") else { continue };
            self.check_name(&part.within("name"), &name);
            if self.constants.iter().any(|known| known.name == name) {
                let reason = format!("there is a constant `{}` already", short(&name));
                self.fault(&part.within("name"), reason);
            }
            let members = part.tree.members().iter();
            let values: Vec<_> = members
                .filter_map(|(member, tree)| Some((member.strip_prefix("value")?, tree)))
                .collect();
            match values[..] {
                [(suffix, tree)] => match ViewConstant::new(&name, suffix, tree) {
                    Ok(constant) => self.constants.push(constant),
                    Err(reason) => {
                        self.fault(&part.place, reason);
                        self.faulty_constants.push(name);
                    }
                },
                _ => {
                    let count = values.len();
                    let reason = format!(
                        "a constant has one value, such as valueString or valueInteger, not {count}"
                    );
                    self.fault(&part.place, reason);
                    self.faulty_constants.push(name);
                }
            }
        }
        self.constants.clone()
    }

    /// Reads a select whose paths begin at a type. The caller bounds the depth.
    fn select(
        &mut self,
        part: &ViewPart<'_, '_>,
        around: Option<Type>,
        depth: usize,
    ) -> ViewSelect {
        self.known(part, &OF_SELECT);
        if depth > DEEPEST_SELECT {
            let reason = format!("selects nest at most {DEEPEST_SELECT} deep");
            self.fault(&part.place, reason);
            return self.joined(Iteration::Once, Vec::new(), Vec::new(), Vec::new());
        }
        let has = |name: &&&str| part.tree.get(name).is_some();
        let iterations: Vec<_> =
            ["forEach", "forEachOrNull", "repeat"].iter().filter(has).copied().collect();
        if iterations.len() > 1 {
            let names = iterations.join(" and ");
            self.fault(&part.place, format!("{names} stand together; a select has one of them"));
        }
        let (iteration, focus) = self.iteration(part, around);
        let columns = self.parts(part, "column");
        let columns = columns.iter().filter_map(|part| self.column(part, focus)).collect();
        let faults = self.faults.len();
        let [selects, union_all] = ["select", "unionAll"].map(|name| {
            let parts = self.parts(part, name);
            parts.iter().map(|part| self.select(part, focus, depth + 1)).collect::<Vec<_>>()
        });
        if ["column", "select", "unionAll"].iter().all(|name| list_length(part.tree, name) == 0) {
            self.fault(&part.place, "a select has a column, a select or a unionAll");
        }
        // A branch with a fault lacks what the fault is about.
        if self.faults.len() == faults {
            self.check_union(part, &union_all);
        }
        self.joined(iteration, columns, selects, union_all)
    }

    /// What a select iterates over, and the type of it.
    fn iteration(
        &mut self,
        part: &ViewPart<'_, '_>,
        around: Option<Type>,
    ) -> (Iteration, Option<Type>) {
        for (name, iteration) in [
            ("forEach", Iteration::ForEach as fn(_) -> _),
            ("forEachOrNull", Iteration::ForEachOrNull),
        ] {
            if part.tree.get(name).is_some() {
                let Some(path) = self.needed_path(part, name) else {
                    return (Iteration::Once, None);
                };
                let of = self.inferred(&path, around);
                self.hint(&path, around);
                return (iteration(path), of);
            }
        }
        if part.tree.get("repeat").is_none() {
            return (Iteration::Once, around);
        }
        let texts = self.texts(part, "repeat");
        let paths: Vec<_> =
            texts.into_iter().filter_map(|(place, text)| self.path(place, text)).collect();
        // What the first round finds is the start of the next one, whose elements may be of other types.
        let first = paths.first().and_then(|path| self.inferred(path, around));
        let is_same = paths.iter().all(|path| {
            self.inferred(path, around) == first
                && self.inferred(path, first).is_none_or(|of| Some(of) == first)
        });
        (Iteration::Repeat(paths), first.filter(|_| is_same))
    }

    /// Puts a select together from its parts.
    fn joined(
        &self,
        iteration: Iteration,
        columns: Vec<PlacedColumn>,
        selects: Vec<ViewSelect>,
        union_all: Vec<ViewSelect>,
    ) -> ViewSelect {
        let own = columns.iter().map(|column| column.path.text.trim() == "%rowIndex");
        let nested = selects.iter().chain(union_all.first());
        let row_indexes =
            own.chain(nested.flat_map(|select| select.row_indexes.iter().copied())).collect();
        ViewSelect { iteration, columns, selects, union_all, row_indexes }
    }

    /// Checks that the branches of a union make the same columns.
    fn check_union(&mut self, part: &ViewPart<'_, '_>, branches: &[ViewSelect]) {
        let Some((first, others)) = branches.split_first() else { return };
        let wanted = placed_columns(first);
        for (number, other) in others.iter().enumerate() {
            let place = format!("{}[{}]", part.within("unionAll"), number + 1);
            let found = placed_columns(other);
            let names = |columns: &[&PlacedColumn]| {
                let names: Vec<_> = columns.iter().map(|of| of.column.name.as_str()).collect();
                names.join(", ")
            };
            let (names, wanted_names) = (names(&found), names(&wanted));
            if names != wanted_names {
                let reason = format!(
                    "the branches of a union have the same columns in the same order: this one has {names}, the first one has {wanted_names}"
                );
                self.fault(&place, reason);
                continue;
            }
            for (one, other) in wanted.iter().zip(found) {
                let (one, other, at) = (&one.column, &other.column, &other.path.place);
                let is_same = one.kind == other.kind && one.is_collection == other.is_collection;
                // A branch whose path says no type may have any.
                if !is_same && one.type_name.is_some() && other.type_name.is_some() {
                    let reason = format!(
                        "column `{}` is {} here and {} in the first branch of the union; give both the same type and collection",
                        other.name,
                        shown_type(other),
                        shown_type(one),
                    );
                    self.fault(at, reason);
                }
            }
        }
    }

    /// The columns of the rows. Their names differ.
    fn schema(&mut self, root: &ViewSelect) -> Vec<ViewColumn> {
        let placed = placed_columns(root);
        let mut names = HashSet::new();
        for column in &placed {
            if !names.insert(column.column.name.as_str()) {
                let place = column.path.place.trim_end_matches("path");
                let reason = format!("there is a column `{}` already", column.column.name);
                self.fault(&format!("{place}name"), reason);
            }
        }
        if placed.len() > MOST_COLUMNS {
            let count = placed.len();
            self.fault("select", format!("the view has {count} columns, more than {MOST_COLUMNS}"));
        }
        placed.into_iter().map(|placed| placed.column.clone()).collect()
    }
}

/// The columns that a select makes, in order; of a union those of its first branch. Reading bounds the
/// depth.
fn placed_columns(select: &ViewSelect) -> Vec<&PlacedColumn> {
    let nested = select.selects.iter().chain(select.union_all.first());
    select.columns.iter().chain(nested.flat_map(placed_columns)).collect()
}

fn list_length(tree: &Tree<'_>, name: &str) -> usize {
    tree.get(name).map_or(0, |list| list.values().len())
}

fn shown_type(column: &ViewColumn) -> String {
    let list = if column.is_collection { "a list of " } else { "of type " };
    format!("{list}{}", column.type_name.as_deref().unwrap_or("unknown"))
}
