//! The unit for systemd in docs/operate.md starts a server.

use std::process::Command;

use super::page;
use crate::support::{Dir, FHIRLITE, Served, succeed, tool};

/// The first block of this language that has `word`.
pub fn block(text: &str, language: &str, word: &str) -> String {
    let begin = format!("```{language}\n");
    let blocks =
        text.split(&begin).skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let mut found = blocks.filter(|block| block.contains(word));
    found.next().unwrap_or_else(|| panic!("no block of {language} has {word}")).to_owned()
}

#[test]
fn the_command_of_the_unit_serves_a_store() {
    let unit = block(&page("docs/operate.md"), "ini", "DynamicUser=");
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("ExecStart");
    let mut words = start.split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/fhirlite"));
    let dir = Dir::new();
    let mut command = Command::new(FHIRLITE);
    let mut others: Vec<&str> = words.collect();
    // The harness takes a free port, and the store lies where the test may write.
    let listen = others.iter().position(|word| *word == "--listen").expect("--listen");
    assert_eq!(others.drain(listen..listen + 2).nth(1), Some("127.0.0.1:8080"));
    for word in others {
        let is_store = word == "/var/lib/fhirlite/demo.db";
        if is_store {
            command.arg(dir.path("demo.db"))
        } else {
            command.arg(word)
        };
    }
    let served = Served::of(command);
    assert_eq!(served.get("/health").status, 200);
    assert_eq!(served.end("-TERM"), 0);
    assert!(dir.path("demo.db").exists());
}

#[test]
fn systemd_takes_the_unit() {
    if tool("systemd-analyze").is_none() {
        return;
    }
    let unit = block(&page("docs/operate.md"), "ini", "DynamicUser=");
    let dir = Dir::new();
    dir.write("fhirlite.service", unit.replace("/usr/local/bin/fhirlite", FHIRLITE));
    let unit = dir.path("fhirlite.service");
    succeed(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit));
    let security = ["security", "--offline=true", "--threshold=20", "--no-pager"];
    succeed(Command::new("systemd-analyze").args(security).arg(&unit));
}
