//! Trusted proxies: from which other ends of connections it is believed what they say of their clients.
//!
//! `Forwarded` is <https://www.rfc-editor.org/rfc/rfc7239>; `X-Forwarded-For`, `-Proto` and `-Host` are older and
//! have no specification. A proxy passes on what it does not know, so a client could add the kind of field that the
//! proxy does not set. Where both kinds are there and do not say the same, neither is believed.

use std::net::IpAddr;

use ipnet::IpNet;

use super::header::{Hop, forwarded, x_forwarded};
use super::peer::{Peer, Scheme};
use crate::error::{Error, Kind, Result};

/// What stands for the processes at Unix sockets.
const UNIX: &str = "unix";

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// True if the processes at Unix sockets are.
    unix: bool,
}

/// Who made a request, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The client's address.
    pub address: IpAddr,
    /// Whether the client speaks TLS with the proxy; `None` where no trusted proxy says so.
    pub scheme: Option<Scheme>,
    /// The host that the client named to the proxy.
    pub host: Option<String>,
}

impl TrustedProxies {
    /// Reads networks such as `10.0.0.0/8`, addresses, and `unix`.
    ///
    /// # Errors
    /// `Usage` for anything else.
    pub fn parse(texts: &[String]) -> Result<TrustedProxies> {
        let mut trusted = TrustedProxies::default();
        for text in texts {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            match network {
                Ok(network) => trusted.networks.push(network),
                Err(_) if text == UNIX => trusted.unix = true,
                Err(error) => {
                    let what = format!(
                        "the trusted proxy {text:?} is no network such as 10.0.0.0/8, no address, and not \
                         `unix`, which stands for the Unix sockets"
                    );
                    return Err(Error::caused(Kind::Usage, what, error));
                }
            }
        }
        Ok(trusted)
    }

    fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who made a request with these header fields that came from `peer`.
    pub fn sender(&self, peer: Peer, headers: &[(String, String)]) -> Sender {
        let is_trusted = match peer {
            Peer::Unix => self.unix,
            Peer::Address(address) => self.has(address),
        };
        let itself = Sender { address: peer.address(), scheme: None, host: None };
        if !is_trusted {
            return itself;
        }
        let said = [forwarded(headers), x_forwarded(headers)];
        let mut senders = said.iter().flatten().map(|hops| self.first_untrusted(&itself, hops));
        match (senders.next(), senders.next()) {
            (Some(one), Some(other)) if one != other => itself,
            (Some(one), _) => one,
            (None, _) => itself,
        }
    }

    /// The sender of whom the nearest trusted proxies tell: the last one that is no trusted proxy itself.
    fn first_untrusted(&self, itself: &Sender, hops: &[Hop]) -> Sender {
        let mut sender = itself.clone();
        for hop in hops.iter().rev() {
            // A proxy that does not say who its client is has told the rest all the same.
            let address = hop.client.unwrap_or(sender.address);
            sender = Sender { address, scheme: hop.scheme, host: hop.host.clone() };
            if hop.client.is_none_or(|client| !self.has(client)) {
                break;
            }
        }
        sender
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(texts: &[&str]) -> TrustedProxies {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        TrustedProxies::parse(&texts).unwrap()
    }

    /// The sender of a request from 10.0.0.1 with these header fields: address, scheme and host.
    fn sender(headers: &[(&str, &str)]) -> String {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let peer = Peer::Address("::ffff:10.0.0.1".parse().unwrap());
        let sender = trusted(&["10.0.0.0/8", "fd00::/8"]).sender(peer, &headers);
        let scheme = sender.scheme.map_or("-", Scheme::as_str);
        format!("{} {scheme} {}", sender.address, sender.host.as_deref().unwrap_or("-"))
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        for (headers, expected) in [
            (&[][..], "10.0.0.1 - -"),
            (
                &[("forwarded", "for=192.0.2.1;proto=https;host=a.example")],
                "192.0.2.1 https a.example",
            ),
            (
                &[("forwarded", "For=\"[2001:db8::1]:4711\" ; PROTO=\"HTTPS\"")],
                "2001:db8::1 https -",
            ),
            // What the client itself has put in front does not count.
            (&[("forwarded", "for=198.51.100.1;host=evil, for=192.0.2.1;host=a")], "192.0.2.1 - a"),
            // Of a chain of trusted proxies, the first one tells.
            (
                &[(
                    "forwarded",
                    "for=192.0.2.1;proto=https;host=a, for=10.0.0.7;proto=http;host=b",
                )],
                "192.0.2.1 https a",
            ),
            (&[("forwarded", "for=10.0.0.9;host=a, for=\"[fd00::1]\"")], "10.0.0.9 - a"),
            // Who hides a name is known by the proxy that did so.
            (&[("forwarded", "for=198.51.100.1, for=_hidden;proto=https")], "10.0.0.1 https -"),
            (&[("forwarded", "for=198.51.100.1, for=unknown, for=10.0.0.7")], "10.0.0.7 - -"),
            // A field that is none says nothing.
            (&[("forwarded", "for=192.0.2.1;;proto")], "10.0.0.1 - -"),
            (&[("forwarded", "for=192.0.2.1;proto=ftp;host=\"a b\"")], "192.0.2.1 - -"),
            (&[("forwarded", "for=\"192.0.2.1")], "10.0.0.1 - -"),
            (
                &[("x-forwarded-for", "198.51.100.1, 192.0.2.1"), ("x-forwarded-proto", "https")],
                "192.0.2.1 https -",
            ),
            (
                &[("x-forwarded-for", "192.0.2.1, 10.0.0.7"), ("x-forwarded-proto", "https, http")],
                "192.0.2.1 https -",
            ),
            (&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.2")], "192.0.2.1 - -"),
            (&[("x-forwarded-for", "nobody, 10.0.0.2")], "10.0.0.2 - -"),
            (&[("x-forwarded-host", "a.example:8443")], "10.0.0.1 - a.example:8443"),
            (&[("x-forwarded-proto", "https")], "10.0.0.1 https -"),
            // Both kinds must say the same.
            (&[("forwarded", "for=192.0.2.1"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.1 - -"),
            (&[("forwarded", "for=192.0.2.9"), ("x-forwarded-for", "192.0.2.1")], "10.0.0.1 - -"),
            (
                &[("forwarded", "for=192.0.2.1;host=evil"), ("x-forwarded-for", "192.0.2.1")],
                "10.0.0.1 - -",
            ),
        ] {
            assert_eq!(sender(headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn only_trusted_peers_are_believed() {
        let headers = [("forwarded".to_owned(), "for=192.0.2.1;proto=https;host=a".to_owned())];
        let believed = |texts: &[&str], peer: Peer| {
            trusted(texts).sender(peer, &headers).address == IpAddr::from([192, 0, 2, 1])
        };
        let local = Peer::Address(IpAddr::from([127, 0, 0, 1]));
        assert!(!believed(&[], local) && !believed(&[], Peer::Unix));
        assert!(believed(&["unix"], Peer::Unix) && !believed(&["unix"], local));
        assert!(believed(&["127.0.0.1"], local) && !believed(&["127.0.0.1"], Peer::Unix));
        assert!(believed(&["::1", "127.0.0.0/8"], local) && !believed(&["127.0.0.2"], local));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0", "*", "::1/129", "10.0.0.1:80", "Unix"] {
            let error = TrustedProxies::parse(&[text.to_owned()]).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{text}");
            assert!(error.to_string().contains(&format!("{text:?}")), "{text}");
        }
    }
}
