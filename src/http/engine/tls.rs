//! The certificate with which a server speaks TLS: from files that can be read anew, or made for one run.
//!
//! TLS 1.2 (<https://www.rfc-editor.org/rfc/rfc5246>) and 1.3 (<https://www.rfc-editor.org/rfc/rfc8446>), by
//! rustls. `tls_stream` has the connections, and `tls_off.rs` stands in for this file in builds without the cargo
//! feature `tls`. Clients do not authenticate by certificates here.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection};
use sha2::{Digest, Sha256};
use socket2::Socket;

use super::stream::Stream;
use super::tls_stream::TlsStream;
use crate::error::{Error, Kind, Result};
use crate::sync::lock;

/// The one protocol that is spoken inside: <https://www.rfc-editor.org/rfc/rfc7301>.
const PROTOCOL: &[u8] = b"http/1.1";
/// The names that a certificate for one run has in any case.
const OWN_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The certificate and the key with which a server speaks TLS 1.2 and 1.3. Clones share them.
#[derive(Clone)]
pub struct Tls(Arc<SharedCertificate>);

struct SharedCertificate {
    /// The files of the certificate and of the key; `None` for a certificate that was made for one run.
    files: Option<(PathBuf, PathBuf)>,
    /// What new connections get.
    current: Mutex<Identity>,
}

#[derive(Clone)]
struct Identity {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

impl Tls {
    /// Takes the certificate, with those that vouch for it behind it, and its key from two PEM files.
    ///
    /// # Errors
    /// `Usage` where a file cannot be read or lacks what it should have, or where the key is another
    /// certificate's.
    pub fn of_files(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Tls> {
        let files = (certificate.into(), key.into());
        let identity = read(&files.0, &files.1)?;
        Ok(Tls(Arc::new(SharedCertificate { files: Some(files), current: Mutex::new(identity) })))
    }

    /// Makes a key and a certificate that nobody vouches for. They are in memory alone. The certificate is for
    /// localhost, 127.0.0.1, ::1 and `names`, which are names or addresses of this server.
    ///
    /// # Errors
    /// `Usage` for a name that cannot be one, `Internal` where no key can be made.
    pub fn self_signed(names: impl IntoIterator<Item = String>) -> Result<Tls> {
        let mut all: Vec<String> = OWN_NAMES.map(str::to_owned).into();
        for name in names {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let failed = |error: rcgen::Error| {
            Error::new(Kind::Internal, format!("no certificate could be made: {error}"))
        };
        let mut parameters = rcgen::CertificateParams::new(all.clone()).map_err(|error| {
            let what = format!("no certificate can be made for {}: {error}", all.join(", "));
            Error::new(Kind::Usage, what)
        })?;
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "fhirlite, for one run");
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let certificate = parameters.self_signed(&key).map_err(failed)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let identity = identity(vec![certificate.der().clone()], key)
            .map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
        Ok(Tls(Arc::new(SharedCertificate { files: None, current: Mutex::new(identity) })))
    }

    /// Reads the files anew. Connections from now on get what they hold. A certificate that was made for one run
    /// stays.
    ///
    /// # Errors
    /// As [`Tls::of_files`]. Then the old certificate stays.
    pub fn reload(&self) -> Result<()> {
        if let Some((certificate, key)) = &self.0.files {
            let identity = read(certificate, key)?;
            *lock(&self.0.current) = identity;
        }
        Ok(())
    }

    /// The SHA-256 fingerprint of the certificate, as `openssl x509 -fingerprint -sha256` writes it: bytes in
    /// hexadecimal, with colons between them.
    pub fn fingerprint(&self) -> String {
        lock(&self.0.current).fingerprint.clone()
    }

    /// A stream over a new connection.
    pub(super) fn stream(&self, socket: Arc<Socket>) -> std::io::Result<Box<dyn Stream>> {
        let config = lock(&self.0.current).config.clone();
        let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
        Ok(Box::new(TlsStream::new(socket, session)))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.fingerprint())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Identity> {
    let usage = |what: String| Error::new(Kind::Usage, what);
    let bytes = |path: &Path| {
        fs::read(path).map_err(|error| usage(Error::io(path.display(), error).to_string()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes(certificate)?)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| usage(format!("{}: no PEM file: {error}", certificate.display())))?;
    if chain.is_empty() {
        return Err(usage(format!(
            "{}: there is no certificate in it; a PEM file has lines such as -----BEGIN CERTIFICATE-----",
            certificate.display()
        )));
    }
    // The cause could show a part of the key.
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?).map_err(|_| {
        usage(format!(
            "{}: there is no private key in it that can be read; a PEM file has lines such as \
             -----BEGIN PRIVATE KEY-----, and the key must not be encrypted",
            key.display()
        ))
    })?;
    identity(chain, private).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => usage(format!(
            "{}: this is not the key of the certificate in {}; name the two that belong together",
            key.display(),
            certificate.display()
        )),
        error => usage(format!(
            "{} and {}: no TLS with these: {error}",
            certificate.display(),
            key.display()
        )),
    })
}

fn identity(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> std::result::Result<Identity, rustls::Error> {
    let fingerprint = chain.first().map(|first| fingerprint(first)).unwrap_or_default();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(Identity { config: Arc::new(config), fingerprint })
}

fn fingerprint(certificate: &[u8]) -> String {
    let bytes: Vec<String> =
        Sha256::digest(certificate).iter().map(|byte| format!("{byte:02X}")).collect();
    bytes.join(":")
}
