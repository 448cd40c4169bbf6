//! The options of `fhirlite serve` for TLS.

use std::path::PathBuf;

use fhirlite::{Result, Tls};

use super::output::tell;
use super::signals::HangUp;

#[derive(clap::Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Speak TLS 1.2 and 1.3, with the certificate in this PEM file; SIGHUP reloads it
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, as a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Speak TLS with a certificate for this run alone, and print its fingerprint
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    tls_self_signed: bool,
}

impl TlsArgs {
    /// The certificate, if the server shall have one. One that is made for this run is for `hosts` too.
    ///
    /// # Errors
    /// Those of [`Tls::of_files`] and [`Tls::self_signed`].
    pub fn tls(&self, hosts: Vec<String>) -> Result<Option<Tls>> {
        if let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) {
            return Tls::of_files(certificate, key).map(Some);
        }
        if !self.tls_self_signed {
            return Ok(None);
        }
        let tls = Tls::self_signed(hosts)?;
        tell(format_args!(
            "the certificate for this run: sha256 Fingerprint={}",
            tls.fingerprint()
        ));
        Ok(Some(tls))
    }

    /// What SIGHUP does.
    pub fn hang_up(&self) -> HangUp {
        if self.tls_cert.is_some() { HangUp::Reloads } else { HangUp::Ends }
    }
}
