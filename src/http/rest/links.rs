//! The links of a page: the search as it was applied, and the page behind it.
//!
//! <https://hl7.org/fhir/R4/search.html#conformance>: `self` has the parameters that were applied.
//! <https://hl7.org/fhir/R4/http.html#paging>: `next` is opaque to clients. Its `_snapshot` names the snapshot, `_after` the
//! last version before the page. Neither gives a caller more than the caller may see.

use std::collections::BTreeSet;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::form::parse_form;
use crate::http::message::Request;
use crate::http::secrets::is_secret;
use crate::store::Snapshot;

/// The parameter of ours that names the snapshot of a page.
pub(super) const SNAPSHOT: &str = "_snapshot";
/// The parameter of ours that names the last version before a page.
pub(super) const AFTER: &str = "_after";
/// The parameter of ours that names the write that a page of a history ends before.
pub(super) const BEFORE: &str = "_before";

/// The digits of a snapshot's mark that a link has.
const MARK_DIGITS: usize = 16;

/// The snapshot that a link names; without a name the store as it is now.
///
/// # Errors
/// `Invalid` for what no link has, `Gone` where the store does not have the snapshot any more.
pub(super) fn snapshot(
    authenticated: &AuthenticatedRequest<'_>,
    name: Option<&str>,
) -> Result<Snapshot> {
    let Some(name) = name else { return authenticated.seen.latest() };
    let is_mark =
        |mark: &&str| mark.len() == MARK_DIGITS && mark.bytes().all(|b| b.is_ascii_hexdigit());
    let parts = name.split_once('-').filter(|(_, mark)| is_mark(mark));
    let read = parts.and_then(|(seq, mark)| Some((seq.parse().ok()?, mark)));
    let Some((seq, mark)) = read else { return Err(wrong_link(SNAPSHOT, name)) };
    authenticated.seen.earlier(seq, mark)?.ok_or_else(gone)
}

/// The name of a snapshot in links.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn name_of(snapshot: &Snapshot) -> Result<String> {
    Ok(format!("{}-{}", snapshot.seq(), &snapshot.mark()?[..MARK_DIGITS]))
}

/// A parameter of ours has a value that no link has.
pub(super) fn wrong_link(name: &str, value: &str) -> Error {
    Error::new(Kind::Invalid, format!("{name} {:?} should be as a link has it", short(value)))
}

/// The store does not have the snapshot of a page any more.
pub(super) fn gone() -> Error {
    let what = "the store no longer has all that the first page saw: it was pruned since, or set back to an earlier \
                copy; begin again with the first page";
    Error::new(Kind::Gone, what)
}

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
    /// The URL of the page that `request` asks for, as it was applied; of a POST the same as a GET. `base` is that of
    /// URLs in the answer.
    pub(super) fn own(&self, request: &Request, base: &str) -> String {
        if request.method != "POST" {
            return format!("{base}{}", without(&request.target, self.ignored));
        }
        let pairs: Vec<String> = self.pairs().map(|(_, pair)| pair).collect();
        if pairs.is_empty() {
            self.url.to_owned()
        } else {
            format!("{}?{}", self.url, pairs.join("&"))
        }
    }

    /// Another page: these parameters of ours name its place. The first page has told the total, if it was asked for.
    pub(super) fn page(&self, place: &[(&str, &str)]) -> String {
        let is_of_place = |name: &str| place.iter().any(|(ours, _)| *ours == name);
        let is_repeated = |(name, pair): &(&str, String)| {
            !is_of_place(name) && (*name != "_total" || pair.ends_with("=none"))
        };
        let repeated = self.pairs().filter(is_repeated).map(|(_, pair)| pair);
        let place = place.iter().map(|(name, value)| format!("{name}={value}"));
        let pairs: Vec<String> = repeated.chain(place).collect();
        format!("{}?{}", self.url, pairs.join("&"))
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
fn without(target: &str, ignored: &BTreeSet<String>) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let is_kept =
        |pair: &&str| parse_form(pair.as_bytes()).iter().all(|(name, _)| !ignored.contains(name));
    match query.split('&').filter(is_kept).collect::<Vec<_>>().join("&") {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}
