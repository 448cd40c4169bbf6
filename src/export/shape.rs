//! How a resource's text changes on its way out: `_elements`, and attachments made absolute.
//!
//! <https://hl7.org/fhir/uv/bulkdata/export.html#query-parameters>,
//! <https://hl7.org/fhir/uv/bulkdata/export.html#attachments>

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind, Result};
use crate::fhir::attachment;
use crate::fhir::elements::Elements;
use crate::fhir::name::short;
use crate::fhir::version::FhirVersion;
use crate::store::{Lookup, Selection, Snapshot, TypeTotal};

/// The changes to a resource's text. By default there are none: bytes in are bytes out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceShape {
    /// Only these root elements, and the mandatory ones.
    pub(super) elements: Elements,
    /// The version of FHIR whose mandatory elements stay.
    #[serde(skip_serializing_if = "is_r4")]
    pub(super) fhir_version: FhirVersion,
    /// The base that makes relative URLs of attachments absolute; ends in a slash.
    pub attachments_base: Option<String>,
}

/// True for what a request is without a version: requests kept by older programs have none.
fn is_r4(version: &FhirVersion) -> bool {
    *version == FhirVersion::R4
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

    /// The bytes of the base that makes relative URLs absolute; 0 without one.
    pub(super) fn base_size(&self) -> u64 {
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
        let growth = match self.base_size() {
            0 => 0,
            base => snapshot.growth(selection, base)?,
        };
        Ok((total.bytes + total.count).saturating_add_signed(growth))
    }

    /// The text of a resource with the elements that are kept.
    pub(super) fn subset<'a>(&self, resource_type: &str, text: &'a str) -> Cow<'a, str> {
        self.elements.subset(self.fhir_version, resource_type, text)
    }

    /// The text of a resource as it goes out; `view` says which resources its attachments may name.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub(super) fn apply<'a>(
        &self,
        resource_type: &str,
        text: &'a str,
        view: &Lookup<'_>,
    ) -> Result<Cow<'a, str>> {
        let text = self.subset(resource_type, text);
        let Some(base) = &self.attachments_base else { return Ok(text) };
        let mut failure = None;
        let exists = |name: &str, id: &str| match view.find(name, id) {
            Ok(found) => found.is_some(),
            Err(error) => {
                failure = Some(error);
                false
            }
        };
        let text = match text {
            Cow::Borrowed(text) => attachment::absolute(text, base, exists),
            Cow::Owned(text) => Cow::Owned(attachment::absolute(&text, base, exists).into_owned()),
        };
        failure.map_or(Ok(text), Err)
    }
}

/// The number of versions for which it is cheaper to look up their attachments one by one than to read those
/// of all versions.
const ONE_BY_ONE: u32 = 1000;

/// The lengths that versions of a snapshot have on their way out.
pub struct Lengths<'a> {
    shape: &'a ResourceShape,
    view: Lookup<'a>,
    /// For what attachments name, while `view` reads a version.
    named: Lookup<'a>,
    /// The versions that grow, in order, each with the bytes; read when many are needed.
    growing: OnceCell<Vec<(i64, i64)>>,
    /// How many versions were looked up one by one.
    asked: Cell<u32>,
}

impl<'a> Lengths<'a> {
    /// The lengths in `shape` of versions of `snapshot`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(shape: &'a ResourceShape, snapshot: &'a Snapshot) -> Result<Lengths<'a>> {
        let (view, named) = (snapshot.lookup()?, snapshot.lookup()?);
        Ok(Lengths { shape, view, named, growing: OnceCell::new(), asked: Cell::new(0) })
    }

    /// The length of a version that has `size` bytes in the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn of(&self, resource_type: &str, seq: i64, size: u64) -> Result<u64> {
        if self.shape.must_be_made(resource_type) {
            let made = self.view.read(seq, |_, body| {
                let text = self.shape.apply(resource_type, body, &self.named)?;
                Ok(text.len() as u64)
            })?;
            return made.unwrap_or(Ok(0));
        }
        if self.shape.base_size() == 0 {
            return Ok(size);
        }
        let growing = match self.growing.get() {
            Some(growing) => growing,
            None if self.asked.get() < ONE_BY_ONE => {
                self.asked.set(self.asked.get() + 1);
                let growth = self.view.growth_of(seq, self.shape.base_size())?;
                return Ok(size.saturating_add_signed(growth));
            }
            None => {
                let growing = self.view.growing(self.shape.base_size())?;
                self.growing.get_or_init(|| growing)
            }
        };
        let growth = growing.binary_search_by_key(&seq, |(seq, _)| *seq);
        Ok(size.saturating_add_signed(growth.map_or(0, |at| growing[at].1)))
    }
}

/// The text of a body.
///
/// # Errors
/// `Damaged` where it is none.
pub(super) fn text(body: &[u8]) -> Result<&str> {
    str::from_utf8(body)
        .map_err(|error| Error::new(Kind::Damaged, format!("a body is no text: {error}")))
}
