//! `Host`: the name that a client has for this server.

use std::net::{IpAddr, SocketAddr};

/// True if `host` can stand as host and port in a URL that this server writes.
pub fn is_authority(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
}

/// True if `host` can only name `address`: the address itself, or a loopback name for a loopback
/// address. No other machine has such a name.
pub fn names_address(host: &str, address: SocketAddr) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (name, port),
        _ => (host, "80"),
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
    fn only_names_that_no_other_machine_has_name_an_address() {
        let here: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        for host in ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "127.0.0.2:8080"] {
            assert!(names_address(host, here), "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:80", "10.0.0.1:8080", "a.example:8080", "", ":8080"] {
            assert!(!names_address(host, here), "{host}");
        }
        let lan: SocketAddr = "10.0.0.5:80".parse().unwrap();
        for (host, is_name) in [
            ("10.0.0.5", true),
            ("10.0.0.5:80", true),
            ("10.0.0.6", false),
            ("localhost", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(names_address(host, lan), is_name, "{host}");
        }
    }
}
