//! nginx, which serves a folder on a free port of this machine: the limit of downloads.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::sample::Result;
use super::server::Server;

/// How long nginx may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// The version of nginx; `None` where it is missing.
pub fn version() -> Option<String> {
    let output = Command::new("nginx").arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Some(text.rsplit_once(' ').map_or(text.clone(), |(_, version)| version.replace('/', " ")))
}

/// Serves the files of `folder`, with `sendfile`, and with gzip for those who ask.
pub fn start(folder: &Path) -> Result<Server> {
    let free = TcpListener::bind("127.0.0.1:0")?;
    let address = free.local_addr()?.to_string();
    drop(free);
    let at = folder.display();
    let config = folder.join("nginx.conf");
    std::fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {at}/nginx.pid; error_log {at}/nginx.log;
             events {{ worker_connections 64; }}
             http {{
               access_log off; sendfile on; gzip on; gzip_comp_level 1; gzip_types *;
               default_type application/fhir+ndjson;
               client_body_temp_path {at}/t; proxy_temp_path {at}/t; fastcgi_temp_path {at}/t;
               uwsgi_temp_path {at}/t; scgi_temp_path {at}/t;
               server {{ listen {address}; root {at}; }}
             }}"
        ),
    )?;
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&config).arg("-e").arg(folder.join("nginx.log"));
    let process = command.stderr(Stdio::null()).spawn()?;
    let server = Server::new(process, address.clone());
    let started = Instant::now();
    while TcpStream::connect(&address).is_err() {
        if started.elapsed() > PATIENCE {
            return Err("nginx does not listen".into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}
