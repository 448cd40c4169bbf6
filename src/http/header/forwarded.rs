//! `Forwarded` (<https://www.rfc-editor.org/rfc/rfc7239>) and the `X-Forwarded-` fields that came before it: what
//! proxies say of their clients. Whether a proxy is believed is not known here.

use std::net::IpAddr;

use super::host::is_authority;
use crate::http::peer::Scheme;

/// What one proxy says of the request that it got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// The address of its client; `None` where the proxy does not say it.
    pub client: Option<IpAddr>,
    /// Whether its client spoke TLS.
    pub scheme: Option<Scheme>,
    /// The host that its client named, if it can stand in a URL.
    pub host: Option<String>,
}

/// The hops in `Forwarded`, the one of the nearest proxy last. None of them where the field breaks its grammar;
/// `None` without the field.
pub fn forwarded(headers: &[(String, String)]) -> Option<Vec<Hop>> {
    let value = joined(headers, "forwarded")?;
    Some(elements(&value).unwrap_or_default())
}

/// The hops in `X-Forwarded-For`, `-Proto` and `-Host`; `None` without these fields. Where a field has as many
/// values as there are addresses, each hop has its own; else the last value is that of all.
pub fn x_forwarded(headers: &[(String, String)]) -> Option<Vec<Hop>> {
    let list = |name| {
        let value = joined(headers, name)?;
        Some(value.split(',').map(|item| item.trim().to_owned()).collect::<Vec<String>>())
    };
    let (clients, schemes, hosts) =
        (list("x-forwarded-for"), list("x-forwarded-proto"), list("x-forwarded-host"));
    if clients.is_none() && schemes.is_none() && hosts.is_none() {
        return None;
    }
    let clients = clients.unwrap_or_else(|| vec![String::new()]);
    let of_hop = |values: &Option<Vec<String>>, at: usize| {
        let values = values.as_ref()?;
        if values.len() == clients.len() { values.get(at) } else { values.last() }.cloned()
    };
    let hop = |at: usize| Hop {
        client: address(&clients[at]),
        scheme: of_hop(&schemes, at).and_then(|text| scheme(&text)),
        host: of_hop(&hosts, at).filter(|host| is_authority(host)),
    };
    Some((0..clients.len()).map(hop).collect())
}

/// All lines of a field as one.
fn joined(headers: &[(String, String)], name: &str) -> Option<String> {
    let lines = headers.iter().filter(|(known, _)| known == name);
    let values: Vec<&str> = lines.map(|(_, value)| value.trim()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// `Forwarded = 1#forwarded-element`, `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )`
fn elements(value: &str) -> Option<Vec<Hop>> {
    let mut hops = vec![Hop::default()];
    let mut rest = value.trim_start();
    loop {
        if let Some((name, after)) = rest.split_once('=')
            && !rest.starts_with([',', ';'])
        {
            let (text, after) = pair_value(after)?;
            let hop = hops.last_mut()?;
            match name.trim().to_ascii_lowercase().as_str() {
                "for" => hop.client = address(&text),
                "proto" => hop.scheme = scheme(&text),
                "host" => hop.host = Some(text).filter(|host| is_authority(host)),
                name if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) => {}
                _ => return None,
            }
            rest = after.trim_start();
        }
        match rest.chars().next() {
            None => return Some(hops),
            Some(',') => hops.push(Hop::default()),
            Some(';') => {}
            Some(_) => return None,
        }
        rest = rest[1..].trim_start();
    }
}

/// The value of a pair, a token or a quoted string, and what comes behind it.
fn pair_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ';', '"', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    loop {
        match chars.next()? {
            (at, '"') => return Some((value, &quoted[at + 1..])),
            (_, '\\') => value.push(chars.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

/// The address of a node, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`. Names such as
/// `unknown` and `_hidden` have none.
fn address(node: &str) -> Option<IpAddr> {
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let bare = match (node.strip_prefix('['), node.rsplit_once(':')) {
        (Some(inside), _) => inside.split_once(']')?.0,
        (None, Some((host, port))) if !host.contains(':') && is_port(port) => host,
        _ => node,
    };
    bare.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn scheme(text: &str) -> Option<Scheme> {
    [Scheme::Http, Scheme::Https]
        .into_iter()
        .find(|known| text.eq_ignore_ascii_case(known.as_str()))
}
