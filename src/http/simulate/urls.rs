//! URLs as a wrong server writes them: relative, or with another host.
//!
//! The other host is the same machine under another name, so that a client gets an answer there, and the
//! journal shows whether it kept its access token to itself.

/// The name of this machine, and its address.
const NAME: &str = "localhost";
const ADDRESS: &str = "127.0.0.1";

/// The scheme with its slashes, the host with its port, and the rest.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some((&url[..scheme.len() + 3], &rest[..end], &rest[end..]))
}

/// The path and the query of a URL.
pub fn relative(url: &str) -> String {
    match parts(url) {
        Some((_, _, "")) => "/".to_owned(),
        Some((_, _, path)) => path.to_owned(),
        None => url.to_owned(),
    }
}

/// The URL with this machine's other name as its host.
pub fn foreign(url: &str) -> String {
    let Some((scheme, host, path)) = parts(url) else { return url.to_owned() };
    let port = host.rfind(':').filter(|at| !host[*at..].contains(']')).map_or("", |at| &host[at..]);
    let other = if has_name(url) { ADDRESS } else { NAME };
    format!("{scheme}{other}{port}{path}")
}

/// True for a URL whose host is the name of this machine.
fn has_name(url: &str) -> bool {
    parts(url).is_some_and(|(_, host, _)| {
        host == NAME || host.strip_prefix(NAME).is_some_and(|rest| rest.starts_with(':'))
    })
}

/// The URL with one more parameter in its query. The value must need no encoding.
pub fn with_parameter(url: &str, name: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{name}={value}")
}

/// The URL without a parameter of its query.
pub fn without_parameter(url: &str, name: &str) -> String {
    let Some((path, query)) = url.split_once('?') else { return url.to_owned() };
    let is_other = |part: &&str| part.split('=').next() != Some(name);
    let kept: Vec<&str> = query.split('&').filter(is_other).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_change_and_paths_do_not() {
        for (url, other, path) in [
            ("http://127.0.0.1:80/fhir/x?a=b", "http://localhost:80/fhir/x?a=b", "/fhir/x?a=b"),
            ("http://localhost:80/x", "http://127.0.0.1:80/x", "/x"),
            ("https://[::1]:8443/x", "https://localhost:8443/x", "/x"),
            ("https://[::1]/x", "https://localhost/x", "/x"),
            ("http://localhost.example/x", "http://localhost/x", "/x"),
            ("http://host", "http://localhost", "/"),
            ("/x", "/x", "/x"),
        ] {
            assert_eq!(foreign(url), other);
            assert_eq!(relative(url), path);
        }
        assert!(has_name(&foreign("http://127.0.0.1:1/")));
        assert_eq!(with_parameter("/a?b=c", "d", "1"), "/a?b=c&d=1");
        assert_eq!(without_parameter("/a?b=c&d=1", "d"), "/a?b=c");
        assert_eq!(without_parameter("/a?d=1", "d"), "/a");
    }
}
