//! SQL over the store's own tables.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::support::client::{Answer, get};
use crate::support::smart::{EVERYTHING, register};
use crate::support::{Dir, Served, served};

const PATIENT: &str =
    r#"{"resourceType":"Patient","id":"p","birthDate":"1950-02-03","name":[{"family":"Doe"}]}"#;

fn path(screen: &str, sql: &str) -> String {
    format!("{screen}?sql={}", utf8_percent_encode(sql, NON_ALPHANUMERIC))
}

fn run(served: &Served, sql: &str) -> Answer {
    served.get(&path("/sql", sql))
}

/// The values of an attribute in HTML.
fn attributes(html: &str, name: &str) -> Vec<String> {
    let begin = format!(" {name}=\"");
    let rest = html.split(&begin).skip(1);
    rest.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

#[test]
fn every_example_runs() {
    let (_dir, served) = served(PATIENT);
    let html = served.get("/sql").text();
    assert!(html.contains("<code>resource</code>") && html.contains("type, id,"), "{html}");
    let examples: Vec<String> =
        attributes(&html, "href").into_iter().filter(|href| href.starts_with("/sql?")).collect();
    assert!(examples.len() >= 5, "{examples:?}");
    for example in &examples {
        let answer = served.get(example);
        assert_eq!(answer.status, 200, "{example}: {}", answer.text());
        assert!(answer.text().contains("id=\"result\""), "{example}");
    }
    let table = served.get(&examples[0]).text();
    assert!(table.contains("<bdi>Patient</bdi>"), "{table}");
}

#[test]
fn what_is_not_of_resources_is_closed() {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "sesame", "--new-key", "key.pem", EVERYTHING);
    dir.open("s.db").execute_batch("CREATE TABLE own (sesame TEXT)").expect("a table");
    let served = dir.serve(&["s.db"]);
    for sql in [
        "SELECT * FROM client",
        "SELECT count(*) FROM client",
        "SELECT 1 FROM main.client",
        "SELECT * FROM user",
        "SELECT * FROM token",
        "SELECT * FROM assertion",
        "SELECT * FROM audit",
        "SELECT * FROM exported",
        "SELECT count(*) FROM exported",
        "SELECT * FROM setting",
        "SELECT * FROM job",
        "SELECT * FROM job_file",
        "SELECT * FROM write_mark",
        "SELECT * FROM own",
        "SELECT (SELECT max(client_id) FROM client) FROM resource",
        "SELECT id FROM resource UNION SELECT client_id FROM client",
        "SELECT id IN client FROM resource",
        "WITH exported AS (SELECT * FROM audit) SELECT * FROM exported",
        "WITH resource AS (SELECT * FROM client) SELECT * FROM resource",
        "SELECT * FROM resource ORDER BY (SELECT count(*) FROM token)",
        "SELECT * FROM sqlite_schema",
        "SELECT * FROM pragma_table_info('client')",
        "SELECT * FROM dbstat",
        "PRAGMA table_list",
        "ATTACH 'x.db' AS x",
        "DELETE FROM current_version",
        "DELETE FROM current_version RETURNING id",
        "INSERT INTO unresolved SELECT 1",
        "DROP VIEW patient",
        "CREATE TEMP TABLE x AS SELECT 1",
        "VACUUM INTO 'copy.db'",
        "SELECT load_extension('x')",
        "SELECT writefile('x', 'y')",
        "SELECT randomblob(9)",
        "EXPLAIN SELECT * FROM client",
        "SELECT 1; SELECT 2",
        "SELECT ?1",
        "SELECT",
    ] {
        for screen in ["/sql", "/sql.csv"] {
            let answer = served.get(&path(screen, sql));
            assert_eq!(answer.status, 422, "{screen} {sql}: {}", answer.text());
            assert!(!answer.text().contains("id=\"result\""), "{sql}");
        }
        let html = run(&served, sql).text();
        assert!(html.contains("role=\"alert\"") && !html.contains("<bdi>sesame"), "{sql}: {html}");
    }
    let html = served.get("/sql").text();
    for name in ["client", "user", "token", "audit", "setting", "job", "own", "exported"] {
        assert!(!html.contains(&format!("<code>{name}</code>")), "{name} is listed");
    }
    assert!(!dir.path("copy.db").exists());
    assert_eq!(dir.count("s.db", "SELECT count(*) FROM resource"), 1);
}

#[test]
fn tables_and_views_of_resources_are_open() {
    let (_dir, served) = served(PATIENT);
    for (sql, value) in [
        ("SELECT id FROM resource", "p"),
        ("SELECT family FROM patient", "Doe"),
        ("SELECT count(*) AS n FROM main.resource", "1"),
        ("SELECT count(*) FROM current_version", "1"),
        ("WITH some AS (SELECT id FROM resource) SELECT count(*) || 'x' FROM some", "1x"),
        ("SELECT value FROM resource, json_each(body) WHERE key = 'birthDate'", "1950-02-03"),
        ("SELECT 1 AS a, 2 AS a", "2"),
        ("SELECT name FROM resource_type", "Patient"),
    ] {
        let html = run(&served, sql).text();
        assert!(html.contains(&format!("<bdi>{value}</bdi>")), "{sql}: {html}");
    }
}

#[test]
fn hostile_results_and_texts_stay_text() {
    let name = "</td><script>alert(1)</script>\u{202e}\u{1b}\"'";
    let patient =
        json!({"resourceType": "Patient", "id": "p", "gender": name, "name": [{"family": name}]});
    let (_dir, served) = served(&patient.to_string());
    for sql in [
        "SELECT family, 1.5 AS \"<script>\u{202e}\" FROM patient",
        "SELECT family, 2 FROM patient UNION ALL SELECT 'other', NULL UNION ALL SELECT gender, 5 FROM patient",
        "SELECT '<script>' FROM \"<script>\"",
        "SELECT '</textarea><script>' , x'00ff', 1e999, NULL",
        "SELECT body FROM resource",
        "<script>alert(1)</script>",
    ] {
        let answer = run(&served, sql);
        let html = answer.text();
        assert!([200, 422].contains(&answer.status), "{sql}");
        assert_eq!(html.matches("<script").count(), 1, "{sql}: {html}");
        assert!(!html.contains("</textarea><script"), "{sql}");
        let shown = html.split_once("</textarea>").expect("a box").1;
        assert!(!shown.contains(['\u{202e}', '\u{1b}']), "{sql}: {shown}");
    }
    let chart =
        run(&served, "SELECT family, 2 AS n FROM patient UNION ALL SELECT 'other', 7").text();
    assert!(chart.contains("class=\"chart\"") && chart.contains("&lt;script&gt;"), "{chart}");
}

#[test]
fn a_long_result_is_cut_on_the_screen_and_whole_in_the_file() {
    let (_dir, served) = served(PATIENT);
    let sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) SELECT i, hex(zeroblob(9)) AS h FROM n";
    let html = run(&served, sql).text();
    assert!(html.contains("These are the first 200 rows; there are more"), "{html}");
    assert!(html.contains("<bdi>200</bdi>") && !html.contains("<bdi>201</bdi>"));
    let download = attributes(&html, "href").into_iter().find(|href| href.starts_with("/sql.csv?"));
    let csv = served.get(&download.expect("a link"));
    assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"result.csv\""));
    assert_eq!(csv.text().lines().count(), 3001);
    assert_eq!(csv.text().lines().last(), Some("3000,000000000000000000"));
    // Wide and long values: the screen stays small.
    let wide: Vec<String> =
        (0..500).map(|n| format!("hex(i * 7919 % 1000003) || hex(i * 104729) AS c{n}")).collect();
    let wide = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) SELECT {} FROM n",
        wide[..100].join(", ")
    );
    let answer = get(served.authority(), &path("/sql", &wide), "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.body.len() < 60_000, "{} bytes", answer.body.len());
}

#[test]
fn sql_that_does_not_end_is_ended() {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = dir.serve(&["s.db", "--sql-time", "1s"]);
    let sql =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    let answer = run(&served, sql);
    assert!(
        answer.status >= 400 && answer.text().contains("took longer than 1 s"),
        "{}",
        answer.text()
    );
    assert_eq!(run(&served, "SELECT 1").status, 200);
}

#[test]
fn others_than_people_at_the_machine_get_no_sql() {
    let dir = Dir::new();
    dir.write("in.ndjson", PATIENT);
    dir.import(0, &["s.db", "in.ndjson"]);
    register(&dir, "app", "--new-key", "key.pem", EVERYTHING);
    let ran = dir.run(["token", "issue", "s.db", "--client", "app", "--scope", EVERYTHING]);
    let headers = format!("Authorization: Bearer {}\r\n", ran.stdout.trim_end());
    let closed = |served: &Served, headers: &str| {
        for target in ["/sql", "/sql.csv", "/views", "/views/patient"] {
            let answer =
                served.get_with(&format!("{target}?sql=SELECT+family+FROM+patient"), headers);
            assert_eq!(answer.status, 403, "{target}: {}", answer.text());
            assert!(!answer.text().contains("Doe"), "{target}");
        }
        assert!(!served.get_with("/", headers).text().contains("href=\"/sql\""));
    };
    closed(&dir.serve(&["s.db", "--auth", "required"]), &headers);
    let public = dir.serve(&["s.db", "--base-url", "https://fhir.example.org"]);
    for target in ["/sql?sql=SELECT+1", "/sql.csv?sql=SELECT+1", "/views"] {
        assert_eq!(public.get(target).status, 403, "{target}");
    }
    let own = dir.serve(&["s.db", "--base-url", "http://localhost:8080/demo"]);
    let html = own.get("/sql").text();
    assert!(
        html.contains("action=\"/demo/sql\"") && html.contains("href=\"/demo/sql?sql="),
        "{html}"
    );
    let without = dir.serve(&["s.db", "--no-page"]);
    assert_eq!(without.get("/sql?sql=SELECT+1").status, 404);
}

#[test]
fn sql_of_another_site_is_shown_and_does_not_run() {
    let (_dir, served) = served(PATIENT);
    let sql = "SELECT family FROM patient";
    for (site, runs) in
        [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)]
    {
        let headers = format!("Sec-Fetch-Site: {site}\r\n");
        let html = served.get_with(&path("/sql", sql), &headers).text();
        assert_eq!(html.contains("<bdi>Doe</bdi>"), runs, "{site}: {html}");
        assert_eq!(html.contains("Another site brought this SQL"), !runs, "{site}: {html}");
        assert!(html.contains(sql), "{site}: {html}");
        let csv = served.get_with(&path("/sql.csv", sql), &headers);
        assert_eq!(csv.status, if runs { 200 } else { 403 }, "{site}");
        let empty = served.get_with("/sql", &headers);
        assert!(empty.status == 200 && !empty.text().contains("Another site"), "{site}");
    }
}
