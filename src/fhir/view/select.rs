//! The parts of a view that make rows, and the expressions in them.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>. `read.rs` makes them of JSON.

use super::column::ViewColumn;
use crate::fhir::json::{WantedAt, WantedMembers};
use crate::fhir::path::{Path, WantedElements};

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

impl ViewSelect {
    /// Every expression of the select. Reading bounds how deep selects nest.
    pub(super) fn paths(&self) -> Vec<&PlacedPath> {
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
