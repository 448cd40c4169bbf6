//! The row of a server's memory: eight clients download the largest file, some of them slowly, while four exports of all
//! patients are planned.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::sample::{Result, Sample, in_turns};
use super::server::Server;
use super::sizes::{Bench, Size};
use super::table::{Ask, Table};

/// How many clients download at once.
const DOWNLOADS: u64 = 8;
/// How many exports are planned meanwhile.
const EXPORTS: u64 = 4;
/// The bytes of the bound.
const MOST: f64 = 64e6;
/// Clients pause so long between two reads, and once, twice or three times as long.
const PAUSE: Duration = Duration::from_millis(1);

/// Measures it, each round with a server of its own.
pub fn table(bench: &Bench, size: &Size) -> Result<Table> {
    let series = in_turns(bench.rounds, vec![Box::new(|| round(bench, size))])?;
    let mut table = Table::of_asks();
    let peak = series[0].peak() as f64;
    let ask = Ask::AtMost(MOST / 1e6);
    let what = "eight downloads and four exports at once, memory";
    table.add((what, &series[0]), None, (peak / 1e6, " MB"), ask);
    Ok(table)
}

fn round(bench: &Bench, size: &Size) -> Result<Sample> {
    let server = &Server::start(bench, &size.path("store.db"))?;
    let files = server.export("/fhir/$export?_type=Observation")?;
    let (_, path) = files.first().ok_or("no file")?;
    let is_over = &AtomicBool::new(false);
    server.measured(|| {
        thread::scope(|scope| {
            for client in 0..DOWNLOADS {
                scope.spawn(move || {
                    // It ends with an error, in the middle of a file.
                    let mut client = Client { is_over, pause: PAUSE * (client % 4) as u32 };
                    while server.download(path, "", &mut client).is_ok() {}
                });
            }
            // Each is another export, so none is answered with the files of one before.
            let export = |year| {
                let path = format!("/fhir/Patient/$export?_since={year}-01-01T00:00:00Z");
                scope.spawn(move || {
                    server.export(&path).map(drop).map_err(|error| error.to_string())
                })
            };
            let exports: Vec<_> = (1900..1900 + EXPORTS).map(export).collect();
            let ended: Vec<_> = exports.into_iter().map(|export| export.join()).collect();
            is_over.store(true, Ordering::Relaxed);
            for export in ended {
                export.map_err(|_| "an export panicked")??;
            }
            Ok(())
        })
    })
}

/// Takes the bytes of downloads, with pauses, until it is over.
struct Client<'a> {
    is_over: &'a AtomicBool,
    pause: Duration,
}

impl Write for Client<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_over.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Other.into());
        }
        if !self.pause.is_zero() {
            thread::sleep(self.pause);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
