//! How a resource's text changes on its way out: elements left out, attachments made absolute.

use std::borrow::Cow;

use super::request::ExportRequest;
use crate::error::Result;
use crate::fhir::attachment;
use crate::fhir::elements::Elements;
use crate::store::{Selection, Snapshot, TypeTotal, View};

/// What changes. By default nothing: bytes in are bytes out.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    elements: Elements,
    base: Option<String>,
}

impl Shape {
    /// As a request asks for.
    pub fn of(request: &ExportRequest) -> Shape {
        Shape { elements: request.elements.clone(), base: request.attachments_base.clone() }
    }

    /// Only attachments made absolute on `base`.
    pub fn on(base: Option<String>) -> Shape {
        Shape { elements: Elements::default(), base }
    }

    /// True where the length of a text can only be found by making it.
    pub fn must_be_made(&self, resource_type: &str) -> bool {
        self.elements.cut(resource_type)
    }

    /// By how many bytes each relative URL grows.
    pub fn growth(&self) -> u64 {
        self.base.as_ref().map_or(0, |base| base.len() as u64)
    }

    /// How many bytes of NDJSON go out of what is selected, where it need not be made for that.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn bytes_of(
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

    /// The text as it goes out.
    pub fn apply<'a>(&self, resource_type: &str, text: &'a str) -> Cow<'a, str> {
        let text = self.elements.subset(resource_type, text);
        match (&self.base, text) {
            (None, text) => text,
            (Some(base), Cow::Borrowed(text)) => attachment::absolute(text, base),
            (Some(base), Cow::Owned(text)) => {
                Cow::Owned(attachment::absolute(&text, base).into_owned())
            }
        }
    }
}

/// How long versions of a snapshot go out as.
pub struct Lengths<'a> {
    shape: &'a Shape,
    view: &'a View<'a>,
    /// Versions that grow, in order, and how many URLs of theirs do.
    growing: Vec<(i64, u64)>,
}

impl<'a> Lengths<'a> {
    /// Of what goes out in `shape`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(shape: &'a Shape, view: &'a View<'a>) -> Result<Lengths<'a>> {
        let growing = match shape.growth() {
            0 => Vec::new(),
            _ => view.relative_urls()?,
        };
        Ok(Lengths { shape, view, growing })
    }

    /// Of a version that is `size` long in the store.
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
