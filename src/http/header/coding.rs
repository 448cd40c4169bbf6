//! Content codings: `Accept-Encoding` and `Content-Encoding`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>

use super::syntax::list;

/// True if a client prefers gzip to bytes without a coding, by its `Accept-Encoding`.
///
/// `*` stands for each coding that the header does not name. Where the header says nothing of
/// `identity`, gzip wins.
pub fn prefers_gzip(accept_encoding: &str) -> bool {
    let codings: Vec<(String, u16)> =
        list(accept_encoding).map(|element| (element.value.clone(), element.weight())).collect();
    let weight = |names: &[&str]| {
        let named = codings.iter().filter(|(coding, _)| names.contains(&coding.as_str()));
        named.map(|(_, weight)| *weight).max()
    };
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3: x-gzip is another name of gzip.
    let gzip = weight(&["gzip", "x-gzip"]).or(weight(&["*"])).unwrap_or(0);
    gzip > 0 && gzip >= weight(&["identity"]).unwrap_or(0)
}

/// True if a body with this `Content-Encoding` is sent without a coding.
pub fn is_identity(content_encoding: &str) -> bool {
    list(content_encoding).all(|element| element.value == "identity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_preferred_by_its_weight() {
        for (text, gzip) in [
            ("gzip", true),
            ("x-gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("br, *;q=0.1", true),
            ("gzip;q=0.001", true),
            ("identity;q=0.5, gzip", true),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("identity, *;q=0.5", false),
            ("identity;q=1, gzip;q=0.1", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(prefers_gzip(text), gzip, "{text}");
        }
    }

    #[test]
    fn identity_is_no_coding() {
        for (text, identity) in
            [("", true), ("Identity", true), ("identity, identity", true), ("gzip", false)]
        {
            assert_eq!(is_identity(text), identity, "{text}");
        }
    }
}
