//! The links of a page: the search as it was applied, and the page behind it.
//!
//! <https://hl7.org/fhir/R4/search.html#conformance>: `self` has the parameters that were applied.
//! <https://hl7.org/fhir/R4/http.html#paging>: `next` is opaque to clients. Its `_at` names the snapshot, `_after` the
//! last version before the page. Neither gives a caller more than the caller may see.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::form::parse_form;
use crate::http::secrets::is_secret;

/// The parameter of ours that names the snapshot of a page.
pub(super) const AT: &str = "_at";
/// The parameter of ours that names the last version before a page.
pub(super) const AFTER: &str = "_after";

/// What the links of a page are made of.
pub(super) struct PageLinks<'l> {
    /// The URL of the search without parameters.
    pub(super) url: &'l str,
    /// The parameters, decoded.
    pub(super) query: &'l [(String, String)],
    /// The names of parameters that are not applied.
    pub(super) ignored: &'l BTreeSet<String>,
}

impl PageLinks<'_> {
    /// The search as a GET.
    pub(super) fn own(&self) -> String {
        let pairs: Vec<String> = self.pairs().map(|(_, pair)| pair).collect();
        if pairs.is_empty() {
            self.url.to_owned()
        } else {
            format!("{}?{}", self.url, pairs.join("&"))
        }
    }

    /// The page of the snapshot `at` that begins after the version with the number `after`. The first page has told
    /// the total, if it was asked for.
    pub(super) fn next(&self, at: &str, after: i64) -> String {
        let is_repeated = |(name, pair): &(&str, String)| {
            ![AT, AFTER].contains(name) && (*name != "_total" || pair.ends_with("=none"))
        };
        let pairs: String =
            self.pairs().filter(is_repeated).map(|(_, pair)| format!("{pair}&")).collect();
        format!("{}?{pairs}{AT}={at}&{AFTER}={after}", self.url)
    }

    /// The parameters that are applied, as they stand in a URL.
    fn pairs(&self) -> impl Iterator<Item = (&str, String)> {
        let escaped = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        // The links go to the client that sent the parameters, so they mean the same search.
        let kept = self
            .query
            .iter()
            .filter(|(name, value)| !self.ignored.contains(name) && !is_secret(name, value));
        kept.map(move |(name, value)| {
            (name.as_str(), format!("{}={}", escaped(name), escaped(value)))
        })
    }
}

/// A target as it came, without the parameters of `ignored`.
pub(super) fn without(target: &str, ignored: &BTreeSet<String>) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_kept =
        |pair: &&str| parse_form(pair.as_bytes()).iter().all(|(name, _)| !ignored.contains(name));
    match query.split('&').filter(is_kept).collect::<Vec<_>>().join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}
