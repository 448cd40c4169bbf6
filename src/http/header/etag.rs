//! Entity tags: `ETag`, `If-Match`, `If-None-Match`, `If-Range`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3>

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use sha2::{Digest, Sha256};

/// An entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag {
    is_weak: bool,
    /// The text between the quotes.
    opaque: String,
}

impl EntityTag {
    /// A strong tag, made of a hash of `bytes`.
    pub fn of_bytes(bytes: impl AsRef<[u8]>) -> EntityTag {
        EntityTag { is_weak: false, opaque: BASE64URL.encode(&Sha256::digest(bytes)[..15]) }
    }

    /// A weak tag. `opaque` is printable ASCII without quotes.
    pub fn weak(opaque: impl Into<String>) -> EntityTag {
        EntityTag { is_weak: true, opaque: opaque.into() }
    }

    /// The tag of the same bytes in another content coding.
    pub fn with_coding(self, coding: &str) -> EntityTag {
        EntityTag { opaque: format!("{}-{coding}", self.opaque), ..self }
    }

    /// Reads `"…"` or `W/"…"`.
    fn parse(text: &str) -> Option<EntityTag> {
        let (is_weak, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        (!opaque.contains('"')).then(|| EntityTag { is_weak, opaque: opaque.to_owned() })
    }

    /// True if `If-None-Match` names this tag, by weak comparison.
    pub fn is_none_match(&self, header: &str) -> bool {
        any_of(header, |tag| tag.opaque == self.opaque)
    }

    /// True if `If-Match` names this tag, by strong comparison.
    pub fn is_match(&self, header: &str) -> bool {
        any_of(header, |tag| !tag.is_weak && tag == *self)
    }

    /// True if `If-Range` is this tag, by strong comparison. A date never is.
    pub fn is_range(&self, header: &str) -> bool {
        !self.is_weak && EntityTag::parse(header.trim()).is_some_and(|tag| tag == *self)
    }
}

/// True if a list is `*` or has a tag that `holds` accepts.
fn any_of(list: &str, holds: impl Fn(EntityTag) -> bool) -> bool {
    tags(list).any(|text| text == "*" || EntityTag::parse(text).is_some_and(&holds))
}

/// Splits a list of tags. A backslash in a tag stands for itself, so it escapes no quote.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut is_quoted = false;
    let parts = list.split(move |c| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    parts.map(str::trim)
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak = if self.is_weak { "W/" } else { "" };
        write!(f, "{weak}\"{}\"", self.opaque)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_as_each_header_wants() {
        let strong = EntityTag::parse("\"a,b\"").unwrap();
        let weak = EntityTag::weak("a,b");
        for (list, none_match, is_match) in [
            ("\"a,b\"", true, true),
            ("W/\"a,b\"", true, false),
            ("\"x\" , \"a,b\"", true, true),
            ("\"x\\\", \"a,b\"", true, true),
            ("*", true, true),
            ("\"a\", \"b\"", false, false),
            ("a,b", false, false),
            ("\"a,b-gzip\"", false, false),
            ("w/\"a,b\"", false, false),
            ("", false, false),
        ] {
            assert_eq!(strong.is_none_match(list), none_match, "{list}");
            assert_eq!(weak.is_none_match(list), none_match, "{list}");
            assert_eq!(strong.is_match(list), is_match, "{list}");
            assert_eq!(strong.is_range(list), list == "\"a,b\"", "{list}");
            assert!(!weak.is_range(list), "{list}");
        }
    }

    #[test]
    fn tags_are_written_with_quotes() {
        assert_eq!(EntityTag::weak("1").to_string(), "W/\"1\"");
        let strong = EntityTag::of_bytes("name");
        assert_eq!(strong.to_string().len(), 22);
        assert!(strong.with_coding("gzip").to_string().ends_with("-gzip\""));
    }
}
