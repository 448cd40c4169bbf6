//! Keys that a client publishes at its own URL, fetched when an assertion needs them.
//!
//! They are cached for as long as the response's `Cache-Control` says, and for a few minutes at most.
//! They are fetched again when an assertion names a key that is not among them, so that a client can
//! change its keys at any time. Assertions that name no key of the client cannot make this server fetch
//! without limit: after some fetches a URL is fetched once a second, and what that yields serves everyone
//! within the second.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::https::{self, check_feature};
use super::keys::{Algorithm, KeySet};
use super::turns::{TurnBudget, TurnRate};
use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// How long keys are cached if the response does not say.
const USUAL_LIFETIME: Duration = Duration::from_secs(60);
/// How long keys are cached at most.
const LONGEST_LIFETIME: Duration = Duration::from_secs(300);

/// How often the keys at one URL are fetched.
const FETCHES: TurnRate = TurnRate { most: 10.0, per_second: 1.0 };

/// Checks the URL at which a client publishes its keys.
///
/// # Errors
/// What is wrong with it: it must use TLS, except on this machine. Also a build without an HTTPS client.
pub fn check_url(url: &str) -> std::result::Result<(), String> {
    check_form(url)?;
    check_feature()
}

fn check_form(url: &str) -> std::result::Result<(), String> {
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
        None if is_local(url) => Ok(()),
        _ => Err(wrong()),
    }
}

/// True for an `http://` URL on this machine.
fn is_local(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    matches!(host, "127.0.0.1" | "localhost" | "[::1]")
}

/// The published keys of all clients, by URL. Only URLs that an operator registered get in.
#[derive(Default)]
pub struct PublishedKeys(Mutex<HashMap<String, FetchedKeys>>);

/// What is known of one URL.
struct FetchedKeys {
    /// What the last fetch yielded, if it succeeded.
    keys: Option<KeySet>,
    /// How long the keys serve assertions that name one of them.
    until: Instant,
    fetches: TurnBudget,
}

impl PublishedKeys {
    /// The keys at `url`: the cached ones where one of them matches `kid` and `algorithm`, else those that
    /// a fetch yields.
    ///
    /// # Errors
    /// `Io` where they cannot be fetched, with the reason.
    pub fn keys(&self, url: &str, kid: &str, algorithm: Algorithm) -> Result<KeySet> {
        let now = Instant::now();
        {
            let mut all = lock(&self.0);
            let known = all.entry(url.to_owned()).or_insert_with(|| FetchedKeys {
                keys: None,
                until: now,
                fetches: TurnBudget::all(FETCHES, now),
            });
            let is_named = |keys: &&KeySet| keys.find(kid, algorithm).is_some();
            let cached = known.keys.as_ref().filter(|_| known.until > now).filter(is_named);
            if let Some(keys) = cached {
                return Ok(keys.clone());
            }
            if !known.fetches.take(FETCHES, now) {
                let latest = known.keys.clone();
                return latest.ok_or_else(|| Error::new(Kind::Io, "the keys could not be fetched"));
            }
        }
        let fetched = get(url);
        if let Some(known) = lock(&self.0).get_mut(url) {
            known.keys = fetched.as_ref().ok().map(|(keys, _)| keys.clone());
            known.until = now + fetched.as_ref().map_or(Duration::ZERO, |(_, lifetime)| *lifetime);
        }
        fetched.map(|(keys, _)| keys).map_err(|reason| {
            Error::new(Kind::Io, format!("the keys at {url} could not be fetched: {reason}"))
        })
    }
}

fn get(url: &str) -> std::result::Result<(KeySet, Duration), String> {
    check_url(url)?;
    let (body, cache_control) = https::get(url, is_local(url))?;
    Ok((KeySet::parse(&body)?, lifetime(&cache_control)))
}

/// How long a response may be cached: <https://www.rfc-editor.org/rfc/rfc9111#section-5.2.2>
fn lifetime(cache_control: &str) -> Duration {
    let mut lifetime = USUAL_LIFETIME;
    for directive in cache_control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => {
                let seconds = seconds.trim_matches('"').parse().unwrap_or(0);
                lifetime = Duration::from_secs(seconds).min(LONGEST_LIFETIME);
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
    fn keys_are_cached_no_longer_than_their_client_says() {
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
            assert_eq!(check_form(right), Ok(()), "{right}");
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
            assert!(check_form(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(not(feature = "jwks-url"))]
    #[test]
    fn a_build_without_an_https_client_names_the_feature() {
        let reason = check_url("https://a.example/jwks").unwrap_err();
        assert!(reason.contains("`jwks-url`"), "{reason}");
        let error = PublishedKeys::default()
            .keys("https://a.example/jwks", "k", Algorithm::Rs384)
            .unwrap_err();
        assert!(error.to_string().contains("`jwks-url`"), "{error}");
    }
}
