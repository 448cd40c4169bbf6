//! The entries of a Bundle as values: what each one asks for, as far as that is known without a store.
//!
//! Places are those in the whole text that the Bundle came in, and the resources stay there until they
//! are applied: a Bundle of a gigabyte is not copied. Only the resources of smaller Bundles are made ahead.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::fhir::Identifier;
use crate::fhir::bundle::BundleType;
use crate::fhir::full_url::FullUrls;
use crate::fhir::name::short;
use crate::fhir::no_data::NoData;
use crate::fhir::resource::Resource;
use crate::fhir::search::Condition;
use crate::fhir::version_condition::VersionCondition;
use crate::fhir::view::MadeViewRows;

/// A Bundle whose entries were read.
pub(super) struct BundleSteps {
    /// Its type.
    pub(super) bundle_type: BundleType,
    /// True where it may hold searches. Few Bundles do; in the others nothing needs the identifiers
    /// of entries.
    pub(super) may_search: bool,
    /// Its entries, in the order in which they are carried out.
    pub(super) steps: Vec<EntryStep>,
    /// The places of the entries in `steps`, by `fullUrl`.
    pub(super) full_urls: FullUrls,
    /// The `Type/id` of each entry's resource for which the resources were made ahead; empty where none
    /// was made.
    pub(super) made_for: Vec<Option<String>>,
    /// How the entries without an id hang together.
    pub(super) kinship: Kinship,
    /// Remarks on the Bundle as a whole, each with its line.
    pub(super) remarks: Vec<(u64, String)>,
    /// How many of its entries are no data, by what they are. Such entries are no steps.
    pub(super) left_out: BTreeMap<NoData, u64>,
}

impl BundleSteps {
    /// True where it asks for anything, in a Bundle in it too.
    pub(super) fn asks(&self) -> bool {
        self.steps.iter().any(|step| match &step.action {
            EntryAction::Nothing | EntryAction::Remark(_) => false,
            EntryAction::Nested(nested) => nested.as_ref().map_or(true, |nested| nested.asks()),
            EntryAction::Put(_)
            | EntryAction::Delete { .. }
            | EntryAction::DeleteWhere(_)
            | EntryAction::Reject(_) => true,
        })
    }
}

/// One entry of a Bundle.
pub(super) struct EntryStep {
    /// Its line in the file.
    pub(super) line: u64,
    /// Its number in the Bundle, from 0.
    pub(super) number: usize,
    /// `fullUrl`, where given.
    pub(super) full_url: Option<String>,
    /// The place of its resource; empty where it has none.
    pub(super) text: Range<usize>,
    /// Its resource without white space, where that has line breaks and is about to be made.
    pub(super) minified: Option<String>,
    /// The version that its change is meant for, where given.
    pub(super) condition: Option<Box<VersionCondition>>,
    /// What it asks for.
    pub(super) action: EntryAction,
    /// Its resource, where it was made ahead.
    pub(super) made: Option<Box<LinkedResource>>,
}

impl EntryStep {
    /// The text of its resource, which lies in `whole`; white space between tokens may be left out.
    pub(super) fn resource_text<'t>(&'t self, whole: &'t str) -> &'t str {
        self.minified.as_deref().unwrap_or_else(|| &whole[self.text.clone()])
    }
}

/// The resource of an entry, its links to other entries rewritten.
pub(super) struct LinkedResource {
    /// The resource, or the reason why it cannot be taken.
    pub(super) resource: Result<Box<Resource>, String>,
    /// True where it holds references that have to be looked up.
    pub(super) is_open: bool,
    /// References that name no entry, and that nothing in the store can have as its name.
    pub(super) lost: Vec<String>,
    /// Its rows for views, where they were made ahead.
    pub(super) rows: Option<MadeViewRows>,
}

/// What an entry asks for.
pub(super) enum EntryAction {
    /// Put a resource in.
    Put(EntryPut),
    /// Delete this resource.
    Delete { resource_type: String, id: String },
    /// Delete the one resource that a search finds.
    DeleteWhere(EntrySearch),
    /// Carry out the entries of the Bundle that it holds, or report why that cannot be read.
    Nested(Result<Box<BundleSteps>, String>),
    /// Nothing.
    Nothing,
    /// Nothing to import, and why.
    Remark(String),
    /// An entry that cannot be taken, and why.
    Reject(String),
}

/// A resource to be put in.
pub(super) struct EntryPut {
    pub(super) resource_type: String,
    /// The id of its request, its own or a derived one.
    pub(super) id: String,
    /// True where the id is derived.
    pub(super) is_derived: bool,
    /// The id that fhirlite derived before it heeded links, where that is another one.
    pub(super) former_id: Option<Box<str>>,
    /// Its identifiers, where something may need them.
    pub(super) identifiers: Vec<Identifier>,
    pub(super) rule: PutRule,
}

/// Whether a resource is put in, and under which id. Searches are rare, and boxed: a Bundle may have
/// millions of entries.
pub(super) enum PutRule {
    /// Always, under its id.
    Always,
    /// Unless the search finds a resource.
    IfNoneExist(Box<EntrySearch>),
    /// Under the id of the resource that the search finds. `has_id` says that it has an id of its
    /// own, which must be the same.
    Where { search: Box<EntrySearch>, has_id: bool },
}

/// A search in a request.
pub(super) struct EntrySearch {
    /// The query as written, cut short for messages.
    pub(super) query: String,
    pub(super) condition: Condition,
}

impl EntrySearch {
    /// Reads a query. `resource_type` is the type to search where the query does not name one.
    pub(super) fn parse(query: &str, resource_type: Option<&str>) -> Result<EntrySearch, String> {
        let condition = match (resource_type, Condition::parse(query)) {
            (_, Some(condition)) => condition?,
            (Some(resource_type), None) => Condition::of(resource_type, query)?,
            (None, None) => return Err("it names no type".to_owned()),
        };
        Ok(EntrySearch { query: short(query), condition })
    }
}

/// How the entries without an id depend on each other. Groups come after those that they depend on.
#[derive(Default)]
pub(super) struct Kinship {
    /// The places of each group's entries.
    pub(super) groups: Vec<Vec<usize>>,
    /// The groups that each group depends on.
    pub(super) on: Vec<Vec<usize>>,
}
