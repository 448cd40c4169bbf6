//! The tables of the pages are those of the program: commands and options, exit codes, routes, parameters,
//! the fields of a report, the tables of a store.

use std::collections::BTreeSet;

use super::{page, rows, section, spans};
use crate::support::client::send;
use crate::support::{Dir, Served};

/// Every command, commands of commands too, with its help.
fn every_command(dir: &Dir) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    for name in subcommands(&dir.run(["--help"]).stdout) {
        let below = subcommands(&dir.run([&name, "--help"]).stdout);
        if below.is_empty() {
            commands.push(name);
        } else {
            commands.extend(below.into_iter().map(|one| format!("{name} {one}")));
        }
    }
    let help = |name: &String| dir.run(name.split(' ').chain(["--help"])).stdout;
    commands.iter().map(|name| (name.clone(), help(name))).collect()
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

/// An option as a help text has it: `--type <TYPE,...>`, and the values that it names.
struct OptionHelp {
    form: String,
    values: Vec<String>,
}

fn options(help: &str) -> Vec<OptionHelp> {
    let mut found: Vec<OptionHelp> = Vec::new();
    for line in help.lines().skip_while(|line| *line != "Options:").skip(1) {
        let text = line.trim_start();
        if text.starts_with('-') && !text.starts_with("- ") {
            let form = text.split("  ").next().unwrap_or_default();
            let form = form.trim_start_matches(|c: char| c != '-');
            let long = form.find("--").map_or("", |at| &form[at..]);
            found.push(OptionHelp { form: long.replace(['<', '>'], ""), values: Vec::new() });
        }
        let Some(option) = found.last_mut() else { continue };
        for named in ["[default: ", "[possible values: "] {
            if let Some((_, rest)) = line.split_once(named) {
                let values = rest.trim_end().trim_end_matches(']').split(", ");
                option.values.extend(values.map(str::to_owned));
            }
        }
        if let Some((value, _)) = text.strip_prefix("- ").and_then(|text| text.split_once(':')) {
            option.values.push(value.to_owned());
        }
    }
    found.retain(|option| !["--help", "--version"].contains(&option.form.as_str()));
    found
}

#[test]
fn cli_has_every_command_and_option_and_no_other() {
    let dir = Dir::new();
    let text = page("docs/cli.md");
    let commands = every_command(&dir);
    let headings: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("### fhirlite ")).collect();
    assert_eq!(headings, commands.iter().map(|(name, _)| name.as_str()).collect());
    let mut known = 0;
    for (command, help) in &commands {
        let lines = section(&text, &format!("### fhirlite {command}"));
        let usage = help.lines().find_map(|line| line.strip_prefix("Usage: ")).unwrap();
        let usage = usage.replace("[OPTIONS] ", "").replace(['<', '>'], "");
        assert!(lines.join(" ").contains(&format!("`{usage}`")), "{command}: {usage}");
        let rows = rows(&lines);
        let options = options(help);
        let described: BTreeSet<&str> =
            rows.iter().map(|row| spans(row[0]).first().copied().unwrap_or_default()).collect();
        let forms: BTreeSet<&str> = options.iter().map(|option| option.form.as_str()).collect();
        assert_eq!(described, forms, "{command}");
        for option in &options {
            let row = rows.iter().find(|row| row[0].contains(&option.form)).unwrap();
            for value in &option.values {
                assert!(
                    row[1].contains(&format!("`{value}`")),
                    "{command} {}: {value}",
                    option.form
                );
            }
        }
        known += options.len();
    }
    assert!(known >= 40, "{known}");
    // The overview at the top leads to each of them.
    for (command, _) in &commands {
        assert!(text.contains(&format!("(#fhirlite-{})", command.replace(' ', "-"))), "{command}");
    }
}

#[test]
fn cli_has_every_exit_code() {
    let help = Dir::new().run(["--help"]).stdout;
    let listed = help.lines().skip_while(|line| !line.starts_with("Exit codes")).skip(1);
    let listed: Vec<(String, String)> = listed
        .take_while(|line| !line.is_empty())
        .map(|line| line.trim().split_once("  ").unwrap())
        .map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
        .collect();
    assert!(listed.len() >= 11);
    let text = page("docs/cli.md");
    let described: Vec<(String, String)> = rows(&section(&text, "## Exit codes"))
        .iter()
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect();
    assert_eq!(described, listed);
}

/// Every route that there is.
const ROUTES: [&str; 69] = [
    "GET /bulk-data/r4/$export",
    "GET /bulk-data/r4/$export/{Type}/{JWT}.ndjson",
    "GET /bulk-data/r4/Group/{id}/$export",
    "GET /bulk-data/r4/$export/job/{id}",
    "DELETE /bulk-data/r4/$export/job/{id}",
    "GET /bulk-data/r4/$export/job/{id}/manifest/{page}",
    "GET /bulk-data/r4/$export/file/{id}/{name}.ndjson",
    "POST /user-management/v1/user",
    "GET /user-management/v1/user",
    "PUT /user-management/v1/user",
    "POST /user-management/v1/user/auth-code",
    "POST /oauth2/token",
    "POST /fhir/oauth2/token",
    "GET /fhir/$export",
    "POST /fhir/$export",
    "GET /fhir/Patient/$export",
    "POST /fhir/Patient/$export",
    "GET /fhir/Patient/{id}/$export",
    "POST /fhir/Patient/{id}/$export",
    "GET /fhir/Group/{id}/$export",
    "POST /fhir/Group/{id}/$export",
    "POST /fhir/$export-v4",
    "POST /fhir/Patient/$export-v4",
    "POST /fhir/Patient/{id}/$export-v4",
    "POST /fhir/Group/{id}/$export-v4",
    "GET /fhir/jobs/{id}",
    "DELETE /fhir/jobs/{id}",
    "GET /fhir/jobs/{id}/manifest/{page}",
    "GET /fhir/jobs/{id}/{name}.ndjson",
    "GET /fhir/$sql-run",
    "GET /fhir/ViewDefinition/$sql-run",
    "GET /fhir/ViewDefinition/{id}/$sql-run",
    "GET /fhir/Library/$sql-run",
    "GET /fhir/Library/{id}/$sql-run",
    "GET /fhir/$sql-export",
    "GET /fhir/ViewDefinition/$sql-export",
    "GET /fhir/ViewDefinition/{id}/$sql-export",
    "POST /fhir/$sql-run",
    "POST /fhir/ViewDefinition/$sql-run",
    "POST /fhir/ViewDefinition/{id}/$sql-run",
    "POST /fhir/Library/$sql-run",
    "POST /fhir/Library/{id}/$sql-run",
    "POST /fhir/$sql-export",
    "POST /fhir/ViewDefinition/$sql-export",
    "POST /fhir/ViewDefinition/{id}/$sql-export",
    "GET /fhir/jobs/{id}/result",
    "GET /fhir/$bulk-publish",
    "GET /fhir/$bulk-publish/{Type}/{JWT}.ndjson",
    "GET /fhir/metadata",
    "GET /fhir/OperationDefinition/{id}",
    "GET /fhir/{Type}/{id}",
    "GET /fhir/{Type}/{id}/_history/{vid}",
    "GET /fhir/{Type}/{id}/_history",
    "GET /fhir/{Type}/_history",
    "GET /fhir/_history",
    "GET /fhir/Patient/{id}/$everything",
    "POST /fhir/Patient/{id}/$everything",
    "POST /fhir",
    "GET /fhir/{Type}",
    "POST /fhir/{Type}/_search",
    "GET /fhir",
    "POST /fhir/_search",
    "GET /fhir/Patient/{id}/{Type}",
    "GET /fhir/Patient/{id}/*",
    "GET /fhir/.well-known/smart-configuration",
    "GET /.well-known/smart-configuration",
    "GET /health",
    "GET /health/ready",
    "GET /metrics",
];

/// The metrics of a server: each with its type and its labels.
#[test]
fn operate_has_every_metric() {
    let (dir, served) = small();
    drop(served);
    let added = ["client", "add", "s.db", "--client-id", "a"];
    assert_eq!(dir.run(added).code, 0);
    let served = dir.serve(&["s.db", "--auth", "required"]);
    served.get("/health");
    send(served.authority(), "GET", "/ /", "", b"");
    let shown = served.get("/metrics").text();
    let mut known = BTreeSet::new();
    for line in shown.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let is_its_own = |line: &&str| {
            line.strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        let sample = shown.lines().find(is_its_own).unwrap_or_else(|| panic!("no {name}: {shown}"));
        let labels =
            sample.split_once('{').map_or("", |(_, rest)| rest.rsplit_once('}').unwrap().0);
        let labels: Vec<&str> = labels
            .split("\",")
            .filter_map(|pair| pair.split_once("=\""))
            .map(|(name, _)| name)
            .collect();
        known.insert((name.to_owned(), kind.to_owned(), labels.join(" ")));
    }
    assert!(known.len() >= 15, "{known:?}");
    let text = page("docs/operate.md");
    let described: BTreeSet<(String, String, String)> = rows(&section(&text, "## Metrics"))
        .iter()
        .map(|row| (spans(row[0])[0].to_owned(), row[1].to_owned(), spans(row[2]).join(" ")))
        .collect();
    assert_eq!(described, known);
}

/// The routes in the first cells of a page's table of routes.
fn routes_of(path: &str) -> Vec<String> {
    let text = page(path);
    let mut found = Vec::new();
    for row in rows(&section(&text, "## Routes")) {
        found.extend(spans(row[0]).into_iter().map(|route| route.replace("?…", "")));
    }
    found
}

#[test]
fn every_route_is_described_and_every_described_route_is_served() {
    let described: BTreeSet<String> =
        ["docs/bulk-data.md", "docs/oneup.md"].into_iter().flat_map(routes_of).collect();
    let known: BTreeSet<String> = ROUTES.into_iter().map(str::to_owned).collect();
    assert_eq!(described, known);
    let (_dir, served) = small();
    // The server says which methods a path takes.
    let paths: BTreeSet<&str> =
        described.iter().map(|route| route.split_once(' ').unwrap().1).collect();
    for path in paths {
        let methods: BTreeSet<&str> = described
            .iter()
            .filter_map(|route| route.split_once(' ').filter(|(_, of)| *of == path))
            .map(|(method, _)| method)
            .collect();
        let target = path
            .replace("{Type}", "Basic")
            .replace("OperationDefinition/{id}", "OperationDefinition/export")
            .replace("{id}", "a")
            .replace("{vid}", "1")
            .replace("{page}", "2")
            .replace("{name}", "Basic")
            .replace("{JWT}", "a.b.c");
        let answer = send(served.authority(), "OPTIONS", &target, "", b"");
        assert_eq!(answer.status, 204, "{target}");
        let allowed = answer.header("allow").unwrap_or_default().to_owned();
        let mut allowed: BTreeSet<&str> = allowed.split(", ").collect();
        assert!(allowed.remove("OPTIONS"), "{target}");
        let has_head = allowed.remove("HEAD");
        assert_eq!(allowed, methods, "{target}");
        if path.starts_with("/fhir") {
            let is_kickoff = path.ends_with("export");
            assert_eq!(has_head, methods.contains("GET") && !is_kickoff, "{target}");
        }
    }
}

/// A server of a store with one resource.
fn small() -> (Dir, Served) {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Basic","id":"a"}"#);
    let served = dir.serve(&["s.db", "a.json", "--quiet"]);
    (dir, served)
}

#[test]
fn every_field_of_the_report_is_explained() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Basic","id":"a"}"#);
    let report = dir.import(0, &["s.db", "a.json"]);
    let fields: BTreeSet<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let text = page("docs/import.md");
    let rows = rows(&section(&text, "## The report"));
    assert_eq!(rows.iter().flat_map(|row| spans(row[0])).collect::<BTreeSet<_>>(), fields);
}

#[test]
fn bulk_data_has_a_line_for_every_parameter_and_preference() {
    let (_dir, served) = small();
    let definition = served.get("/fhir/OperationDefinition/group-export-v4").json();
    let parameters = definition["parameter"].as_array().unwrap();
    assert!(parameters.len() >= 11);
    let known: BTreeSet<&str> =
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    let text = page("docs/bulk-data.md");
    let first = |heading: &str| -> BTreeSet<&str> {
        rows(&section(&text, heading)).iter().flat_map(|row| spans(row[0])).collect()
    };
    assert_eq!(first("## Parameters"), known);
    let headers = [
        "Prefer: respond-async",
        "Prefer: handling=lenient",
        "Prefer: handling=strict",
        "Prefer: separate-export-status",
        "Accept",
    ];
    assert_eq!(first("## Headers"), BTreeSet::from(headers));
    let editions = rows(&section(&text, "## Editions"));
    for edition in ["STU1", "STU2", "STU3", "STU4"] {
        assert!(editions.iter().any(|row| row[0].contains(edition)), "{edition}");
    }
}

#[test]
fn parameters_are_taken_or_refused_as_the_pages_say() {
    let (_dir, served) = small();
    let oneup = page("docs/oneup.md");
    let described = rows(&section(&oneup, "## Parameters"));
    let described: Vec<&str> = described.iter().flat_map(|row| spans(row[0])).collect();
    assert_eq!(described, ["_type", "_since", "_outputFormat"]);
    for query in ["_type=Basic,Nobody", "_since=2021-01-01", "_outputFormat=ndjson"] {
        assert_eq!(served.get(&format!("/bulk-data/r4/$export?{query}")).status, 200, "{query}");
    }
    for (path, base, status) in [
        ("docs/bulk-data.md", "/fhir/$export", 202),
        ("docs/oneup.md", "/bulk-data/r4/$export", 200),
    ] {
        let text = section(&page(path), "## Parameters").join(" ");
        for name in ["_format", "_pretty", "client_id", "client_secret", "access_token"] {
            assert!(text.contains(&format!("`{name}`")), "{path} {name}");
            assert_eq!(served.get(&format!("{base}?{name}=json")).status, status, "{path} {name}");
        }
        for name in ["_typeFilter", "_nobodyKnows"] {
            served.get(&format!("{base}?{name}=a")).assert_outcome(400, name);
        }
    }
}

/// The server names the modifiers of a kind when it is asked for one that the kind does not have.
#[test]
fn search_has_every_kind_with_its_modifiers() {
    let (_dir, served) = small();
    let text = page("docs/search.md");
    let rows = rows(&section(&text, "## Parameters"));
    let parameters = [
        ("token", "Observation?code"),
        ("reference", "Observation?subject"),
        ("string", "Patient?name"),
        ("date", "Observation?date"),
        ("number", "RiskAssessment?probability"),
        ("quantity", "Observation?value-quantity"),
        ("uri", "ValueSet?url"),
        ("composite", "Observation?code-value-quantity"),
    ];
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), parameters.map(|(kind, _)| kind));
    for ((kind, parameter), row) in parameters.iter().zip(&rows) {
        let refused = served.get(&format!("/fhir/{parameter}:martian=1"));
        assert_eq!(refused.status, 400, "{kind}");
        let told = refused.json()["issue"][0]["diagnostics"].as_str().unwrap().to_owned();
        let known = told.split_once("parameter has ").map_or("no modifiers", |(_, known)| known);
        let known: BTreeSet<&str> =
            if known == "no modifiers" { BTreeSet::new() } else { known.split(", ").collect() };
        let described = row.get(2).map(|cell| spans(cell)).unwrap_or_default();
        let described =
            described.into_iter().filter(|span| span.starts_with(':') && *span != ":Patient");
        assert_eq!(described.collect::<BTreeSet<_>>(), known, "{kind}: {told}");
    }
}

#[test]
fn store_has_every_table_and_view() {
    let dir = Dir::new();
    dir.write("a.json", r#"{"resourceType":"Basic","id":"a"}"#);
    dir.import(0, &["s.db", "a.json"]);
    let db = dir.open("s.db");
    let text = page("docs/store.md");
    for (kind, heading) in [("table", "## Tables"), ("view", "## Views")] {
        let sql = "SELECT name FROM sqlite_schema WHERE type = ?1 AND name NOT LIKE 'sqlite%'";
        let mut statement = db.prepare(sql).unwrap();
        let names = statement.query_map([kind], |row| row.get(0)).unwrap();
        let there: BTreeSet<String> = names.collect::<Result<_, _>>().unwrap();
        let rows = rows(&section(&text, heading));
        let described: BTreeSet<String> =
            rows.iter().flat_map(|row| spans(row[0])).map(str::to_owned).collect();
        assert_eq!(described, there);
    }
}
