//! Signed file names: each is a JWT that names a range of versions in a snapshot.
//!
//! The signature is HS256 with the store's own key, so a name survives a restart and means nothing to
//! another store. The mark of the snapshot tells a store from its copies, which have the same key. Only one JWT header is accepted: a client cannot choose another algorithm.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::file::{Content, File, Purpose};
use super::filter::ExportFilter;
use super::shape::ResourceShape;
use crate::error::{Error, Kind, Result};
use crate::store::{Reach, Selection, Snapshot, VisibleStore};
use crate::time::Instant;

const HEADER: &[u8] = br#"{"typ":"JWT","alg":"HS256"}"#;

/// The claims in a file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileClaims {
    /// The number of the first version, in hexadecimal.
    start: String,
    /// The number of the last version, in hexadecimal.
    end: String,
    /// The number of versions.
    total: u64,
    /// The reach of the client: the `oneup_user_id` of a user, `open` on an open server.
    #[serde(rename = "userId")]
    user_id: String,
    /// The type.
    #[serde(rename = "type")]
    resource_type: String,
    /// The number of the snapshot.
    snapshot: i64,
    /// The mark of the snapshot's history, so that the name means nothing in a copy that went on by
    /// itself. Names that were signed before format 4 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mark: Option<String>,
    /// `_since`, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// `_until`, in microseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// The base that makes relative URLs of attachments absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<String>,
    /// The number of bytes, where `base` is given: what it makes absolute depends on other resources, which
    /// the store may no longer have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// The id of the export, if an audit records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export: Option<String>,
}

impl FileClaims {
    /// The claims for a file of `snapshot`, its attachments absolute on `base`. `None` for a file that
    /// is not a range. `mark` is the mark of the snapshot, `export` the id that the files of one export
    /// share.
    pub fn of(
        file: &File,
        snapshot: &Snapshot,
        mark: &str,
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
            mark: Some(mark.to_owned()),
            since: since.map(Instant::micros),
            until: until.map(Instant::micros),
            base: base.map(str::to_owned),
            bytes: base.map(|_| file.bytes),
            export: export.map(str::to_owned),
        })
    }

    /// The id that the files of one export share.
    pub fn export(&self) -> Option<&str> {
        self.export.as_deref()
    }

    /// Opens the file. `None` if the store no longer has all of it, or never had: it is a copy that
    /// went on by itself, or was set back to one.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn open(&self, seen: &VisibleStore) -> Result<Option<(Snapshot, File, ResourceShape)>> {
        let snapshot = seen.snapshot_at(self.snapshot, Instant::default());
        if !snapshot.has_mark(self.mark.as_deref())? {
            return Ok(None);
        }
        let number = |text: &str| i64::from_str_radix(text, 16).ok();
        let Some((first, last)) = number(&self.start).zip(number(&self.end)) else {
            return Ok(None);
        };
        let filter = ExportFilter {
            since: self.since.map(Instant::from_micros),
            until: self.until.map(Instant::from_micros),
            ..ExportFilter::default()
        };
        let selection = filter.selection(&self.resource_type, first, last);
        let shape =
            ResourceShape { attachments_base: self.base.clone(), ..ResourceShape::default() };
        let total = snapshot.total(&selection)?.filter(|total| total.count == self.total);
        let Some(total) = total else { return Ok(None) };
        let bytes = shape.bytes_of(&snapshot, &selection, &total)?;
        // A name that was signed before it had its bytes is good where no attachment matters.
        let is_same = match self.bytes {
            Some(signed) => signed == bytes,
            None => shape.base_size() == 0 || !snapshot.has_relative_urls(&selection)?,
        };
        if !is_same {
            return Ok(None);
        }
        let file = File {
            purpose: Purpose::Output,
            name: format!("{}.ndjson", self.resource_type),
            resource_type: Some(self.resource_type.clone()),
            count: total.count,
            bytes,
            continues_in: None,
            content: Content::Range(selection),
        };
        Ok(Some((snapshot, file, shape)))
    }
}

/// Signs and verifies file names with the key of a store.
#[derive(Clone)]
pub struct Signer(Hmac<Sha256>);

impl Signer {
    /// A signer with the key of a store.
    ///
    /// # Errors
    /// `Internal` for a key that HMAC refuses; it takes every key of 32 bytes.
    pub fn new(key: &[u8]) -> Result<Signer> {
        let hmac = Hmac::new_from_slice(key).map_err(|error| {
            Error::caused(Kind::Internal, format!("the signing key: {error}"), error)
        })?;
        Ok(Signer(hmac))
    }

    /// The file name for `claims`, without `.ndjson`.
    ///
    /// # Errors
    /// `Internal` if the claims cannot be written as JSON.
    pub fn sign(&self, claims: &FileClaims) -> Result<String> {
        let payload = serde_json::to_vec(claims)
            .map_err(|error| Error::caused(Kind::Internal, "claims", error))?;
        let signed = format!("{}.{}", BASE64URL.encode(HEADER), BASE64URL.encode(payload));
        let signature = self.0.clone().chain_update(&signed).finalize().into_bytes();
        Ok(format!("{signed}.{}", BASE64URL.encode(signature)))
    }

    /// The claims of a file name that this store signed for this type and reach.
    ///
    /// # Errors
    /// `Forbidden` if it did not. The message does not tell which of the checks failed.
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
        // Compares in constant time.
        self.0.clone().chain_update(signed).verify_slice(&signature).ok()?;
        if BASE64URL.decode(header).ok()? != HEADER {
            return None;
        }
        serde_json::from_slice(&BASE64URL.decode(payload).ok()?).ok()
    }
}
