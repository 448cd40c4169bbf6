//! How a resource's text changes on its way out: elements left out, attachments made absolute.

use std::borrow::Cow;

use super::request::Request;
use crate::error::Result;
use crate::fhir::attachment;
use crate::fhir::elements::Elements;
use crate::store::View;

/// What changes. By default nothing: bytes in are bytes out.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    elements: Elements,
    base: Option<String>,
}

impl Shape {
    /// As a request asks for.
    pub fn of(request: &Request) -> Shape {
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

    /// How long a version goes out as, which is `size` long in the store.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn length(&self, view: &View<'_>, resource_type: &str, seq: i64, size: u64) -> Result<u64> {
        if self.must_be_made(resource_type) {
            let made = view.read(seq, |_, body| self.apply(resource_type, body).len() as u64)?;
            return Ok(made.unwrap_or(0));
        }
        match self.base {
            None => Ok(size),
            Some(_) => Ok(size + view.relative_urls(seq)? * self.growth()),
        }
    }
}
