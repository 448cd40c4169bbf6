//! A part of a file, named by the query of its URL: some of its rows, copies of them, or these rows as deletions.
//!
//! A manifest that lists more files than there are names parts, so nothing is kept or copied. This file
//! does not change rows otherwise.

use std::ops::Range;

use serde::Deserialize;

use super::notices::{deletion, line};
use super::urls::without_parameter;

const ROWS: &str = "_rows";
const COPIES: &str = "_copies";
const AS_DELETIONS: &str = "_as";
const DELETIONS: &str = "deletions";

/// A part of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowPart {
    /// How often each row is there; `None` for once. Copies have other ids (`copies.rs`), and count as rows.
    pub copies: Option<u64>,
    /// The numbers of its rows, from 0; `None` for all of them.
    pub rows: Option<Range<u64>>,
    /// Whether each row is sent as the deletion of its resource.
    pub is_deletions: bool,
}

impl RowPart {
    /// The query that names the part; empty for the whole file.
    pub fn to_query(&self) -> String {
        let copies = self.copies.map(|copies| format!("{COPIES}={copies}"));
        let rows = self.rows.as_ref().map(|rows| format!("{ROWS}={}-{}", rows.start, rows.end));
        let form = self.is_deletions.then(|| format!("{AS_DELETIONS}={DELETIONS}"));
        [copies, rows, form].into_iter().flatten().collect::<Vec<_>>().join("&")
    }

    /// The part that a decoded query names; the whole file where it names none.
    pub fn of_query(query: &[(String, String)]) -> RowPart {
        let value = |name| query.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let range = |text: &String| {
            let (start, end) = text.split_once('-')?;
            Some(start.parse().ok()?..end.parse().ok()?)
        };
        RowPart {
            copies: value(COPIES).and_then(|copies| copies.parse().ok()),
            rows: value(ROWS).and_then(range),
            is_deletions: value(AS_DELETIONS).is_some_and(|form| form == DELETIONS),
        }
    }

    /// Takes the part out of a URL; the rest of its query stays.
    pub fn taken_from(url: &mut String) -> RowPart {
        let Some((_, query)) = url.split_once('?') else { return RowPart::default() };
        let query: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let part = RowPart::of_query(&query);
        for name in [COPIES, ROWS, AS_DELETIONS] {
            *url = without_parameter(url, name);
        }
        part
    }

    /// True for a part that is the whole file as it is.
    pub fn is_whole(&self) -> bool {
        *self == RowPart::default()
    }

    /// True if the row with this number belongs to the part.
    pub fn has_row(&self, number: u64) -> bool {
        self.rows.as_ref().is_none_or(|rows| rows.contains(&number))
    }

    /// The line of a row, as the part has it.
    pub fn line_of(&self, row: &[u8]) -> Vec<u8> {
        match serde_json::from_slice::<DeletedHead>(row) {
            Ok(head) if self.is_deletions => {
                line(&deletion(&format!("{}/{}", head.resource_type, head.id)))
            }
            _ => [row, b"\n"].concat(),
        }
    }
}

/// What a deletion needs of a resource.
#[derive(Deserialize)]
struct DeletedHead {
    #[serde(rename = "resourceType")]
    resource_type: String,
    id: String,
}
