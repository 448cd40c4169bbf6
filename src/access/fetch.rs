//! Keys that a client publishes itself, fetched when they are needed.
//!
//! For no longer than the client's own `Cache-Control` says, and never for long; once more where an
//! assertion names a key that is not among them, so that a client can change its keys at any time.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::keys::{Algorithm, KeySet};
use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// So long an answer may take in all.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many bytes it may have.
const MOST: u64 = 256 * 1024;
/// So long keys are kept where the client does not say.
const USUAL: Duration = Duration::from_secs(60);
/// … and at most.
const LONGEST: Duration = Duration::from_secs(300);

/// Checks where a client's keys are to be.
///
/// # Errors
/// What should be otherwise: all but this machine itself is to be asked over TLS.
pub fn check_url(url: &str) -> std::result::Result<(), String> {
    let wrong = || {
        format!(
            "{url:?} should be an https:// URL (http:// only on this machine itself, 127.0.0.1)"
        )
    };
    if !url.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong());
    }
    match url.strip_prefix("https://") {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => Ok(()),
        None if is_here(url) => Ok(()),
        _ => Err(wrong()),
    }
}

/// True for a URL on this machine.
fn is_here(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// The keys of clients that publish them.
pub struct Fetched {
    agent: Agent,
    kept: Mutex<HashMap<String, Kept>>,
}

struct Kept {
    keys: KeySet,
    until: Instant,
}

impl Default for Fetched {
    fn default() -> Fetched {
        let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
        let config = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            // It is the registered URL that is trusted, not where it may lead to.
            .max_redirects(0)
            .tls_config(tls)
            .build();
        Fetched { agent: config.into(), kept: Mutex::default() }
    }
}

impl Fetched {
    /// The keys of `url`, where they are known and one of them is meant by `kid` and `algorithm`.
    pub fn kept(&self, url: &str, kid: &str, algorithm: Algorithm) -> Option<KeySet> {
        let now = Instant::now();
        let mut kept = lock(&self.kept);
        kept.retain(|_, kept| kept.until > now);
        let keys = &kept.get(url)?.keys;
        keys.find(kid, algorithm).is_some().then(|| keys.clone())
    }

    /// Those that are at `url` now.
    ///
    /// # Errors
    /// `Io` where they cannot be fetched, with the reason.
    pub fn fetch(&self, url: &str) -> Result<KeySet> {
        let now = Instant::now();
        let (keys, lifetime) = self.get(url).map_err(|reason| {
            Error::new(Kind::Io, format!("the keys at {url} could not be fetched: {reason}"))
        })?;
        let mut kept = lock(&self.kept);
        kept.insert(url.to_owned(), Kept { keys: keys.clone(), until: now + lifetime });
        Ok(keys)
    }

    fn get(&self, url: &str) -> std::result::Result<(KeySet, Duration), String> {
        check_url(url)?;
        let mut request = self.agent.get(url).header("Accept", "application/json");
        if is_here(url) {
            // No proxy knows what is on this machine.
            request = request.config().proxy(None).build();
        }
        let mut response = request.call().map_err(|error| error.to_string())?;
        if response.status() != 200 {
            return Err(format!("the answer is {}", response.status()));
        }
        let lines = response.headers().get_all("cache-control").iter();
        let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
        let lifetime = lifetime(&lines.join(","));
        let body = response.body_mut().with_config().limit(MOST).read_to_string();
        let text = body.map_err(|error| error.to_string())?;
        Ok((KeySet::parse(&text)?, lifetime))
    }
}

/// How long an answer may be kept: <https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2>
fn lifetime(cache_control: &str) -> Duration {
    let mut lifetime = USUAL;
    for directive in cache_control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                let seconds = seconds.trim_matches('"').parse().unwrap_or(0);
                lifetime = Duration::from_secs(seconds).min(LONGEST);
            }
            Some(("no-cache", _)) => return Duration::ZERO,
            None if directive == "no-store" || directive == "no-cache" => return Duration::ZERO,
            _ => {}
        }
    }
    lifetime
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_no_longer_than_their_client_says() {
        for (header, seconds) in [
            ("", 60),
            ("public", 60),
            ("max-age=5", 5),
            ("public, Max-Age=\"7\"", 7),
            ("max-age=86400", 300),
            ("max-age=-1", 0),
            ("no-store", 0),
            ("max-age=9, no-cache", 0),
        ] {
            assert_eq!(lifetime(header), Duration::from_secs(seconds), "{header}");
        }
    }

    #[test]
    fn urls_without_tls_are_for_this_machine_only() {
        for right in [
            "https://a.example/jwks",
            "http://127.0.0.1:9/x",
            "http://localhost",
            "http://[::1]:80/",
        ] {
            assert_eq!(check_url(right), Ok(()), "{right}");
        }
        for wrong in [
            "http://a.example/jwks",
            "http://127.0.0.1.example/",
            "http://localhost@a.example/",
            "http://127.0.0.1:9@a.example/",
            "file:///etc/passwd",
            "https://",
            "https:///a",
            "https://a b",
            "ftp://127.0.0.1/",
        ] {
            assert!(check_url(wrong).is_err(), "{wrong}");
        }
    }
}
