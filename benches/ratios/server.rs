//! A server of fhirlite, and the few requests that are measured. The client is the same for every server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::sample::{Result, Sample, measured_in};
use super::sizes::Bench;

/// The pause between two looks at a job.
const LOOK: Duration = Duration::from_millis(1);
/// The bytes that the client takes at once.
const READ: usize = 256 << 10;

/// A running program that answers HTTP; it ends when this is dropped.
pub struct Server {
    process: Child,
    /// `host:port`.
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// A server that runs already.
    pub fn new(process: Child, address: String) -> Server {
        Server { process, address }
    }

    /// Serves a store with fhirlite.
    pub fn start(bench: &Bench, store: &Path) -> Result<Server> {
        let mut command = bench.command("serve", store);
        let mut process =
            command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://").ok_or("not listening")?;
        Ok(Server { process, address: address.to_owned() })
    }

    fn ask(&self, path: &str, headers: &str) -> Result<TcpStream> {
        let mut socket = TcpStream::connect(&self.address)?;
        write!(
            socket,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        )?;
        Ok(socket)
    }

    /// The head and the body of a short answer.
    fn answer(&self, path: &str, headers: &str) -> Result<(String, String)> {
        let mut text = String::new();
        self.ask(path, headers)?.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no head")?;
        Ok((head.to_owned(), body.to_owned()))
    }

    /// Runs an export; the `type` and the path of each of its files.
    pub fn export(&self, path: &str) -> Result<Vec<(String, String)>> {
        let (accepted, _) = self.answer(path, "Prefer: respond-async\r\n")?;
        let location = accepted.lines().find_map(|line| line.strip_prefix("Content-Location: "));
        let location = location.ok_or(format!("{path} is not accepted: {accepted}"))?;
        let status = &location[location.find("/fhir").ok_or("not below /fhir")?..];
        loop {
            let (head, body) = self.answer(status, "")?;
            if head.starts_with("HTTP/1.1 202 ") {
                thread::sleep(LOOK);
                continue;
            }
            let manifest: Value = serde_json::from_str(&body)?;
            let files = manifest["output"].as_array().ok_or("no output")?;
            let path_of = |file: &Value| {
                let url = file["url"].as_str()?;
                let resource_type = file["type"].as_str().unwrap_or_default();
                Some((resource_type.to_owned(), url[url.find("/fhir")?..].to_owned()))
            };
            return Ok(files.iter().filter_map(path_of).collect());
        }
    }

    /// Measures an export from its kick-off to its manifest.
    pub fn measured_export(&self, path: &str) -> Result<Sample> {
        measured_in(&self.process, || self.export(path).map(drop))
    }

    /// Measures what the server does while `work` goes on.
    pub fn measured(&self, work: impl FnOnce() -> Result<()>) -> Result<Sample> {
        measured_in(&self.process, work)
    }

    /// Measures a download whose bytes go nowhere.
    pub fn measured_download(&self, path: &str, headers: &str) -> Result<Sample> {
        measured_in(&self.process, || self.download(path, headers, &mut std::io::sink()))
    }

    /// Writes the answer's body to `to`; a chunked one as it is.
    pub fn download(&self, path: &str, headers: &str, to: &mut dyn Write) -> Result<()> {
        let mut socket = self.ask(path, headers)?;
        let mut buffer = vec![0; READ];
        let mut head = Vec::new();
        let behind_head = loop {
            let count = socket.read(&mut buffer)?;
            head.extend_from_slice(&buffer[..count]);
            let end = head.windows(4).position(|four| four == b"\r\n\r\n");
            match end {
                Some(end) => break end + 4,
                None if count == 0 => return Err("no head".into()),
                None => {}
            }
        };
        if !head.starts_with(b"HTTP/1.1 200 ") {
            return Err(String::from_utf8_lossy(&head).into());
        }
        to.write_all(&head[behind_head..])?;
        loop {
            match socket.read(&mut buffer)? {
                0 => return Ok(()),
                count => to.write_all(&buffer[..count])?,
            }
        }
    }
}
