//! A ViewDefinition that has been read and checked.
//!
//! <https://sql-on-fhir.org/ig/StructureDefinition-ViewDefinition.html>, version 2.0 and the ballot of
//! 3.0. `read.rs` makes it of JSON, `rows.rs` runs it. Metadata that say nothing about rows, such as
//! `publisher` and `useContext`, are not kept.

use super::column::{ColumnKind, ViewColumn};
use super::constant::ViewConstant;
use super::error::ViewError;
use super::product::PartialRows;
use super::quick::QuickView;
use super::select::{PlacedPath, ViewSelect, add_wanted};
use super::value::ViewValue;
use crate::error::{Error, Kind, Result};
use crate::fhir::json::{Tree, WantedMembers};
use crate::fhir::path::{QuickBuilder, QuickPlan, Unusual, WantedElements};

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
    /// The view in a form that makes rows in one pass, and what to look at for them; `None` for a view that has no such
    /// form.
    pub(super) quick: Option<(QuickView, QuickPlan)>,
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
    pub(super) fn parse<'t>(&self, resource: &'t str) -> std::result::Result<Tree<'t>, String> {
        Tree::parse_wanted(resource, &self.wanted)
    }

    /// Finds a form of the view that makes rows in one pass.
    pub(super) fn quicken(&mut self) {
        let mut builder = QuickBuilder::new(&self.resource);
        let view = builder.as_mut().and_then(|builder| self.quick_view(builder));
        self.quick = view.zip(builder.and_then(QuickBuilder::plan));
    }

    /// The form of the view that makes rows of the slots of a plan: that of `builder`, which gathers what the view looks
    /// at. `None` where there is no such form.
    pub(super) fn quick_view(&self, builder: &mut QuickBuilder) -> Option<QuickView> {
        let text_of = |name: &str| {
            let constant = self.constants.iter().find(|constant| constant.name == name)?;
            constant.text().map(str::to_owned)
        };
        QuickView::of(&self.conditions, &self.root, &text_of, builder)
    }

    /// The rows that the view makes of the text of an ordinary resource, without a tree of it. The text must be known to
    /// be JSON.
    ///
    /// # Errors
    ///
    /// The view has no form for that, or the resource is not an ordinary one for it.
    pub(super) fn quick_rows<'t>(
        &self,
        resource: &'t str,
    ) -> std::result::Result<PartialRows<'t>, Unusual> {
        let (view, plan) = self.quick.as_ref().ok_or(Unusual)?;
        view.rows(&plan.read(resource)?)
    }

    /// Makes the rows of the body of a resource, as [`ViewDefinition::rows`] does. The body must be known to be JSON.
    ///
    /// # Errors
    ///
    /// Those of `row`, `Unprocessable` for those of the view, `Damaged` where the body is no JSON.
    pub(crate) fn rows_of_body(
        &self,
        body: &str,
        row: &mut dyn FnMut(&[&ViewValue<'_>]) -> Result<()>,
    ) -> Result<()> {
        match self.quick_rows(body) {
            Ok(rows) => rows.iter().try_for_each(|values| row(&values.iter().collect::<Vec<_>>())),
            Err(Unusual) => {
                let damaged =
                    |fault| Error::new(Kind::Damaged, format!("a body is no JSON: {fault}"));
                let tree = self.parse(body).map_err(damaged)?;
                let mut borrowed = |values: &[&ViewValue<'_>]| row(values);
                ViewDefinition::rows(self, &tree, &mut borrowed)
            }
        }
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
