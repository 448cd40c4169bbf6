//! Measures imports and exports beside plain copies of the same bytes, and prints ratios: seconds mean nothing on another
//! machine.
//!
//! Run `cargo bench`, or `cargo bench -- 5000` for 5000 patients.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write, copy, sink};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const FHIRLITE: &str = env!("CARGO_BIN_EXE_fhirlite");
/// The rounds of each measurement, of which the fastest counts.
const ROUNDS: usize = 3;

fn main() -> Result<()> {
    let patients =
        std::env::args().filter_map(|arg| arg.parse::<u32>().ok()).next().unwrap_or(1000);
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    run(Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--example", "generate", "--"])
        .args(["--patients", &patients.to_string(), "--format", "ndjson", "--out"])
        .arg(&data)
        .stderr(Stdio::null()))?;
    let input = dir.path().join("all.ndjson");
    let bytes = concatenate(&data, &input)?;
    println!("{patients} patients, {:.1} MB of NDJSON; best of {ROUNDS}\n", bytes as f64 / 1e6);

    let copied = best(|| {
        let to = dir.path().join("copy");
        std::fs::copy(&input, &to)?;
        Ok(File::open(&to)?.sync_all()?)
    })?;
    let store = dir.path().join("s.db");
    let imported = best(|| {
        let _ = std::fs::remove_file(&store);
        run(Command::new(FHIRLITE).arg("import").arg(&store).arg(&input).arg("--quiet"))
    })?;
    let again =
        best(|| run(Command::new(FHIRLITE).arg("import").arg(&store).arg(&input).arg("--quiet")))?;
    tell("cp and fsync of the input", copied, bytes, copied);
    tell("import into a new store", imported, bytes, copied);
    tell("import again (nothing changes)", again, bytes, copied);

    let plain = best(|| over_loopback(&input))?;
    let (mut server, url) = serve(&store)?;
    let files = manifest(&url)?;
    let downloaded = best(|| download(&url, &files, ""))?;
    let packed = best(|| download(&url, &files, "Accept-Encoding: gzip\r\n"))?;
    let kicked_off = best(|| manifest(&url).map(drop))?;
    let mut exports = Vec::new();
    for (what, path) in [
        ("/fhir/$export, to its manifest", "/fhir/$export"),
        ("/fhir/Patient/$export", "/fhir/Patient/$export"),
        ("the same, organized by patient", "/fhir/Patient/$export?organizeOutputBy=Patient"),
        ("/fhir/$export?_elements=id", "/fhir/$export?_elements=id"),
    ] {
        let mut files = Vec::new();
        let planned = best(|| {
            files = job(&url, path)?;
            Ok(())
        })?;
        let fetched = best(|| download(&url, &files, ""))?;
        exports.push((what, planned, fetched));
    }
    server.kill()?;
    server.wait()?;
    println!();
    tell("the input from a file over loopback", plain, bytes, plain);
    tell("download of every file", downloaded, bytes, plain);
    tell("the same with gzip", packed, bytes, plain);
    tell("kick-off, manifest of all types", kicked_off, 0, plain);
    for (what, planned, fetched) in exports {
        tell(what, planned, 0, plain);
        tell("  download of its files", fetched, 0, plain);
    }
    Ok(())
}

fn tell(what: &str, seconds: f64, bytes: u64, base: f64) {
    let speed = match bytes {
        0 => String::new(),
        bytes => format!("{:8.0} MB/s", bytes as f64 / 1e6 / seconds),
    };
    println!("{what:<38} {seconds:8.3} s {:7.2} x {speed}", seconds / base);
}

fn best(mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn run(command: &mut Command) -> Result<()> {
    if command.status()?.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed").into())
}

fn concatenate(folder: &Path, to: &Path) -> Result<u64> {
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.sort();
    let mut out = File::create(to)?;
    let mut bytes = 0;
    for name in names {
        bytes += copy(&mut File::open(name)?, &mut out)?;
    }
    out.sync_all()?;
    Ok(bytes)
}

/// Sends a file over a loopback connection, without HTTP.
fn over_loopback(file: &Path) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let file = file.to_owned();
    let sending = thread::spawn(move || -> std::io::Result<u64> {
        let (mut socket, _) = listener.accept()?;
        copy(&mut File::open(file)?, &mut socket)
    });
    read_all(TcpStream::connect(address)?)?;
    sending.join().map_err(|_| "the sender panicked")??;
    Ok(())
}

fn read_all(socket: TcpStream) -> Result<u64> {
    Ok(copy(&mut BufReader::with_capacity(1 << 20, socket), &mut sink())?)
}

fn serve(store: &Path) -> Result<(Child, String)> {
    let mut command = Command::new(FHIRLITE);
    command.arg("serve").arg(store).args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().ok_or("no stdout")?;
    BufReader::new(stdout).read_line(&mut line)?;
    let url = line.trim().strip_prefix("listening on ").ok_or("not listening")?.to_owned();
    Ok((child, url))
}

fn ask(url: &str, path: &str, headers: &str) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(url.trim_start_matches("http://"))?;
    write!(socket, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")?;
    Ok(socket)
}

/// Runs an export in the 1upHealth dialect; the paths of its files.
fn manifest(url: &str) -> Result<Vec<String>> {
    let mut text = String::new();
    ask(url, "/bulk-data/r4/$export", "")?.read_to_string(&mut text)?;
    let body = text.split("\r\n\r\n").nth(1).ok_or("no body")?;
    let manifest: serde_json::Value = serde_json::from_str(body)?;
    let files = manifest["output"].as_array().ok_or("no output")?;
    let urls = files.iter().filter_map(|file| file["url"].as_str());
    Ok(urls.filter_map(|url| Some(url[url.find("/bulk-data")?..].to_owned())).collect())
}

/// Runs an asynchronous export; the paths of its files.
fn job(url: &str, path: &str) -> Result<Vec<String>> {
    let mut accepted = String::new();
    ask(url, path, "Prefer: respond-async\r\n")?.read_to_string(&mut accepted)?;
    let location = accepted.lines().find_map(|line| line.strip_prefix("Content-Location: "));
    let location = location.ok_or("no Content-Location")?;
    let status = &location[location.find("/fhir").ok_or("not below /fhir")?..];
    loop {
        let mut text = String::new();
        ask(url, status, "")?.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("no head")?;
        if head.starts_with("HTTP/1.1 202 ") {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        let manifest: serde_json::Value = serde_json::from_str(body)?;
        let files = manifest["output"].as_array().ok_or("no output")?;
        let urls = files.iter().filter_map(|file| file["url"].as_str());
        return Ok(urls.filter_map(|url| Some(url[url.find("/fhir")?..].to_owned())).collect());
    }
}

fn download(url: &str, files: &[String], headers: &str) -> Result<()> {
    for file in files {
        read_all(ask(url, file, headers)?)?;
    }
    Ok(())
}
