//! File names as signed ranges: a JWT that says which rows of which snapshot a file is.
//!
//! HS256 with the store's own key, so names survive a restart and mean nothing elsewhere. There is
//! one header, and only it is accepted: no other algorithm can be asked for.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::file::{Content, File, Purpose};
use super::shape::Shape;
use crate::error::{Error, Kind, Result};
use crate::store::{Reach, Seen, Selection, Snapshot};
use crate::time::Instant;

const HEADER: &[u8] = br#"{"typ":"JWT","alg":"HS256"}"#;

/// What a file name says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileClaims {
    /// The first row's number, in hexadecimal.
    start: String,
    /// The last row's.
    end: String,
    /// How many rows.
    total: u64,
    /// For whom: the `oneup_user_id` of a user, `open` where anybody may have everything.
    #[serde(rename = "userId")]
    user_id: String,
    /// Of which type.
    #[serde(rename = "type")]
    resource_type: String,
    /// The snapshot's number.
    snapshot: i64,
    /// Microseconds since 1970: only what was updated after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// … and before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// What relative URLs of attachments are absolute on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// Of which export, where that is written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export: Option<String>,
}

impl FileClaims {
    /// The claims for a file of a snapshot, its attachments absolute on `base`; `None` for a file that
    /// is no range. `export` is what the files of one export share.
    pub fn of(
        file: &File,
        snapshot: &Snapshot,
        base: Option<&str>,
        export: Option<&str>,
    ) -> Option<FileClaims> {
        let Content::Range(Selection { resource_type, since, until, first, last }) = &file.content
        else {
            return None;
        };
        Some(FileClaims {
            start: format!("{first:x}"),
            end: format!("{last:x}"),
            total: file.count,
            user_id: snapshot.reach().to_string(),
            resource_type: resource_type.clone(),
            snapshot: snapshot.seq(),
            since: since.map(Instant::micros),
            until: until.map(Instant::micros),
            base: base.map(str::to_owned),
            export: export.map(str::to_owned),
        })
    }

    /// What the files of its export share.
    pub fn export(&self) -> Option<&str> {
        self.export.as_deref()
    }

    /// The file that is meant; `None` where the store no longer has all of it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open(&self, seen: &Seen) -> Result<Option<(Snapshot, File, Shape)>> {
        let snapshot = seen.snapshot_at(self.snapshot, Instant::default());
        let number = |text: &str| i64::from_str_radix(text, 16).ok();
        let Some((first, last)) = number(&self.start).zip(number(&self.end)) else {
            return Ok(None);
        };
        let selection = Selection {
            resource_type: self.resource_type.clone(),
            since: self.since.map(Instant::from_micros),
            until: self.until.map(Instant::from_micros),
            first,
            last,
        };
        let shape = Shape::on(self.base.clone());
        let total = snapshot.total(&selection)?.filter(|total| total.count == self.total);
        let Some(total) = total else { return Ok(None) };
        let file = File {
            purpose: Purpose::Output,
            name: format!("{}.ndjson", self.resource_type),
            resource_type: Some(self.resource_type.clone()),
            count: total.count,
            bytes: shape.bytes_of(&snapshot, &selection, &total)?,
            continues_in: None,
            content: Content::Range(selection),
        };
        Ok(Some((snapshot, file, shape)))
    }
}

/// Makes and reads file names with one store's key.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// With the key of a store.
    ///
    /// # Errors
    /// Never for a key of 32 bytes.
    pub fn new(key: &[u8]) -> Result<Signer> {
        let hmac = Hmac::new_from_slice(key).map_err(|error| {
            Error::caused(Kind::Internal, format!("the signing key: {error}"), error)
        })?;
        Ok(Signer(hmac))
    }

    /// The name for `claims`, without `.ndjson`.
    ///
    /// # Errors
    /// None that a caller could cause.
    pub fn sign(&self, claims: &FileClaims) -> Result<String> {
        let payload = serde_json::to_vec(claims)
            .map_err(|error| Error::caused(Kind::Internal, "claims", error))?;
        let signed = format!("{}.{}", BASE64URL.encode(HEADER), BASE64URL.encode(payload));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }

    /// What a name says, if it is one of ours for a file of `resource_type`, and for this reach.
    ///
    /// # Errors
    /// `Forbidden`, without saying more than that.
    pub fn verify(&self, name: &str, resource_type: &str, reach: Reach) -> Result<FileClaims> {
        self.read(name)
            .filter(|claims| claims.resource_type == resource_type)
            .filter(|claims| claims.user_id == reach.to_string())
            .ok_or_else(|| {
                let what = "this file name was not signed by this store, was changed, or is for another type or \
                            somebody else; take file URLs from a manifest as they are";
                Error::new(Kind::Forbidden, what)
            })
    }

    fn read(&self, name: &str) -> Option<FileClaims> {
        let (signed, signature) = name.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let signature = BASE64URL.decode(signature).ok()?;
        // In constant time.
        self.0.clone().chain_update(signed).verify_slice(&signature).ok()?;
        if BASE64URL.decode(header).ok()? != HEADER {
            return None;
        }
        serde_json::from_slice(&BASE64URL.decode(payload).ok()?).ok()
    }
}
