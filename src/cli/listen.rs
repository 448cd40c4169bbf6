//! The options of `fhirlite serve` for where it listens, the sockets that systemd hands over, and the proxies before
//! it.

#[cfg(unix)]
use fhirlite::{Error, Kind};
use fhirlite::{Options, Result};

/// Where a server listens that is not told.
const DEFAULT: &str = "127.0.0.1:8080";

#[derive(clap::Args)]
pub struct ListenArgs {
    /// Where to listen: a host and a port, a port of 127.0.0.1 (0 takes a free one), or unix: and the path of
    /// a socket; may be given several times
    ///
    /// Without this option the server takes the sockets that systemd hands over (LISTEN_FDS), and else
    /// 127.0.0.1:8080.
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Trust what this proxy says about its clients in Forwarded or X-Forwarded-For, -Proto and -Host: an
    /// address, a network, or unix for the Unix sockets; may be given several times
    #[arg(long, value_name = "CIDR")]
    trust_proxy: Vec<String>,
}

impl ListenArgs {
    /// The hosts that the addresses name.
    pub fn hosts(&self) -> impl Iterator<Item = String> {
        self.listen.iter().filter(|address| !address.starts_with("unix:")).filter_map(|address| {
            let (host, _port) = address.rsplit_once(':')?;
            host_name(host)
        })
    }

    /// Adds to the options what to listen on, and whom to believe.
    ///
    /// # Errors
    /// `Usage` where systemd hands over something that is no listening socket.
    pub fn add_to(&self, options: Options) -> Result<Options> {
        let options =
            self.trust_proxy.iter().fold(options, |options, network| options.trust_proxy(network));
        if self.listen.is_empty() {
            return add_handed_over(options.listen(DEFAULT));
        }
        let mut listen = self.listen.iter().cloned();
        let first = listen.next().map(|first| options.clone().listen(first)).unwrap_or(options);
        Ok(listen.fold(first, Options::listen_also))
    }
}

/// The name or address that a host is in a URL; `None` for one that stands for every address.
pub fn host_name(host: &str) -> Option<String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_anywhere =
        bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified());
    (!bare.is_empty() && !is_anywhere).then(|| bare.to_owned())
}

/// Replaces what to listen on by the sockets that are handed over to this process, if there are any:
/// <https://www.freedesktop.org/software/systemd/man/latest/sd_listen_fds.html>.
#[cfg(unix)]
fn add_handed_over(options: Options) -> Result<Options> {
    let mut handed_over = listenfd::ListenFd::from_env();
    let mut options = options;
    for number in 0..handed_over.len() {
        let tcp = handed_over.take_tcp_listener(number);
        let unix = handed_over.take_unix_listener(number);
        options = match (tcp, unix) {
            (Ok(Some(tcp)), _) if number == 0 => options.listen(tcp),
            (Ok(Some(tcp)), _) => options.listen_also(tcp),
            (_, Ok(Some(unix))) if number == 0 => options.listen(unix),
            (_, Ok(Some(unix))) => options.listen_also(unix),
            (_, unix) => {
                let what = format!(
                    "file descriptor {} was handed over (LISTEN_FDS) and is neither a TCP nor a Unix stream \
                     socket; look at ListenStream= in the socket unit, or say --listen",
                    number + 3
                );
                return Err(match unix {
                    Err(error) => Error::caused(Kind::Usage, what, error),
                    Ok(_) => Error::new(Kind::Usage, what),
                });
            }
        };
    }
    Ok(options)
}

#[cfg(not(unix))]
fn add_handed_over(options: Options) -> Result<Options> {
    Ok(options)
}
