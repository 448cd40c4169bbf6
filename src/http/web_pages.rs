//! What web pages may do: by which names the server is asked, and which pages may read its answers.
//!
//! A page that a browser shows can send requests to a server on the same machine. Two rules keep it from reading the
//! answers. A page has the origin of its own site, and reads only what the server allows to that origin:
//! <https://fetch.spec.whatwg.org/#http-cors-protocol>, headers in `cross_origin.rs`. And a page whose site gives its
//! own name the address of this machine (DNS rebinding) asks by that name, so an open server on the loopback answers
//! only to names that are its own: <https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20>. A server that requires
//! authentication needs neither: a page has no credentials of another site.

use super::engine::ListenOn;
use super::header::{host_name, is_loopback_name};
use super::message::{Request, Response};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::fhir::outcome::{Issue, Severity};

/// What the operator says about web pages. By default nothing.
#[derive(Clone, Debug, Default)]
pub struct WebPageOptions {
    /// Further names of the server.
    pub allowed_hosts: Vec<String>,
    /// The origins of pages that may read, `any` or `none`.
    pub cors: Vec<String>,
}

/// The rules of a server.
#[derive(Clone)]
pub struct WebPages {
    /// The names that a request may ask by, beside those of the loopback, in lower case; `None` for any name.
    hosts: Option<Vec<String>>,
    origins: Origins,
}

/// The pages that may read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origins {
    /// Those of every origin.
    Any,
    /// Those of this machine.
    Loopback,
    /// Those of these origins.
    Listed(Vec<String>),
}

/// What the rules follow from, beside the options.
pub struct ServerNames<'s> {
    /// Whether requests must be authenticated.
    pub auth_required: bool,
    /// Whether only this machine reaches it.
    pub is_private: bool,
    /// Where it listens.
    pub listen: &'s [ListenOn],
    /// The operator's base of URLs.
    pub base_url: Option<&'s str>,
}

impl WebPages {
    /// The rules of a server.
    ///
    /// # Errors
    /// `Usage` for a text that is no origin or no host.
    pub fn new(options: &WebPageOptions, server: &ServerNames<'_>) -> Result<WebPages> {
        let mut hosts = Vec::new();
        for host in &options.allowed_hosts {
            hosts.push(checked_host(host)?);
        }
        let is_limited = !hosts.is_empty() || (server.is_private && !server.auth_required);
        let authority = server.base_url.and_then(|url| url.split("://").nth(1)?.split('/').next());
        let listen = server.listen.iter().filter_map(ListenOn::authority);
        for own in listen.chain(authority) {
            hosts.extend(host_name(own));
        }
        let origins = match options.cors.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] if server.auth_required => Origins::Any,
            [] => Origins::Loopback,
            ["any"] => Origins::Any,
            ["none"] => Origins::Listed(Vec::new()),
            ref listed => {
                let checked = listed.iter().map(|origin| checked_origin(origin));
                Origins::Listed(checked.collect::<Result<_>>()?)
            }
        };
        Ok(WebPages { hosts: is_limited.then_some(hosts), origins })
    }

    /// The answer to a request that asks by a name which is not the server's; `None` for others. A request without
    /// a name does not come from a browser.
    pub fn misdirected(&self, request: &Request) -> Option<Response> {
        let hosts = self.hosts.as_ref()?;
        // No browser reaches a Unix socket.
        request.local?;
        let host = request.header("host").filter(|host| !host.is_empty())?;
        let name = host_name(&host);
        // A name without a dot is of this machine or its network: no web site has such a name.
        let is_known = |name: &String| {
            is_loopback_name(name) || hosts.contains(name) || !name.contains(['.', ':'])
        };
        if name.as_ref().is_some_and(is_known) {
            return None;
        }
        let what = format!(
            "this server does not answer to the name {:?}, which could be that of a web page in disguise; \
             if it is right, start the server with --allow-host {}",
            short(&host),
            short(name.as_deref().unwrap_or("NAME"))
        );
        let issue =
            Issue { severity: Severity::Error, code: "security".to_owned(), diagnostics: what };
        Some(Response::outcome(421, issue))
    }

    /// The origin that an answer allows: `*`, or that of the page that asks. `None` where the page may not read.
    pub fn allowed_origin(&self, request: Option<&Request>) -> Option<String> {
        let asking = request.and_then(|request| request.header("origin"));
        match &self.origins {
            Origins::Any => Some("*".to_owned()),
            Origins::Loopback => asking.filter(|origin| {
                checked_origin(origin).is_ok_and(|_| {
                    authority(origin).is_some_and(|authority| {
                        host_name(authority).is_some_and(|name| is_loopback_name(&name))
                    })
                })
            }),
            Origins::Listed(listed) => asking
                .filter(|origin| listed.iter().any(|known| known.eq_ignore_ascii_case(origin))),
        }
    }

    /// True if the answer depends on the page that asks.
    pub fn depends_on_origin(&self) -> bool {
        self.origins != Origins::Any
    }
}

/// The host and port of an origin.
fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("https://").or(origin.strip_prefix("http://"))
}

/// Checks an origin: <https://www.rfc-editor.org/rfc/rfc6454#section-6.2>.
fn checked_origin(origin: &str) -> Result<String> {
    let is_origin = authority(origin).is_some_and(|authority| host_name(authority).is_some());
    if is_origin {
        return Ok(origin.to_owned());
    }
    let what = format!(
        "--cors {:?} should be an origin such as https://app.example.org or http://localhost:3000, without a path, \
         or any, or none",
        short(origin)
    );
    Err(Error::new(Kind::Usage, what))
}

/// Checks a further name of the server.
fn checked_host(host: &str) -> Result<String> {
    match host_name(host) {
        Some(name) if name.len() == host.len() => Ok(name),
        _ => {
            let what = format!(
                "--allow-host {:?} should be a name or an address, without scheme and port",
                short(host)
            );
            Err(Error::new(Kind::Usage, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let headers =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut request =
            Request::new("GET", "/health", headers, true, IpAddr::from([127, 0, 0, 1])).unwrap();
        request.local = Some(([127, 0, 0, 1], 8080).into());
        request
    }

    fn pages(hosts: &[&str], cors: &[&str], auth_required: bool, address: [u8; 4]) -> WebPages {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let options = WebPageOptions { allowed_hosts: texts(hosts), cors: texts(cors) };
        let server = ServerNames {
            auth_required,
            is_private: IpAddr::from(address).is_loopback(),
            listen: &["my-pc:8080".into()],
            base_url: Some("https://demo.example.org/x"),
        };
        WebPages::new(&options, &server).unwrap()
    }

    #[test]
    fn an_open_server_on_the_loopback_answers_to_its_own_names() {
        let (open, local) = (pages(&[], &[], false, [127, 0, 0, 1]), [127, 0, 0, 1]);
        for host in [
            "localhost",
            "LocalHost:80",
            "a.localhost:1",
            "127.0.0.1",
            "127.9.8.7:1",
            "[::1]:8080",
            "demo.example.org",
            "Demo.Example.org:443",
            "my-pc:8080",
            "localhost.",
            "",
        ] {
            assert!(open.misdirected(&request(&[("host", host)])).is_none(), "{host}");
        }
        assert!(open.misdirected(&request(&[])).is_none());
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::2]",
            "evil-localhost.example",
            "demo.example.org.evil.example",
            "0.0.0.0",
            "128.0.0.1",
        ] {
            let refused = open.misdirected(&request(&[("host", host)])).unwrap();
            assert_eq!(refused.status, 421, "{host}");
        }
        let named = pages(&["Evil.Example"], &[], false, local);
        assert!(named.misdirected(&request(&[("host", "evil.example:1")])).is_none());
        for any in [pages(&[], &[], true, local), pages(&[], &[], false, [10, 0, 0, 1])] {
            assert!(any.misdirected(&request(&[("host", "evil.example")])).is_none());
        }
        let named = pages(&["a.example"], &[], true, [10, 0, 0, 1]);
        assert!(named.misdirected(&request(&[("host", "evil.example")])).is_some());
    }

    #[test]
    fn pages_read_where_their_origin_is_allowed() {
        let allowed = |pages: &WebPages, origin: &str| {
            pages.allowed_origin(Some(&request(&[("origin", origin)])))
        };
        let local = [127, 0, 0, 1];
        let open = pages(&[], &[], false, local);
        for origin in
            ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:1", "http://a.localhost"]
        {
            assert_eq!(allowed(&open, origin).as_deref(), Some(origin));
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example",
            "null",
            "file://localhost",
            "",
            "http://localhost@evil.example",
            "http://localhost/x",
            "localhost",
        ] {
            assert_eq!(allowed(&open, origin), None, "{origin}");
        }
        assert_eq!(open.allowed_origin(None), None);
        let any = Some("*".to_owned());
        assert_eq!(allowed(&pages(&[], &[], true, local), "https://evil.example"), any);
        assert_eq!(allowed(&pages(&[], &["any"], false, local), "https://evil.example"), any);
        let one = pages(&[], &["https://App.example.org"], true, local);
        assert!(allowed(&one, "https://app.example.org").is_some());
        for origin in ["http://app.example.org", "https://app.example.org:8443", "http://localhost"]
        {
            assert_eq!(allowed(&one, origin), None, "{origin}");
        }
        assert_eq!(allowed(&pages(&[], &["none"], false, local), "http://localhost"), None);
    }

    #[test]
    fn what_is_no_origin_or_no_host_is_refused() {
        let server =
            ServerNames { auth_required: false, is_private: true, listen: &[], base_url: None };
        for (host, cors) in [
            ("http://a", ""),
            ("a:80", ""),
            ("a/b", ""),
            ("a b", ""),
            ("", "localhost"),
            ("", "https://a/"),
            ("", "*"),
            ("", "https://"),
            ("", "ftp://a"),
        ] {
            let mut options = WebPageOptions::default();
            match cors {
                "" => options.allowed_hosts.push(host.to_owned()),
                cors => options.cors.push(cors.to_owned()),
            }
            assert!(WebPages::new(&options, &server).is_err(), "{host} {cors}");
        }
        for cors in [vec!["any", "https://a"], vec!["https://a", "none"]] {
            let cors = cors.into_iter().map(str::to_owned).collect();
            let options = WebPageOptions { cors, ..WebPageOptions::default() };
            assert!(WebPages::new(&options, &server).is_err());
        }
    }
}
