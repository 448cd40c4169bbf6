//! How a resource's text changes on its way out: `_elements`, and attachments made absolute.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>,
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fhir::attachment;
use crate::fhir::elements::Elements;
use crate::fhir::name::short;
use crate::store::{Lookup, Selection, Snapshot, TypeTotal};

/// The changes to a resource's text. By default there are none: bytes in are bytes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceShape {
    /// Only these root elements, and the mandatory ones.
    pub(super) elements: Elements,
    /// The base that makes relative URLs of attachments absolute; ends in a slash.
    pub attachments_base: Option<String>,
}

impl ResourceShape {
    /// Adds `element` or `Type.element` to the elements that are kept.
    ///
    /// # Errors
    /// `Invalid`, with the right form.
    pub fn add_element(&mut self, entry: &str) -> Result<()> {
        let wrong =
            |what| Error::new(Kind::Invalid, format!("_elements {:?}: {what}", short(entry)));
        self.elements.add(entry).map_err(wrong)
    }

    /// True if resources keep all of their elements.
    pub(super) fn is_whole(&self) -> bool {
        self.elements.is_empty()
    }

    /// True if the length of a text is known only once the text is made.
    pub(super) fn must_be_made(&self, resource_type: &str) -> bool {
        self.elements.cut(resource_type)
    }

    /// The bytes that each relative URL grows by.
    pub(super) fn growth(&self) -> u64 {
        self.attachments_base.as_ref().map_or(0, |base| base.len() as u64)
    }

    /// The bytes of NDJSON that a selection yields, for a type whose texts need not be made.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn bytes_of(
        &self,
        snapshot: &Snapshot,
        selection: &Selection,
        total: &TypeTotal,
    ) -> Result<u64> {
        let growth = match self.growth() {
            0 => 0,
            growth => growth * snapshot.relative_urls(selection)?,
        };
        Ok(total.bytes + total.count + growth)
    }

    /// The text of a resource as it goes out.
    pub(super) fn apply<'a>(&self, resource_type: &str, text: &'a str) -> Cow<'a, str> {
        let text = self.elements.subset(resource_type, text);
        match (&self.attachments_base, text) {
            (None, text) => text,
            (Some(base), Cow::Borrowed(text)) => attachment::absolute(text, base),
            (Some(base), Cow::Owned(text)) => {
                Cow::Owned(attachment::absolute(&text, base).into_owned())
            }
        }
    }
}

/// The lengths that versions of a snapshot have on their way out.
pub struct Lengths<'a> {
    shape: &'a ResourceShape,
    view: &'a Lookup<'a>,
    /// The versions that grow, in order, each with its number of relative URLs.
    growing: Vec<(i64, u64)>,
}

impl<'a> Lengths<'a> {
    /// The lengths in `shape`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(shape: &'a ResourceShape, view: &'a Lookup<'a>) -> Result<Lengths<'a>> {
        let growing = match shape.growth() {
            0 => Vec::new(),
            _ => view.relative_urls()?,
        };
        Ok(Lengths { shape, view, growing })
    }

    /// The length of a version that has `size` bytes in the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(&self, resource_type: &str, seq: i64, size: u64) -> Result<u64> {
        if self.shape.must_be_made(resource_type) {
            let made = self
                .view
                .read(seq, |_, body| self.shape.apply(resource_type, body).len() as u64)?;
            return Ok(made.unwrap_or(0));
        }
        let growing = self.growing.binary_search_by_key(&seq, |(seq, _)| *seq);
        let urls = growing.map_or(0, |at| self.growing[at].1);
        Ok(size + urls * self.shape.growth())
    }
}
