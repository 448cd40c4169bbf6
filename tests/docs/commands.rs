//! Every command in a `console` block is run, and prints what the page shows.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::{page, pages};
use crate::support::{Dir, FHIRLITE, Served, project, python_of_analysis, tool};

/// One test for each page that has commands, so that pages run side by side.
macro_rules! pages {
    ($($test:ident $path:literal)*) => {
        $(#[test]
        fn $test() {
            run($path);
        })*

        const TESTED: &[&str] = &[$($path),*];
    };
}

pages! {
    readme "README.md"
    contributing "CONTRIBUTING.md"
    access "docs/access.md"
    analysis "docs/analysis.md"
    bulk_data "docs/bulk-data.md"
    cli "docs/cli.md"
    import "docs/import.md"
    oneup "docs/oneup.md"
    operate "docs/operate.md"
    search "docs/search.md"
    simulate "docs/simulate.md"
    store "docs/store.md"
}

#[test]
fn every_page_with_commands_has_a_test() {
    let mut with_commands = pages();
    with_commands.retain(|path| !commands(&page(path)).is_empty());
    let mut tested: Vec<&str> = TESTED.to_vec();
    tested.sort_unstable();
    assert_eq!(with_commands, tested);
}

/// The commands of a page's `console` blocks, each with what the page shows of its output.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            found.push((command.to_owned(), Vec::new()));
        } else if inside {
            found.last_mut().expect("a command comes first").1.push(line.to_owned());
        }
    }
    found
}

/// True if `line` is what is shown, where `…` stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    for (number, part) in parts.iter().enumerate() {
        if number + 1 == parts.len() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty()
}

/// True if the whole output is what is shown, where a line of `…` stands for any lines.
fn all_fit(shown: &[String], lines: &[&str]) -> bool {
    match shown.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skip| all_fit(rest, &lines[skip..]))
        }
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, more)| fits(first, line) && all_fit(rest, more))
        }
    }
}

/// Runs a page's commands in order, in a folder that holds only `sample-data` at first.
fn run(path: &str) {
    let commands = commands(&page(path));
    let uses = |tool: &str| {
        let starts = |(command, _): &(String, _)| {
            command
                .split(['|', ';', '(', '{'])
                .flat_map(|part| part.split("until "))
                .any(|part| part.trim_start().split(' ').next() == Some(tool))
        };
        commands.iter().any(starts)
    };
    // Without these the page's own commands cannot be typed either.
    for name in ["curl", "sqlite3"] {
        if uses(name) && tool(name).is_none() {
            return;
        }
    }
    if uses("python3") && python_of_analysis().is_none() {
        return;
    }
    let has_smart_fetch = uses("smart-fetch") && tool("smart-fetch").is_some();
    let mut session = Session::new();
    for (command, shown) in &commands {
        // What a client that is missing would have fetched is not there.
        let is_left_out = command.starts_with("smart-fetch ") || command == "ls fetched";
        if !is_left_out || has_smart_fetch {
            session.run(command, shown);
        }
    }
    assert!(session.ran > 0);
}

/// How many resources the sample data have.
fn in_sample() -> i64 {
    static COUNT: OnceLock<i64> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let dir = Dir::new();
        let report = dir.import(0, &["s.db", project().join("sample-data").to_str().unwrap()]);
        report["created"].as_i64().unwrap()
    })
}

/// A folder, and the servers that the page starts in it.
struct Session {
    dir: Dir,
    /// The addresses that the page shows, and the servers that answer instead.
    served: Vec<(String, Served)>,
    /// Stores that hold the sample data.
    samples: Vec<String>,
    ran: usize,
}

impl Session {
    fn new() -> Session {
        let dir = Dir::new();
        let copied = Command::new("cp")
            .arg("-r")
            .arg(project().join("sample-data"))
            .arg(dir.path(""))
            .status();
        assert!(copied.unwrap().success());
        Session { dir, served: Vec::new(), samples: Vec::new(), ran: 0 }
    }

    fn run(&mut self, command: &str, shown: &[String]) {
        let starts = ["cargo run --release -- ", "fhirlite "];
        let arguments = starts.iter().find_map(|start| command.strip_prefix(start));
        if let Some(store) = arguments.and_then(|arguments| arguments.split(' ').nth(1))
            && command.contains(" sample-data")
        {
            self.samples.push(store.to_owned());
        }
        let printed = match arguments.and_then(|arguments| arguments.strip_prefix("serve ")) {
            Some(arguments) => self.serve(arguments),
            None => self.shell(command),
        };
        // A busy machine also prints how far an import is.
        let is_progress = |line: &&str| line.contains(" items, ") && line.contains(" read, at ");
        let lines: Vec<&str> = printed.lines().filter(|line| !is_progress(line)).collect();
        assert!(
            all_fit(shown, &lines),
            "$ {command}\nshown:\n{}\nprinted:\n{printed}",
            shown.join("\n")
        );
        self.ran += 1;
    }

    /// Starts a server on a free port instead of the one shown; what it prints.
    fn serve(&mut self, arguments: &str) -> String {
        let (arguments, address) = match arguments.split_once(" --listen ") {
            Some((arguments, address)) => (arguments, address),
            None => (arguments, "127.0.0.1:8080"),
        };
        let store = arguments.split(' ').next().unwrap();
        let log = self.dir.path(&format!("{store}.log"));
        let mut command = self.dir.command(["serve"].into_iter().chain(arguments.split(' ')));
        command.stderr(File::create(&log).unwrap());
        let server = Served::of(command);
        let has_sample = self.samples.iter().any(|known| known == store);
        let expected = if has_sample { in_sample() } else { 0 };
        assert_eq!(self.dir.count(store, "SELECT count(*) FROM resource"), expected);
        self.served.push((address.to_owned(), server));
        let said = std::fs::read_to_string(log).unwrap();
        format!("{said}listening on http://{address}\n")
    }

    /// Runs a command line in bash; what it prints on both of its outputs.
    fn shell(&self, command: &str) -> String {
        let bin = Path::new(FHIRLITE).parent().unwrap();
        let generate = "cargo run --release --example generate --";
        let mut line = command.to_owned();
        if line.contains(generate) {
            // In the profile of the tests: that of the page would build everything once more.
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--example", "generate"])
                .current_dir(project())
                .status();
            assert!(built.unwrap().success());
            line = line.replace(generate, &format!("{}/examples/generate", bin.display()));
        }
        for (shown, server) in &self.served {
            line = line.replace(shown, server.authority());
        }
        // The Python of `.ci/run` that has pandas and DuckDB, where it is there.
        let python = project().join("target/analysis/bin");
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{}:{path}", bin.display(), python.display());
        let output = Command::new("bash")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(self.dir.path(""))
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        self.served
            .iter()
            .fold(printed, |text, (shown, server)| text.replace(server.authority(), shown))
    }
}
