//! A fuzz test of heads, bodies and chunks, which runs with stable Rust and without other tools.
//!
//! It changes messages by chance, and keeps each one whose answers are of a new kind to change it further: so it goes
//! where no message went before. Each message must keep what `check` says. Kept messages lie in `tests/fuzz`, one in a
//! file, and run first. `FHIRLITE_FUZZ_CASES=10000000 cargo test fuzzed -- --nocapture` runs for longer;
//! `FHIRLITE_FUZZ_KEEP=1` writes the messages of a new kind there, and a message that fails is written always.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use sha2::{Digest, Sha256};

use super::scripted::{MESSAGES, answer, cut, statuses};

/// The number of messages without `FHIRLITE_FUZZ_CASES`.
const CASES: u64 = 3_000;
/// The seed without `FHIRLITE_FUZZ_SEED`: the same messages at each run.
const SEED: u64 = 7230;
/// The longest message. The limits of the scripted connection are shorter.
const LONGEST: usize = 6000;
/// What messages are made of, and what others have read in two ways.
const WORDS: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\r\n ",
    " ",
    "\t",
    "\0",
    ":",
    ",",
    ";",
    "\"",
    "0",
    "5",
    "ffffffffffffffff",
    "-1",
    "+1",
    "0x5",
    "GET",
    "POST",
    "HEAD",
    "OPTIONS",
    "CONNECT",
    "PRI",
    "/",
    "*",
    "/closed",
    "/bodiless",
    "/unknown",
    "/exactly",
    "http://a/",
    "?",
    "%00",
    " HTTP/1.1",
    " HTTP/1.0",
    " HTTP/2.0",
    "Host: a\r\n",
    "Host:",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length:",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding:",
    "chunked",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "\u{fc}",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nA: b\r\n\r\n",
    "5;a=\"b\"\r\n",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// The messages that are kept.
fn kept() -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder()).expect("tests/fuzz");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).expect("a kept message")).collect()
}

fn keep(message: &[u8]) -> PathBuf {
    let hash = Sha256::digest(message);
    let name: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let file = folder().join(name);
    fs::write(&file, message).expect("tests/fuzz can be written");
    file
}

/// Checks what is true of every message, and tells the kind of its answers.
///
/// - However it comes, it is answered alike.
/// - Answers are whole, and nothing but a message can follow one.
/// - After a refusal nothing is answered: what stands behind it may be anything.
/// - A message is taken only where every recipient reads the same head, by a naive reading.
fn check(message: &[u8], chance: &mut ChaCha8Rng) -> String {
    let whole = answer([message.to_vec()]);
    let distances: Vec<usize> = (0..8).map(|_| 1 + below(chance, 40)).collect();
    assert_eq!(answer(cut(message, &distances)), whole, "in pieces of {distances:?} bytes");
    let statuses = statuses(&whole);
    let is_refusal = |status: &u16| !matches!(status, 100 | 200);
    let refused = statuses.iter().position(is_refusal);
    // The handler of these tests refuses by itself at some paths, and the connection goes on.
    let by_handler = [b"/panic".as_slice(), b"/unbegun", b"/closed"]
        .iter()
        .any(|path| message.windows(path.len()).any(|window| window == *path));
    if let Some(at) = refused.filter(|_| !by_handler) {
        assert_eq!(at, statuses.len() - 1, "an answer behind a refusal: {whole}");
    }
    if statuses.first() == Some(&200) {
        check_first_head(message);
    }
    let is_telling = |line: &&str| line.starts_with("HTTP/") || line.contains("diagnostics");
    let told: BTreeSet<&str> = whole.lines().filter(is_telling).collect();
    told.into_iter().collect::<String>().replace(|c: char| c.is_ascii_digit(), "")
}

/// Checks a head that was taken, as naively as it can be: line by line.
fn check_first_head(message: &[u8]) {
    let mut rest = message;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        rest = after;
    }
    let end = rest.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of a head");
    let head = &rest[..end];
    let lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    for line in &lines[..lines.len() - 1] {
        assert!(line.ends_with(b"\r"), "a line that ends in LF alone");
    }
    let lines: Vec<&[u8]> =
        lines.iter().map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    assert!(
        lines.iter().all(|line| !line.contains(&b'\r') && !line.contains(&0)),
        "CR or NUL in a line"
    );
    let [request_line, fields @ ..] = &lines[..] else { panic!("no request line") };
    let parts: Vec<&[u8]> = request_line.split(|byte| *byte == b' ').collect();
    assert_eq!(parts.len(), 3, "a request line of other than three parts");
    let count = |name: &str| {
        let is_named = |line: &&&[u8]| {
            let colon = line.iter().position(|byte| *byte == b':');
            colon.is_some_and(|colon| line[..colon].eq_ignore_ascii_case(name.as_bytes()))
        };
        fields.iter().filter(is_named).count()
    };
    assert!(
        fields.iter().all(|line| !line.starts_with(b" ") && !line.starts_with(b"\t")),
        "a folded line"
    );
    assert!(count("content-length") <= 1, "two lengths");
    assert!(
        count("content-length") == 0 || count("transfer-encoding") == 0,
        "a length beside chunks"
    );
    let hosts = count("host");
    assert!(hosts == 1 || hosts == 0 && parts[2] == b"HTTP/1.0", "{hosts} hosts");
}

fn below(chance: &mut ChaCha8Rng, end: usize) -> usize {
    (chance.next_u64() % end.max(1) as u64) as usize
}

/// Changes a message by chance, once or some times.
fn change(message: &mut Vec<u8>, pool: &[Vec<u8>], chance: &mut ChaCha8Rng) {
    for _ in 0..=below(chance, 3) {
        let at = below(chance, message.len() + 1);
        match below(chance, 8) {
            0 if at < message.len() => message[at] = chance.next_u64() as u8,
            1 if at < message.len() => message[at] ^= 1 << below(chance, 8),
            2 => message.truncate(at),
            3 => {
                let end = (at + 1 + below(chance, 20)).min(message.len());
                message.drain(at..end);
            }
            4 => {
                let end = (at + 1 + below(chance, 60)).min(message.len());
                let piece = message[at..end].repeat(1 + below(chance, 30));
                message.splice(at..at, piece);
            }
            5 => {
                let other = &pool[below(chance, pool.len())];
                let from = below(chance, other.len() + 1);
                message.splice(at.., other[from..].iter().copied());
            }
            _ => {
                let word = WORDS[below(chance, WORDS.len())];
                message.splice(at..at, word.bytes());
            }
        }
    }
    message.truncate(LONGEST);
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_message_is_read_in_two_ways() {
    let mut chance = ChaCha8Rng::seed_from_u64(number("FHIRLITE_FUZZ_SEED").unwrap_or(SEED));
    let mut pool: Vec<Vec<u8>> =
        MESSAGES.iter().map(|message| message.as_bytes().to_vec()).collect();
    pool.extend(kept());
    let mut kinds = BTreeSet::new();
    let mut run = |message: &[u8], chance: &mut ChaCha8Rng| {
        let checked = catch_unwind(AssertUnwindSafe(|| check(message, chance)));
        let kind = checked.unwrap_or_else(|panic| {
            println!("this message fails: {}", keep(message).display());
            resume_unwind(panic)
        });
        kinds.insert(kind)
    };
    for message in &pool {
        run(message, &mut chance);
    }
    for _ in 0..number("FHIRLITE_FUZZ_CASES").unwrap_or(CASES) {
        let mut message = pool[below(&mut chance, pool.len())].clone();
        change(&mut message, &pool, &mut chance);
        if run(&message, &mut chance) {
            if number("FHIRLITE_FUZZ_KEEP").is_some() {
                keep(&message);
            }
            pool.push(message);
        }
    }
    println!("{} kinds of answers", kinds.len());
}
