//! The HTTPS client that fetches published keys: in builds with the cargo feature `jwks-url`.
//!
//! `https_off.rs` stands in for this file in builds without it.

use std::sync::LazyLock;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// How long a whole exchange may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a body.
const MOST: u64 = 256 * 1024;

/// The one client, which trusts the certificates that the system trusts. It blocks.
static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    let tls = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build();
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        // The registered URL is trusted, not a URL that it redirects to.
        .max_redirects(0)
        .tls_config(tls)
        .build();
    config.into()
});

/// Says whether this build can fetch keys: it can.
///
/// # Errors
/// None in this build.
pub fn check_feature() -> Result<(), String> {
    Ok(())
}

/// GETs JSON from `url`, past any proxy if `is_local`: the body of a `200` response, and its
/// `Cache-Control` headers, joined with commas.
///
/// # Errors
/// Why there is no such response.
pub fn get(url: &str, is_local: bool) -> Result<(String, String), String> {
    let mut request = AGENT.get(url).header("Accept", "application/json");
    if is_local {
        request = request.config().proxy(None).build();
    }
    let mut response = request.call().map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the answer is {}", response.status()));
    }
    let lines = response.headers().get_all("cache-control").iter();
    let lines: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let cache_control = lines.join(",");
    let body = response.body_mut().with_config().limit(MOST).read_to_string();
    Ok((body.map_err(|error| error.to_string())?, cache_control))
}
