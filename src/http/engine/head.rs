//! Reads the head of a request: the request line and the header fields.
//!
//! <https://www.rfc-editor.org/rfc/rfc9112#section-3> and `#section-5`. `httparse` knows the grammar of
//! lines; the rules about `Host`, `Connection` and `Expect` are here, those of the body in `framing`.

use std::time::Instant;

use super::framing::{Framing, framing};
use super::head_end::{HeadEnd, too_long_target, too_many_fields};
use super::inbound::{Filled, Inbound, LITTLE};
use super::limits::Limits;
use super::refusal::{Halt, Refusal};
use crate::http::header::{is_host, list};

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// `GET`, …
    pub method: String,
    /// The target as it came; it is ASCII.
    pub target: String,
    /// Names in lower case, and values. A value that is no UTF-8 is read as Latin-1.
    pub headers: Vec<(String, String)>,
    /// True for HTTP/1.1, whose clients understand chunks.
    pub is_1_1: bool,
    /// True if the client wants to go on with this connection.
    pub is_kept: bool,
    /// True if the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The length of the body.
    pub framing: Framing,
}

/// Reads a head, whose first byte is there, until `deadline`.
///
/// # Errors
/// Where the message is refused, or where the client has gone before it began one.
pub fn read_head(inbound: &mut Inbound, limits: &Limits, deadline: Instant) -> Result<Head, Halt> {
    let mut end = HeadEnd::default();
    loop {
        if let Some(length) = end.find(inbound.waiting(), limits)? {
            let head = parse(&inbound.waiting()[..length], limits)?;
            inbound.take(length);
            return Ok(head);
        }
        match inbound.fill(LITTLE, deadline) {
            Filled::More => {}
            _ if !end.has_begun() => return Err(Halt::Gone),
            Filled::Late => {
                let what = "the head of the request did not come in time";
                return Err(Refusal::new(408, what).into());
            }
            Filled::End => return Err(Refusal::bad("the request broke off").into()),
        }
    }
}

/// Parses a whole head.
///
/// # Errors
/// 400, 414, 417, 431, 501, 505.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Head, Refusal> {
    let mut fields = vec![httparse::EMPTY_HEADER; limits.header_fields];
    let mut request = httparse::Request::new(&mut fields);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refusal::bad("the head has no end")),
        Err(error) => return Err(fault(error, bytes, limits)),
    }
    let target = request.path.unwrap_or_default();
    if target.len() > limits.target_bytes {
        return Err(too_long_target(limits));
    }
    if !target.is_ascii() {
        return Err(Refusal::bad(BEYOND_ASCII));
    }
    let field = |field: &httparse::Header<'_>| (field.name.to_ascii_lowercase(), text(field.value));
    let headers: Vec<(String, String)> = request.headers.iter().map(field).collect();
    let is_1_1 = request.version == Some(1);
    check_host(&headers, is_1_1)?;
    Ok(Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: target.to_owned(),
        is_1_1,
        is_kept: is_kept(&headers, is_1_1),
        expects_continue: expects_continue(&headers, is_1_1)?,
        framing: framing(&headers, is_1_1)?,
        headers,
    })
}

const BEYOND_ASCII: &str =
    "the request target has bytes beyond ASCII; write them percent-encoded, such as %C3%BC for ü";

/// Names the fault that `httparse` has met.
fn fault(error: httparse::Error, bytes: &[u8], limits: &Limits) -> Refusal {
    use httparse::Error as E;
    match error {
        E::TooManyHeaders => too_many_fields(limits),
        E::Version if names_a_version(bytes) => {
            Refusal::new(505, "HTTP/1.1 and HTTP/1.0 are spoken here, no other version")
        }
        E::Version => Refusal::bad("the request line does not end in HTTP/1.1"),
        E::Token if !first_line(bytes).is_ascii() => Refusal::bad(BEYOND_ASCII),
        E::Token => Refusal::bad("the request line is not METHOD, target and HTTP/1.1"),
        E::HeaderName => Refusal::bad(
            "a header line does not begin with a name and a colon, or continues the line before it",
        ),
        E::HeaderValue => Refusal::bad("the value of a header field has a control character"),
        _ => Refusal::bad("a line of the request does not end in CRLF"),
    }
}

/// The request line: the first line that is not empty.
fn first_line(bytes: &[u8]) -> &[u8] {
    bytes
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .find(|line| !line.is_empty())
        .unwrap_or(b"")
}

/// True if the request line ends in another `HTTP/x.y` than 1.0 and 1.1.
fn names_a_version(bytes: &[u8]) -> bool {
    let line = first_line(bytes);
    let version = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
        && !matches!(version, b"HTTP/1.0" | b"HTTP/1.1")
}

/// A value as text. Bytes beyond ASCII are opaque: <https://www.rfc-editor.org/rfc/rfc9110#section-5.5>.
fn text(value: &[u8]) -> String {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => value.iter().map(|b| char::from(*b)).collect(),
    }
}

/// The values of a field, by its name in lower case.
pub fn values<'h>(
    headers: &'h [(String, String)],
    name: &'h str,
) -> impl Iterator<Item = &'h str> + 'h {
    headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// <https://www.rfc-editor.org/rfc/rfc9112#section-3.2>: `Host` stands once, and is one.
fn check_host(headers: &[(String, String)], is_1_1: bool) -> Result<(), Refusal> {
    let mut hosts = values(headers, "host");
    match (hosts.next(), hosts.next()) {
        (None, _) if is_1_1 => Err(Refusal::bad("the request has no Host")),
        (_, Some(_)) => Err(Refusal::bad("the request has more than one Host")),
        (Some(host), None) if !is_host(host) => {
            Err(Refusal::bad("Host is not the name or address of a host, with or without a port"))
        }
        _ => Ok(()),
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9112#section-9.3>
fn is_kept(headers: &[(String, String)], is_1_1: bool) -> bool {
    let options: Vec<String> =
        values(headers, "connection").flat_map(list).map(|option| option.value).collect();
    let has = |option: &str| options.iter().any(|known| known == option);
    !has("close") && (is_1_1 || has("keep-alive"))
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1>
fn expects_continue(headers: &[(String, String)], is_1_1: bool) -> Result<bool, Refusal> {
    let mut expected = false;
    for expectation in values(headers, "expect").filter(|_| is_1_1).flat_map(list) {
        if expectation.value != "100-continue" {
            return Err(Refusal::new(417, "the only expectation that is met here is 100-continue"));
        }
        expected = true;
    }
    Ok(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Head, u16> {
        parse(text.as_bytes(), &Limits::default()).map_err(|refusal| refusal.status)
    }

    #[test]
    fn heads_are_read_strictly() {
        for (line, status) in [
            ("GET / HTTP/1.1", 0),
            ("GET http://a/b?c HTTP/1.1", 0),
            ("OPTIONS * HTTP/1.1", 0),
            ("get / HTTP/1.1", 0),
            ("GET / HTTP/1.2", 505),
            ("GET / HTTP/2.0", 505),
            ("GET / HTTP/0.9", 505),
            ("GET / HTTP/1", 400),
            ("GET / HTTP/11", 400),
            ("GET / http/1.1", 400),
            ("GET /", 400),
            ("GET", 400),
            ("GET / HTTP/1.1 ", 400),
            ("GET  / HTTP/1.1", 400),
            ("GET /  HTTP/1.1", 400),
            ("GET / / HTTP/1.1", 400),
            ("GET\t/ HTTP/1.1", 400),
            ("G,T / HTTP/1.1", 400),
            ("GET /\u{fc} HTTP/1.1", 400),
            ("GET /\u{1} HTTP/1.1", 400),
        ] {
            let status_of = read(&format!("{line}\r\nHost: a\r\n\r\n")).map(|_| 0);
            assert_eq!(status_of.unwrap_or_else(|status| status), status, "{line:?}");
        }
    }

    #[test]
    fn a_connection_is_kept_as_both_versions_have_it() {
        for (version, fields, is_kept) in [
            ("1.1", "", true),
            ("1.1", "Connection: keep-alive\r\n", true),
            ("1.1", "Connection: close\r\n", false),
            ("1.1", "Connection: TE, CLOSE\r\n", false),
            ("1.1", "Connection: TE\r\nConnection: close\r\n", false),
            ("1.1", "Connection: keep-alive, close\r\n", false),
            ("1.1", "Connection: closed\r\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\r\n", true),
            ("1.0", "Connection: keep-alive, close\r\n", false),
        ] {
            let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n")).unwrap();
            assert_eq!(head.is_kept, is_kept, "{version} {fields}");
        }
    }

    #[test]
    fn values_are_opaque() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xbc\r\nY: \xfc\t \r\nZ:\r\n\r\n";
        let head = parse(head, &Limits::default()).unwrap();
        let all: Vec<&str> = head.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(all, ["a", "\u{fc}", "\u{fc}", ""]);
    }

    #[test]
    fn only_one_expectation_is_met() {
        for (version, value, expected) in [
            ("1.1", "100-continue", Ok(true)),
            ("1.1", "100-Continue, 100-continue", Ok(true)),
            ("1.1", "", Ok(false)),
            ("1.1", "200-ok", Err(417)),
            ("1.1", "100-continue, more", Err(417)),
            ("1.0", "100-continue", Ok(false)),
            ("1.0", "more", Ok(false)),
        ] {
            let head = read(&format!("GET / HTTP/{version}\r\nHost: a\r\nExpect: {value}\r\n\r\n"));
            assert_eq!(head.map(|head| head.expects_continue), expected, "{version} {value}");
        }
    }
}
