//! Single elements of a ViewDefinition: texts, lists, expressions and columns, with their places.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. `read.rs` puts them together.

use super::column::{ColumnKind, ColumnTag, ViewColumn, is_sql_name, type_of_uri};
use super::constant::ViewConstant;
use super::error::ViewError;
use super::select::{PlacedColumn, PlacedPath};
use crate::fhir::json::Tree;
use crate::fhir::name::short;
use crate::fhir::path::{Path, Type};

/// The elements of a column. The standard calls its hints `tag`; its examples, `tags`.
const OF_COLUMN: [&str; 7] = ["name", "path", "type", "collection", "description", "tag", "tags"];

/// Reads a view, and keeps what is wrong with it.
#[derive(Default)]
pub(super) struct ViewReader {
    pub(super) faults: Vec<ViewError>,
    pub(super) hints: Vec<ViewError>,
    pub(super) constants: Vec<ViewConstant>,
    /// Constants that a fault was told about already.
    pub(super) faulty_constants: Vec<String>,
    /// The type of the resources, where R4 has it.
    pub(super) resource_type: Option<Type>,
}

/// An object within a view, and its place.
pub(super) struct ViewPart<'v, 't> {
    pub(super) tree: &'v Tree<'t>,
    pub(super) place: String,
}

impl ViewPart<'_, '_> {
    /// The place of an element of the object.
    pub(super) fn within(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
}

impl ViewReader {
    /// Keeps a fault.
    pub(super) fn fault(&mut self, place: &str, reason: impl Into<String>) {
        self.faults.push(ViewError::new(place, reason));
    }

    /// Finds elements that an object of a view does not have.
    pub(super) fn known(&mut self, part: &ViewPart<'_, '_>, names: &[&str]) {
        for (name, _) in part.tree.members() {
            let is_of_any = matches!(&**name, "id" | "extension" | "modifierExtension");
            if is_of_any || name.starts_with('_') || names.contains(&&**name) {
                continue;
            }
            let place = part.within(&short(name));
            let known = names.join(", ");
            self.fault(&place, format!("there is no such element; there are {known}"));
        }
    }

    /// The text of an element.
    pub(super) fn text(&mut self, part: &ViewPart<'_, '_>, name: &str) -> Option<String> {
        match part.tree.get(name)? {
            Tree::Text(text) => Some(text.clone().into_owned()),
            _ => {
                self.fault(&part.within(name), "a text should stand here");
                None
            }
        }
    }

    /// The text of an element that there must be.
    pub(super) fn needed_text(&mut self, part: &ViewPart<'_, '_>, name: &str) -> Option<String> {
        if part.tree.get(name).is_none() {
            let place = part.within(name);
            self.fault(&place, "this element is missing");
        }
        self.text(part, name)
    }

    /// The texts of a list, each with its place.
    pub(super) fn texts(&mut self, part: &ViewPart<'_, '_>, name: &str) -> Vec<(String, String)> {
        let place = part.within(name);
        let Some(Tree::Array(values)) = part.tree.get(name) else {
            self.fault(&place, "a list of texts should stand here");
            return Vec::new();
        };
        if values.is_empty() {
            self.fault(&place, "the list is empty");
        }
        let mut texts = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let place = format!("{place}[{number}]");
            match value {
                Tree::Text(text) => texts.push((place, text.clone().into_owned())),
                _ => self.fault(&place, "a text should stand here"),
            }
        }
        texts
    }

    /// The objects of a list; none where there is no such element.
    pub(super) fn parts<'v, 't>(
        &mut self,
        part: &ViewPart<'v, 't>,
        name: &str,
    ) -> Vec<ViewPart<'v, 't>> {
        let place = part.within(name);
        let values = match part.tree.get(name) {
            None => return Vec::new(),
            Some(Tree::Array(values)) => values,
            Some(_) => {
                self.fault(&place, "a list of objects should stand here");
                return Vec::new();
            }
        };
        let mut parts = Vec::with_capacity(values.len());
        for (number, tree) in values.iter().enumerate() {
            let place = format!("{place}[{number}]");
            match tree {
                Tree::Object(_) => parts.push(ViewPart { tree, place }),
                _ => self.fault(&place, "an object should stand here"),
            }
        }
        parts
    }

    /// The expression of an element that there must be.
    pub(super) fn needed_path(
        &mut self,
        part: &ViewPart<'_, '_>,
        name: &str,
    ) -> Option<PlacedPath> {
        let text = self.needed_text(part, name)?;
        self.path(part.within(name), text)
    }

    /// Reads an expression.
    pub(super) fn path(&mut self, place: String, text: String) -> Option<PlacedPath> {
        let path = Path::parse(&text);
        let path = path.and_then(|path| {
            let is_known = |name: &str| {
                self.constants.iter().any(|constant| constant.name == name)
                    || self.faulty_constants.iter().any(|constant| constant == name)
            };
            path.check_constants(is_known)?;
            Ok(path)
        });
        match path {
            Ok(path) => Some(PlacedPath { place, text, path }),
            Err(error) => {
                let (at, reason) = (error.column(), error.reason());
                self.fault(&place, format!("`{}`, character {at}: {reason}", short(&text)));
                None
            }
        }
    }

    /// The type of what an expression gives, as far as it says it.
    pub(super) fn inferred(&self, path: &PlacedPath, focus: Option<Type>) -> Option<Type> {
        let of_constant = |name: &str| {
            self.constants.iter().find(|constant| constant.name == name).map(|constant| constant.of)
        };
        path.path.inferred_type(focus, self.resource_type, &of_constant)
    }

    /// Keeps what may be misspelt in an expression.
    pub(super) fn hint(&mut self, path: &PlacedPath, focus: Option<Type>) {
        let of_constant = |name: &str| {
            self.constants.iter().find(|constant| constant.name == name).map(|constant| constant.of)
        };
        let unknown = path.path.unknown_elements(focus, self.resource_type, &of_constant);
        let hints = unknown.into_iter().map(|error| {
            let (text, at, reason) = (short(&path.text), error.column(), error.reason());
            ViewError::new(path.place.as_str(), format!("`{text}`, character {at}: {reason}"))
        });
        self.hints.extend(hints);
    }

    /// Reads a column.
    pub(super) fn column(
        &mut self,
        part: &ViewPart<'_, '_>,
        focus: Option<Type>,
    ) -> Option<PlacedColumn> {
        self.known(part, &OF_COLUMN);
        let name = self.needed_text(part, "name");
        if let Some(name) = &name {
            self.check_name(&part.within("name"), name);
        }
        let path = self.needed_path(part, "path");
        let is_collection = match part.tree.get("collection") {
            None => false,
            Some(Tree::Bool(value)) => *value,
            Some(_) => {
                self.fault(&part.within("collection"), "true or false should stand here");
                false
            }
        };
        let description = self.text(part, "description");
        let mut tags = Vec::new();
        for tag in
            ["tag", "tags"].into_iter().flat_map(|name| self.parts(part, name)).collect::<Vec<_>>()
        {
            self.known(&tag, &["name", "value"]);
            if let (Some(name), Some(value)) =
                (self.needed_text(&tag, "name"), self.needed_text(&tag, "value"))
            {
                tags.push(ColumnTag { name, value });
            }
        }
        let declared = self.text(part, "type").map(|uri| type_of_uri(&uri));
        let (name, path) = (name?, path?);
        self.hint(&path, focus);
        let inferred = self.inferred(&path, focus).map(|of| of.name().to_owned());
        let kind = self.kind(part, &path, declared.as_deref(), inferred.as_deref());
        let type_name = declared.or(inferred);
        let column = ViewColumn { name, type_name, kind, is_collection, description, tags };
        Some(PlacedColumn { path, column })
    }

    /// The kind of a column, by the type that it says or else by that of its path.
    fn kind(
        &mut self,
        part: &ViewPart<'_, '_>,
        path: &PlacedPath,
        declared: Option<&str>,
        inferred: Option<&str>,
    ) -> ColumnKind {
        let of_path = inferred.and_then(ColumnKind::of_type);
        let Some(declared) = declared else {
            if of_path == Some(ColumnKind::Json) {
                let (text, of) = (short(&path.text), inferred.unwrap_or_default());
                let reason = format!(
                    "`{text}` gives values of type {of}, which have elements; name one of them, or give the column the type {of} to have JSON"
                );
                self.fault(&path.place, reason);
            }
            return of_path.unwrap_or(ColumnKind::Text);
        };
        let Some(kind) = ColumnKind::of_type(declared) else {
            let reason = format!(
                "there is no type `{}`; types are such as string, code, boolean, integer, decimal, date",
                short(declared)
            );
            self.fault(&part.within("type"), reason);
            return ColumnKind::Text;
        };
        if let Some(of_path) = of_path
            && (kind == ColumnKind::Json) != (of_path == ColumnKind::Json)
        {
            let (text, of) = (short(&path.text), inferred.unwrap_or_default());
            let place = part.within("type");
            self.fault(
                &place,
                format!("the type is {declared}, but `{text}` gives values of type {of}"),
            );
        }
        kind
    }

    /// Checks the name of a view, a column or a constant.
    pub(super) fn check_name(&mut self, place: &str, name: &str) {
        if !is_sql_name(name) {
            let reason = format!(
                "`{}` is no name; one begins with a letter, and letters, digits and _ follow (A to Z, a to z)",
                short(name)
            );
            self.fault(place, reason);
        }
    }
}
