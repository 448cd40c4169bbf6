//! Reads the body of a request, within limits of bytes, time and memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::chunks::{ChunkDecoder, Decoded};
use super::framing::Framing;
use super::inbound::{Filled, Inbound, MUCH};
use super::limits::Limits;
use super::refusal::Refusal;

/// How long a body may be slower than the least rate.
const RATE_GRACE: Duration = Duration::from_secs(10);
/// The bytes of a body that are read even if others fill the memory.
const SMALL: usize = 64 << 10;
/// The memory for the longer bodies of all requests, in bytes.
const MEMORY: usize = 256 << 20;

/// The bytes of long bodies in memory.
#[derive(Default)]
pub struct BodyMemory(AtomicUsize);

/// A body in memory. Dropped, it makes room for others.
pub struct ReceivedBody<'m> {
    /// The bytes.
    pub bytes: Vec<u8>,
    memory: &'m BodyMemory,
    counted: usize,
}

impl ReceivedBody<'_> {
    /// Adds bytes, `limit` in all.
    fn push(&mut self, more: &[u8], limit: usize) -> Result<(), Refusal> {
        let length = self.bytes.len() + more.len();
        if length > limit {
            return Err(too_long(limit));
        }
        if length > SMALL {
            let more = length - self.counted.max(SMALL);
            let taken = self.memory.0.fetch_add(more, Ordering::SeqCst);
            self.counted = length;
            if taken + more > MEMORY {
                return Err(Refusal::new(503, "too many long request bodies at once; try again"));
            }
        }
        self.bytes.extend_from_slice(more);
        Ok(())
    }
}

impl Drop for ReceivedBody<'_> {
    fn drop(&mut self) {
        self.memory.0.fetch_sub(self.counted.saturating_sub(SMALL), Ordering::SeqCst);
    }
}

/// When the next byte of a body must be there.
struct BodyClock<'l> {
    started: Instant,
    limits: &'l Limits,
}

impl BodyClock<'_> {
    fn deadline(&self, received: usize) -> Instant {
        let at_rate = match self.limits.body_rate {
            0 => Duration::MAX,
            rate => Duration::from_millis((received as u64).saturating_mul(1000) / rate),
        };
        self.started + self.limits.body_time.min(RATE_GRACE.saturating_add(at_rate))
    }
}

/// Checks what a head says about the length of its body, before any of it is read.
///
/// # Errors
/// 413 for more than `limit`; 411 for an old client that announces one without a length.
pub fn check_length(framing: Framing, is_1_1: bool, limit: usize) -> Result<(), Refusal> {
    match framing {
        Framing::Length(length) if length > limit as u64 => Err(too_long(limit)),
        Framing::Nothing if !is_1_1 => Err(Refusal::new(
            411,
            "a request of HTTP/1.0 with a Content-Type needs a Content-Length",
        )),
        _ => Ok(()),
    }
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// 413 for a longer one, 408 for one that comes too slowly, 400 for one that breaks off or whose coding is
/// faulty, 503 where the memory for bodies is full.
pub fn read_body<'m>(
    inbound: &mut Inbound,
    framing: Framing,
    limit: usize,
    limits: &Limits,
    memory: &'m BodyMemory,
) -> Result<ReceivedBody<'m>, Refusal> {
    let mut body = ReceivedBody { bytes: Vec::new(), memory, counted: 0 };
    let clock = BodyClock { started: Instant::now(), limits };
    let mut received = 0;
    let mut more = |inbound: &mut Inbound| {
        let before = inbound.waiting().len();
        let filled = inbound.fill(MUCH, clock.deadline(received));
        received += inbound.waiting().len() - before;
        match filled {
            Filled::More => Ok(()),
            Filled::Late => Err(Refusal::new(408, "the request body did not come in time")),
            Filled::End => Err(Refusal::bad("the request body broke off")),
        }
    };
    match framing {
        Framing::Nothing => {}
        Framing::Length(length) => {
            let mut left = usize::try_from(length).map_err(|_| too_long(limit))?;
            while left > 0 {
                let count = left.min(inbound.waiting().len());
                body.push(&inbound.waiting()[..count], limit)?;
                inbound.take(count);
                left -= count;
                if left > 0 {
                    more(inbound)?;
                }
            }
        }
        Framing::Chunked => {
            let mut decoder = ChunkDecoder::default();
            loop {
                match decoder.next(inbound.waiting())? {
                    Decoded::Whole => break,
                    Decoded::Skip(count) => inbound.take(count),
                    Decoded::Content(count) => {
                        body.push(&inbound.waiting()[..count], limit)?;
                        inbound.take(count);
                    }
                    Decoded::Hungry => more(inbound)?,
                }
            }
        }
    }
    Ok(body)
}

fn too_long(limit: usize) -> Refusal {
    Refusal::new(413, format!("a request body may have {limit} bytes"))
}
