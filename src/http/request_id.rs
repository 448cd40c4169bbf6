//! Request ids: a short name for each request, in its answer and in the log.
//!
//! The header `X-Request-Id` is a custom of proxies and has no specification. Who tells of a failed request
//! names its id, and the log says more about it. An id is no secret and proves nothing.

use crate::random;

/// The header, as requests are searched for it.
const FIELD: &str = "x-request-id";
/// The header of answers.
pub const REQUEST_ID: &str = "X-Request-Id";
/// The most bytes of a client's id.
const LONGEST: usize = 128;
/// So many hexadecimal digits in a row may be an access token, which no log shall hold.
const LIKE_A_TOKEN: usize = 64;

/// The id of a request with these headers (names in lower case): the client's, or a new one.
pub fn request_id(headers: &[(String, String)]) -> String {
    let mut given = headers.iter().filter(|(name, _)| name == FIELD).map(|(_, value)| value.trim());
    match (given.next(), given.next()) {
        (Some(id), None) if is_plain(id) => id.to_owned(),
        _ => new_request_id(),
    }
}

/// Makes an id of 16 hexadecimal digits.
pub fn new_request_id() -> String {
    // Without randomness nothing else here works either, and the id is only a name.
    random::hex::<8>().unwrap_or_else(|_| "0000000000000000".to_owned())
}

/// True for an id that can stand in a header and in a log as it is.
fn is_plain(id: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
    let has_token =
        id.split(|c: char| !c.is_ascii_hexdigit()).any(|digits| digits.len() >= LIKE_A_TOKEN);
    (1..=LONGEST).contains(&id.len())
        && id.bytes().all(is_plain)
        && !has_token
        && !id.starts_with("eyJ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ids_are_kept_and_others_replaced() {
        let of = |values: &[&str]| {
            let fields: Vec<_> =
                values.iter().map(|value| (FIELD.to_owned(), (*value).to_owned())).collect();
            request_id(&fields)
        };
        let long = "i".repeat(128);
        for id in ["a", "A.b_c:d-9", long.as_str(), "0af7651916cd43dd8448eb211c80319c"] {
            assert_eq!(of(&[id]), id);
        }
        let (longer, token) = ("z".repeat(129), "0f".repeat(32));
        for id in ["", " ", "a b", "é", "a\u{1}", "a/b", "eyJhbGciOi.x.y", &longer, &token] {
            let made = of(&[id]);
            assert!(made != id && made.len() == 16, "{id:?}: {made}");
        }
        assert_eq!(of(&["a", "b"]).len(), 16);
        assert_ne!(new_request_id(), new_request_id());
    }
}
