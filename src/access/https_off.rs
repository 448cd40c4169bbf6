//! What stands in for the HTTPS client in builds without the cargo feature `jwks-url`.

/// Says whether this build can fetch keys: it cannot.
///
/// # Errors
/// Always, naming the cargo feature that is missing.
pub fn check_feature() -> Result<(), String> {
    Err("this build of fhirlite cannot fetch keys: its cargo feature `jwks-url` is off".to_owned())
}

/// Fetches nothing.
///
/// # Errors
/// Always that of [`check_feature`].
pub fn get(_url: &str, _is_local: bool) -> Result<(String, String), String> {
    check_feature().map(|()| Default::default())
}
