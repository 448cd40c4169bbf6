//! The README tells the truth: its commands are run and print what it shows, and it names every
//! command, option and route.

use std::process::{Command, Stdio};

use crate::support::{Dir, FHIRLITE, Served, project, tool};

fn readme() -> String {
    std::fs::read_to_string(project().join("README.md")).expect("the README")
}

/// The commands of the README's `console` blocks, each with what it shows of its output.
fn commands(readme: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
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

#[test]
fn every_command_prints_what_the_readme_shows() {
    // Without these the README's own commands cannot be typed either.
    if tool("curl").is_none() || tool("sqlite3").is_none() {
        return;
    }
    let dir = Dir::new();
    let bin = std::path::Path::new(FHIRLITE).parent().unwrap();
    let copied =
        Command::new("cp").arg("-r").arg(project().join("sample-data")).arg(dir.path("")).status();
    assert!(copied.unwrap().success());
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "generate"])
        .current_dir(project())
        .status();
    assert!(built.unwrap().success());
    let commands = commands(&readme());
    assert!(commands.len() > 12);
    let mut is_whole = true;
    // The addresses that the README shows, and the servers that are there instead.
    let mut served: Vec<(String, Served)> = Vec::new();
    let real = |served: &[(String, Served)], text: &str| {
        served
            .iter()
            .fold(text.to_owned(), |text, (shown, server)| text.replace(shown, server.authority()))
    };
    for (command, shown) in commands {
        let serves = ["cargo run --release -- serve ", "fhirlite serve "];
        if let Some(args) = serves.iter().find_map(|start| command.strip_prefix(start)) {
            let (args, address) = match args.split_once(" --listen ") {
                Some((args, address)) => (args, address),
                None => (args, "127.0.0.1:8080"),
            };
            let said = format!("listening on http://{address}");
            assert!(shown.contains(&said), "{command}");
            let server = dir.serve(&args.split(' ').collect::<Vec<_>>());
            let store = args.split(' ').next().unwrap();
            assert_eq!(dir.count(store, "SELECT count(*) FROM resource"), 958);
            served.push((address.to_owned(), server));
            continue;
        }
        if command.starts_with("smart-fetch ") && tool("smart-fetch").is_none() {
            is_whole = false;
            continue;
        }
        // What the client that is missing would have fetched is not there.
        if !is_whole && command == "ls fetched" {
            continue;
        }
        // In the tests' own profile: the README's would build everything once more.
        let generate = format!("{}/examples/generate", bin.display());
        let line = command.replace("cargo run --release --example generate --", &generate);
        let line = real(&served, &line);
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new("bash")
            .args(["-c", &format!("{{ {line}\n}} 2>&1")])
            .current_dir(dir.path(""))
            .env("PATH", path)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let printed = served
            .iter()
            .fold(String::from_utf8(output.stdout).unwrap(), |text, (shown, server)| {
                text.replace(server.authority(), shown)
            });
        let lines: Vec<&str> = printed.lines().collect();
        assert!(
            all_fit(&shown, &lines),
            "$ {command}\nshown:\n{}\nprinted:\n{printed}",
            shown.join("\n")
        );
    }
}

#[test]
fn the_readme_names_every_command_option_and_exit_code() {
    let dir = Dir::new();
    let readme = readme();
    let help = dir.run(["--help"]).stdout;
    // Commands of commands too.
    let mut commands: Vec<String> = Vec::new();
    for name in subcommands(&help) {
        let below = subcommands(&dir.run([&name, "--help"]).stdout);
        match below.is_empty() {
            true => commands.push(name),
            false => commands.extend(below.into_iter().map(|one| format!("{name} {one}"))),
        }
    }
    let mut options = 0;
    for command in commands {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `fhirlite {command} ")))
            .unwrap_or_else(|| panic!("{command} has no row"));
        let arguments = command.split(' ').chain(["--help"]);
        for word in dir
            .run(arguments)
            .stdout
            .split([' ', ',', '\n'])
            .filter(|word| word.starts_with("--") && word.len() > 2)
        {
            let known = ["--help", "--version"].contains(&word);
            assert!(known || row.contains(word), "{command} {word}");
            options += usize::from(!known);
        }
    }
    assert!(options >= 10);
    for line in help
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes"))
        .skip(1)
        .take_while(|line| !line.is_empty())
    {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        assert!(readme.contains(&format!("| {code} | {meaning} |")), "{line}");
    }
}

/// The commands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_readme_names_every_route() {
    let readme = readme();
    for route in [
        "`GET /bulk-data/r4/$export`",
        "`GET /bulk-data/r4/$export/{Type}/{JWT}.ndjson`",
        "`GET /bulk-data/r4/Group/{id}/$export`",
        "`GET /bulk-data/r4/$export/job/{id}`",
        "`GET /bulk-data/r4/$export/file/{id}/{name}.ndjson`",
        "`/fhir/$export`, `/fhir/Patient/$export`, `/fhir/Patient/[id]/$export`, `/fhir/Group/[id]/$export`",
        "`GET /fhir/jobs/{id}`",
        "`DELETE /fhir/jobs/{id}`",
        "`GET /fhir/jobs/{id}/{name}.ndjson`",
        "`GET /fhir/metadata`",
        "`GET /fhir/OperationDefinition/{id}`",
        "`GET /fhir/{Type}/{id}`",
        "`GET /fhir/{Type}/{id}/_history/{vid}`",
        "`GET /fhir/{Type}?…`",
        "`GET /fhir/$bulk-publish`",
        "`GET /health`",
        "`GET /fhir/.well-known/smart-configuration`",
        "`GET /.well-known/smart-configuration`",
        "`POST /fhir/oauth2/token`",
        "`POST /oauth2/token`",
        "`POST /user-management/v1/user`",
        "`GET /user-management/v1/user`",
        "`PUT /user-management/v1/user`",
        "`POST /user-management/v1/user/auth-code`",
    ] {
        assert!(readme.contains(route), "{route}");
    }
}

#[test]
fn every_field_of_the_report_is_explained() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Basic","id":"a"}"#);
    let readme = readme();
    for field in dir.import(0, &["s.db", "a.json"]).as_object().unwrap().keys() {
        assert!(readme.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn the_readme_has_a_line_for_every_parameter_and_preference() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Basic","id":"a"}"#);
    let served = dir.serve(&["s.db", "a.json", "--quiet"]);
    let definition = served.get("/fhir/OperationDefinition/group-export-v4").json();
    let parameters = definition["parameter"].as_array().unwrap().clone();
    assert!(parameters.len() >= 11);
    let readme = readme();
    let has_line = |name: &str| {
        readme.lines().any(|line| {
            line.split('|').nth(1).is_some_and(|first| first.contains(&format!("`{name}`")))
        })
    };
    for parameter in &parameters {
        assert!(has_line(parameter["name"].as_str().unwrap()), "{parameter}");
    }
    for name in [
        "_typeFilter",
        "Prefer: respond-async",
        "Prefer: handling=lenient",
        "Prefer: handling=strict",
        "Prefer: separate-export-status",
        "Accept",
    ] {
        assert!(has_line(name), "{name}");
    }
    for edition in ["STU1", "STU2", "STU3", "STU4"] {
        assert!(readme.lines().any(|line| line.starts_with('|') && line.contains(edition)));
    }
}
