//! `Host`: the name that a client has for this server.

use std::net::{IpAddr, SocketAddr};

/// True if `host` is a value of `Host`: `uri-host [ ":" port ]`, where the host may be empty.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.2>,
/// <https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2>
pub fn is_host(host: &str) -> bool {
    let (name, port) = match host.rfind([':', ']']) {
        Some(at) if host.as_bytes()[at] == b':' => (&host[..at], &host[at + 1..]),
        _ => (host, ""),
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_name = match address {
        Some(address) => {
            !address.is_empty()
                && address.bytes().all(|b| b.is_ascii_alphanumeric() || b".:%-_~".contains(&b))
        }
        None => is_registered_name(name.as_bytes()),
    };
    is_name && port.bytes().all(|b| b.is_ascii_digit())
}

/// `reg-name = *( unreserved / pct-encoded / sub-delims )`
fn is_registered_name(name: &[u8]) -> bool {
    match name {
        [] => true,
        [b'%', one, two, rest @ ..] => {
            one.is_ascii_hexdigit() && two.is_ascii_hexdigit() && is_registered_name(rest)
        }
        [first, rest @ ..] => {
            (first.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(first))
                && is_registered_name(rest)
        }
    }
}

/// The name or the address in a value of `Host`, in lower case and without brackets, port and a dot at the end. `None`
/// for what is no such value, and for an empty name.
pub fn host_name(host: &str) -> Option<String> {
    if !is_host(host) {
        return None;
    }
    let name = match host.rfind([':', ']']) {
        Some(at) if host.as_bytes()[at] == b':' => &host[..at],
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (!name.is_empty()).then_some(name)
}

/// True for a name that every machine has for itself: <https://www.rfc-editor.org/rfc/rfc6761#section-6.3>.
pub fn is_loopback_name(name: &str) -> bool {
    let address: Option<IpAddr> = name.parse().ok();
    name == "localhost"
        || name.ends_with(".localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback())
}

/// True if `host` can stand as host and port in a URL that this server writes.
pub fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// True if `host` can only name `address`: the address itself, or a loopback name for a loopback
/// address. No other machine has such a name. A host without a port has `default_port`.
pub fn names_address(host: &str, address: SocketAddr, default_port: u16) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port.to_owned()),
        _ => (host, default_port.to_string()),
    };
    let named: Option<IpAddr> = name.trim_start_matches('[').trim_end_matches(']').parse().ok();
    let is_loopback = name == "localhost" || named.is_some_and(|named| named.is_loopback());
    port == address.port().to_string()
        && (named == Some(address.ip()) || (is_loopback && address.ip().is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_or_without_a_port() {
        for host in [
            "",
            "a",
            "a:",
            "a:80",
            ":80",
            "example.org:8080",
            "127.0.0.1",
            "[::1]",
            "[::1]:8080",
            "a_b-c.d~",
            "a%20b",
            "!$&'()*+,;=",
            "[fe80::1%25eth0]:1",
        ] {
            assert!(is_host(host), "{host:?}");
        }
        for host in [
            "a b", "a/b", "a\"b", "<x>", "a:b", "a:80:80", "::1", "[::1", "::1]", "[]", "[::1]x",
            "a@b", "a%2", "a%zz", "http://a", "a?b", "a#b", "ü", "a:8 0", "a:-1", "a\\b", "a:80 ",
        ] {
            assert!(!is_host(host), "{host:?}");
        }
    }

    #[test]
    fn only_names_that_no_other_machine_has_name_an_address() {
        let here: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.2:8080"] {
            assert!(names_address(host, here, 80), "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:80", "10.0.0.1:8080", "a.example:8080", "", ":8080"] {
            assert!(!names_address(host, here, 80), "{host}");
        }
        let lan: SocketAddr = "10.0.0.5:80".parse().unwrap();
        for (host, is_name) in [
            ("10.0.0.5", true),
            ("10.0.0.5:80", true),
            ("10.0.0.6", false),
            ("localhost", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(names_address(host, lan, 80), is_name, "{host}");
        }
        let secure: SocketAddr = "127.0.0.1:443".parse().unwrap();
        assert!(names_address("localhost", secure, 443) && !names_address("localhost", secure, 80));
    }
}
