//! The screen of one export: in progress, finished, failed, cancelled, expired.

use super::exports::{assert_harmless, filled, manifest_of, post, started, status_of, text_in};
use crate::support::{Dir, Held, until};

/// Executes SQL on the store of a folder.
fn change(dir: &Dir, sql: &str) {
    dir.open("s.db").execute_batch(sql).expect("changed");
}

#[test]
fn a_finished_export_shows_its_files_and_their_first_lines() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    assert_eq!(dir.run(["delete", "s.db", "Device/d"]).code, 0);
    let screen = started(&served, "", &[("_since", "2001-01-01T00:00:00Z")]);
    let answer = served.get(&screen);
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let html = answer.text();
    assert_harmless(&html);
    assert!(!html.contains("http-equiv=\"refresh\"") && !html.contains("data-live"), "{html}");
    let manifest = manifest_of(&served, &screen);
    for list in ["output", "deleted"] {
        for file in manifest[list].as_array().expect("a list") {
            let url = file["url"].as_str().expect("a url");
            let path = url.strip_prefix(&served.url).expect("a URL of this server");
            assert!(html.contains(&format!("href=\"{path}\" download")), "{path}: {html}");
            // The browser's own way gives the same bytes, to be kept.
            let name = path.rsplit('/').next().expect("a name");
            let kept = served.get(&format!("{screen}/files/{name}"));
            assert_eq!(kept.body, served.get(url).body);
            let disposition = format!("attachment; filename=\"{name}\"");
            assert_eq!(kept.header("content-disposition"), Some(&*disposition));
            assert_eq!(kept.header("content-type"), Some("application/fhir+ndjson"));
            assert_eq!(kept.header("x-content-type-options"), Some("nosniff"));
            let lines = served.get(&format!("{screen}?lines={name}")).text();
            assert_harmless(&lines);
            assert!(lines.contains(&format!("First lines of {name}</h2>")), "{lines}");
            let line = text_in(&lines, "aria-label=\"Line 1\">");
            let file = String::from_utf8(kept.body).expect("UTF-8");
            let begin = line.trim_end_matches('…');
            assert!(begin.len() > 40 && line.chars().count() <= 1001, "{line}");
            assert!(file.starts_with(begin) || begin.contains("\\u202e"), "{line}");
        }
    }
    assert!(html.contains(">deleted</td>"), "{html}");
    let lines = served.get(&format!("{screen}?lines=Patient.ndjson")).text();
    assert!(lines.contains("\\u202e") && !lines.contains('\u{202e}'), "{lines}");
    for name in ["nothing.ndjson", "..%2F..", "%3Cscript%3E"] {
        let answer = served.get(&format!("{screen}/files/{name}"));
        assert_eq!(answer.status, 404);
        assert_harmless(&answer.text());
        let html = served.get(&format!("{screen}?lines={name}")).text();
        assert!(!html.contains("First lines of nothing"), "{html}");
        assert_harmless(&html);
    }
    let part = served.get(&format!("{screen}?part=job")).text();
    assert!(!part.contains("<html") && part.contains("role=\"status\""), "{part}");
}

#[test]
fn files_come_in_pages() {
    let dir = filled();
    let mut lines = String::new();
    for number in 0..60 {
        lines += &format!("{{\"resourceType\":\"Device\",\"id\":\"n{number}\"}}\n");
    }
    dir.write("more.ndjson", lines);
    dir.import(0, &["s.db", "more.ndjson"]);
    let served = dir.serve(&["s.db"]);
    let screen = started(&served, "", &[("_type", "Device"), ("_maximumFileSize", "1")]);
    let names = |html: &str| html.matches(" download>").count();
    let first = served.get(&screen).text();
    assert_eq!(names(&first), 50);
    assert!(first.contains("in 61 files") && first.contains("page=2\">More files"), "{first}");
    let second = served.get(&format!("{screen}?page=2")).text();
    assert_eq!(names(&second), 11);
    assert!(second.contains("page=1\">Files before") && !second.contains("More files"), "{second}");
    for odd in ["0", "-1", "x", "18446744073709551615"] {
        assert_eq!(served.get(&format!("{screen}?page={odd}")).status, 200, "{odd}");
    }
}

#[test]
fn an_export_in_progress_is_followed_and_cancelled() {
    let dir = filled();
    let served = dir.serve_with_log(&["s.db"]);
    let held = Held::new(&dir);
    let screen = started(&served, "", &[("level", "patient"), ("organizeOutputBy", "Patient")]);
    let html = served.get(&screen).text();
    assert!(
        html.contains("<noscript><meta http-equiv=\"refresh\" content=\"2\"></noscript>"),
        "{html}"
    );
    assert!(
        html.contains("data-live=\"job\"") && html.contains("data-state=\"running\""),
        "{html}"
    );
    assert!(html.contains("Cancel the export") && !html.contains("<h2>Files"), "{html}");
    let list = served.get("/exports").text();
    assert!(list.contains(&format!("href=\"{screen}\"")) && list.contains("In progress"), "{list}");
    let other = started(&served, "", &[("level", "patient"), ("organizeOutputBy", "Patient")]);
    let answer = post(&served, &screen, "", &[("action", "other")]);
    assert_eq!(answer.status, 400);
    let answer = post(&served, &screen, "", &[("action", "end")]);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/exports?gone")));
    let html = served.get("/exports?gone").text();
    assert!(html.contains("The export and its files are gone."), "{html}");
    assert!(!html.contains(&screen) && html.contains(&other), "{html}");
    let gone = served.get(&screen);
    assert_eq!(gone.status, 404);
    assert!(gone.text().contains("<h1>There is no such export</h1>"), "{}", gone.text());
    assert_eq!(served.get(&status_of(&screen)).status, 404);
    assert_eq!(post(&served, &screen, "", &[("action", "end")]).status, 404);
    held.release();
    let html = until("the other export is finished", || {
        let html = served.get(&format!("{other}?part=job")).text();
        html.contains("data-state=\"over\"").then_some(html)
    });
    assert!(html.contains("Finished: ") && html.contains(">by patient</td>"), "{html}");
    assert!(html.contains("Delete the export and its files"), "{html}");
}

#[test]
fn an_export_that_failed_says_why_and_one_that_is_over_is_gone() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let [failed, expired] = ["Patient", "Group"].map(|of| started(&served, "", &[("_type", of)]));
    let id = |screen: &str| screen.rsplit('/').next().expect("an id").to_owned();
    change(
        &dir,
        &format!(
            "UPDATE job SET state = 'failed', failure = 'no <script>alert(1)</script>' WHERE id = '{}';
             UPDATE job SET expires_at = 1 WHERE id = '{}'",
            id(&failed),
            id(&expired)
        ),
    );
    let html = served.get(&failed).text();
    assert_harmless(&html);
    assert!(html.contains("The export failed.") && html.contains("no &#60;script&#62;"), "{html}");
    assert!(!html.contains("data-live") && html.contains("Delete the export"), "{html}");
    assert_eq!(served.get(&expired).status, 404);
    let list = served.get("/exports").text();
    assert!(
        list.contains(&failed) && list.contains("Failed") && !list.contains(&expired),
        "{list}"
    );
}

#[test]
fn the_list_comes_in_pages_and_hides_what_others_started() {
    let dir = filled();
    let served = dir.serve(&["s.db"]);
    let mut screens: Vec<String> =
        (0..52).map(|_| started(&served, "", &[("_type", "Group")])).collect();
    let first = served.get("/exports").text();
    let shown = |html: &str| screens.iter().filter(|screen| html.contains(*screen)).count();
    assert_eq!(shown(&first), 50);
    let (_, rest) = first.split_once("/exports?before=").expect("a link to older ones");
    let (before, _) = rest.split_once('#').expect("its end");
    let second = served.get(&format!("/exports?before={before}")).text();
    assert_eq!(shown(&second), 2);
    assert!(!second.contains("Older exports"), "{second}");
    // As if another address had started it.
    let last = screens.pop().expect("some");
    let id = last.rsplit('/').next().expect("an id");
    change(
        &dir,
        &format!(
            "UPDATE job SET request = json_set(request, '$.client', '192.0.2.1') WHERE id = '{id}'"
        ),
    );
    assert!(!served.get("/exports").text().contains(&last));
    // Whoever knows the id sees it, as with the API.
    assert_eq!(served.get(&last).status, 200);
    assert_eq!(served.get(&status_of(&last)).status, 200);
}
