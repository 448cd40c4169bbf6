//! The length of a request's body: <https://www.rfc-editor.org/rfc/rfc9112#section-6>.
//!
//! A message whose length another recipient could read otherwise is refused: such messages smuggle
//! requests past a proxy.

use super::refusal::Refusal;

/// How the length of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// The message has neither `Content-Length` nor `Transfer-Encoding`, so it has no body.
    Nothing,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// Reads `Content-Length` and `Transfer-Encoding`.
///
/// # Errors
/// 400, and 501 for codings that are not read.
pub fn framing(headers: &[(String, String)], is_1_1: bool) -> Result<Framing, Refusal> {
    let all = |name: &str| -> Vec<&str> {
        let named = headers.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.trim_matches([' ', '\t'])).collect()
    };
    let (lengths, codings) = (all("content-length"), all("transfer-encoding"));
    match (&lengths[..], &codings[..]) {
        ([], []) => Ok(Framing::Nothing),
        ([length], []) => content_length(length).map(Framing::Length),
        ([_, _, ..], []) => Err(Refusal::bad("the request has more than one Content-Length")),
        ([], codings) if is_1_1 => chunked(&codings.join(",")),
        ([], _) => Err(Refusal::bad("HTTP/1.0 has no Transfer-Encoding")),
        ([_, ..], [_, ..]) => {
            Err(Refusal::bad("the request has both Content-Length and Transfer-Encoding"))
        }
    }
}

/// `Content-Length = 1*DIGIT`. Rust would also read a sign.
fn content_length(text: &str) -> Result<u64, Refusal> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let length = if digits { text.parse().ok() } else { None };
    length.ok_or_else(|| Refusal::bad("Content-Length is not a length"))
}

/// Chunked is the last coding, stands once, and no other one is known here.
fn chunked(codings: &str) -> Result<Framing, Refusal> {
    let codings: Vec<&str> =
        codings.split(',').map(|coding| coding.trim_matches([' ', '\t'])).collect();
    let is_chunked = |coding: &&str| coding.eq_ignore_ascii_case("chunked");
    let is_token = |coding: &&str| {
        let is_sign = |b| b"!#$%&'*+-.^_`|~".contains(&b);
        !coding.is_empty() && coding.bytes().all(|b| b.is_ascii_alphanumeric() || is_sign(b))
    };
    match codings.split_last() {
        Some((last, [])) if is_chunked(last) => Ok(Framing::Chunked),
        Some((last, others))
            if is_chunked(last)
                && others.iter().all(|coding| is_token(coding) && !is_chunked(coding)) =>
        {
            Err(Refusal::new(501, "the only Transfer-Encoding that is read here is chunked"))
        }
        _ => Err(Refusal::bad("Transfer-Encoding does not end in chunked, or not once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The framing of fields that are separated by `|`.
    fn of(fields: &str, is_1_1: bool) -> Result<Framing, u16> {
        let field = |field: &str| {
            let (name, value) = field.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        let headers: Vec<_> =
            fields.split('|').filter(|field| !field.is_empty()).map(field).collect();
        framing(&headers, is_1_1).map_err(|refusal| refusal.status)
    }

    #[test]
    fn lengths_are_read_strictly() {
        use Framing::{Chunked, Length, Nothing};
        for (fields, read) in [
            ("", Ok(Nothing)),
            ("Content-Length:0", Ok(Length(0))),
            ("Content-Length: 042 ", Ok(Length(42))),
            ("Content-Length: 18446744073709551615", Ok(Length(u64::MAX))),
            ("Content-Length: 18446744073709551616", Err(400)),
            ("Content-Length: +1", Err(400)),
            ("Content-Length: -1", Err(400)),
            ("Content-Length: 0x1", Err(400)),
            ("Content-Length: 1 1", Err(400)),
            ("Content-Length: 1,1", Err(400)),
            ("Content-Length: ", Err(400)),
            ("Content-Length: 1|Content-Length: 1", Err(400)),
            ("Content-Length: 1|Content-Length: 2", Err(400)),
            ("Transfer-Encoding: chunked", Ok(Chunked)),
            ("Transfer-Encoding:\tChunked ", Ok(Chunked)),
            ("Transfer-Encoding: xchunked", Err(400)),
            ("Transfer-Encoding: \u{b}chunked", Err(400)),
            ("Transfer-Encoding: chunked, identity", Err(400)),
            ("Transfer-Encoding: chunked|Transfer-Encoding: identity", Err(400)),
            ("Transfer-Encoding: chunked, chunked", Err(400)),
            ("Transfer-Encoding: chunked|Transfer-Encoding: chunked", Err(400)),
            ("Transfer-Encoding: chunked;a=b", Err(400)),
            ("Transfer-Encoding: \"chunked\"", Err(400)),
            ("Transfer-Encoding: , chunked", Err(400)),
            ("Transfer-Encoding: ", Err(400)),
            ("Transfer-Encoding: gzip", Err(400)),
            ("Transfer-Encoding: gzip, chunked", Err(501)),
            ("Transfer-Encoding: identity|Transfer-Encoding: chunked", Err(501)),
            ("Content-Length: 3|Transfer-Encoding: chunked", Err(400)),
            ("Transfer-Encoding: chunked|Content-Length: 3", Err(400)),
            ("Transfer-Encoding: identity|Content-Length: 3", Err(400)),
        ] {
            assert_eq!(of(fields, true), read, "{fields}");
        }
        assert_eq!(of("Content-Length: 5", false), Ok(Length(5)));
        assert_eq!(of("Transfer-Encoding: chunked", false), Err(400));
    }
}
