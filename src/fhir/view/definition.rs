//! A ViewDefinition that has been read and checked.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, version 2.0 and the ballot of
//! 3.0. `read.rs` makes it of JSON, `rows.rs` runs it. Metadata that say nothing about rows, such as
//! `publisher` and `useContext`, are not kept.

use super::column::{ColumnKind, ViewColumn};
use super::constant::ViewConstant;
use super::error::ViewError;
use crate::fhir::json::{Tree, WantedAt, WantedMembers};
use crate::fhir::path::{Path, WantedElements};

/// A view: which rows it makes of the resources of a type.
#[derive(Clone, Debug)]
pub struct ViewDefinition {
    pub(super) about: ViewAbout,
    pub(super) resource: String,
    pub(super) constants: Vec<ViewConstant>,
    pub(super) conditions: Vec<PlacedPath>,
    pub(super) root: ViewSelect,
    pub(super) columns: Vec<ViewColumn>,
    pub(super) hints: Vec<ViewError>,
    /// The members of a resource that the view looks at.
    pub(super) wanted: WantedMembers,
}

/// What a view says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewAbout {
    /// The name for programs and tables: a letter, then letters, digits and underscores.
    pub name: Option<String>,
    /// The canonical URL.
    pub url: Option<String>,
    /// The business version.
    pub version: Option<String>,
    /// `draft`, `active`, `retired` or `unknown`.
    pub status: Option<String>,
    /// The name for people.
    pub title: Option<String>,
    /// What the view is for.
    pub description: Option<String>,
    /// Business identifiers: 2.0 has one at most, 3.0 a list.
    pub identifiers: Vec<ViewIdentifier>,
}

/// A business identifier of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewIdentifier {
    /// The URI of the system of identifiers.
    pub system: Option<String>,
    /// The identifier itself.
    pub value: Option<String>,
}

/// A part of a view that makes rows: the columns of each thing that it iterates over, joined with the
/// rows of its parts.
#[derive(Clone, Debug)]
pub(super) struct ViewSelect {
    pub(super) iteration: Iteration,
    pub(super) columns: Vec<PlacedColumn>,
    pub(super) selects: Vec<ViewSelect>,
    pub(super) union_all: Vec<ViewSelect>,
    /// For each column that the select makes, whether its path is `%rowIndex` alone.
    pub(super) row_indexes: Vec<bool>,
}

/// What a select makes rows of.
#[derive(Clone, Debug)]
pub(super) enum Iteration {
    /// What the select around it stands at.
    Once,
    ForEach(PlacedPath),
    ForEachOrNull(PlacedPath),
    Repeat(Vec<PlacedPath>),
}

/// A column where it is computed. The branches of a union compute the same column.
#[derive(Clone, Debug)]
pub(super) struct PlacedColumn {
    pub(super) path: PlacedPath,
    pub(super) column: ViewColumn,
}

/// An expression, and its place in the view.
#[derive(Clone, Debug)]
pub(super) struct PlacedPath {
    pub(super) place: String,
    pub(super) text: String,
    pub(super) path: Path,
}

impl ViewDefinition {
    /// What the view says about itself.
    pub fn about(&self) -> &ViewAbout {
        &self.about
    }

    /// The type of the resources that the view makes rows of.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// The columns of the rows, in order: the schema of the view.
    pub fn columns(&self) -> &[ViewColumn] {
        &self.columns
    }

    /// False where the rows of a resource are surely the same whatever its `meta` holds: no expression names
    /// `meta` or the resource as a whole, and no column holds an element that has elements, which might be
    /// the resource.
    pub fn may_read_meta(&self) -> bool {
        let names_it = |path: &PlacedPath| {
            ["meta", "%resource", "%rootResource", "%context", "%`"]
                .iter()
                .any(|name| path.text.contains(name))
        };
        self.conditions.iter().any(names_it)
            || self.columns.iter().any(|column| column.kind == ColumnKind::Json)
            || self.root.paths().into_iter().any(names_it)
    }

    /// Reads the JSON of a resource, as far as the view looks at it. The text must be known to be JSON.
    ///
    /// # Errors
    ///
    /// The text is no JSON object, as far as it is looked at.
    pub(crate) fn parse<'t>(&self, resource: &'t str) -> Result<Tree<'t>, String> {
        Tree::parse_wanted(resource, &self.wanted)
    }

    /// Adds the elements of a resource that the view looks at.
    pub(super) fn add_wanted(&self, wanted: &mut WantedElements) {
        add_wanted(&self.conditions, &self.root, wanted);
    }

    /// What may be a mistake in the view: elements that R4 does not have. Resources of other versions of
    /// FHIR may have them.
    pub fn hints(&self) -> &[ViewError] {
        &self.hints
    }
}

impl ViewSelect {
    /// Every expression of the select. Reading bounds how deep selects nest.
    fn paths(&self) -> Vec<&PlacedPath> {
        let mut paths: Vec<&PlacedPath> = match &self.iteration {
            Iteration::Once => Vec::new(),
            Iteration::ForEach(path) | Iteration::ForEachOrNull(path) => vec![path],
            Iteration::Repeat(paths) => paths.iter().collect(),
        };
        paths.extend(self.columns.iter().map(|column| &column.path));
        paths.extend(self.selects.iter().chain(&self.union_all).flat_map(ViewSelect::paths));
        paths
    }
}

/// Adds the elements of a resource that the parts of a view look at.
pub(super) fn add_wanted(
    conditions: &[PlacedPath],
    root: &ViewSelect,
    wanted: &mut WantedElements,
) {
    for condition in conditions {
        let found = condition.path.add_wanted(wanted, WantedMembers::ROOT);
        wanted.add_whole(&found);
    }
    add_select(root, wanted, WantedMembers::ROOT);
}

/// Adds what a select looks at from a place. Reading bounds how deep selects nest.
fn add_select(select: &ViewSelect, wanted: &mut WantedElements, at: WantedAt) {
    let places = match &select.iteration {
        Iteration::Once => vec![at],
        Iteration::ForEach(path) | Iteration::ForEachOrNull(path) => {
            path.path.add_wanted(wanted, at)
        }
        Iteration::Repeat(paths) => {
            let places: Vec<_> =
                paths.iter().flat_map(|path| path.path.add_wanted(wanted, at)).collect();
            // The same paths go on from there.
            wanted.add_whole(&places);
            places
        }
    };
    for at in places {
        for column in &select.columns {
            let found = column.path.path.add_wanted(wanted, at);
            wanted.add_whole(&found);
        }
        select.selects.iter().chain(&select.union_all).for_each(|of| add_select(of, wanted, at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::json::Tree;

    #[test]
    fn a_view_that_may_read_meta_is_known() {
        for (path, kind, wanted) in [
            ("name.family.first()", "string", false),
            ("meta.lastUpdated", "instant", true),
            ("Patient.`meta`.versionId", "id", true),
            ("%resource.name.count()", "integer", true),
            ("$this", "Patient", true),
            ("contained.id.first()", "id", false),
        ] {
            for view in [
                format!(r#"{{"column":[{{"name":"c","path":"{path}","type":"{kind}"}}]}}"#),
                format!(
                    r#"{{"select":[{{"column":[{{"name":"c","path":"{path}","type":"{kind}"}}]}}]}}"#
                ),
            ] {
                let view = format!(r#"{{"resource":"Patient","select":[{view}]}}"#);
                let view = ViewDefinition::read(&Tree::parse(&view).unwrap()).unwrap();
                assert_eq!(view.may_read_meta(), wanted, "{path}");
            }
        }
    }
}
