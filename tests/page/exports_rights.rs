//! Exports where authorization is required: each caller has their own, and the audit notes what they get.

use super::exports::{post, started};
use crate::support::client::get;
use crate::support::oneup::{Tenants, bearer};
use crate::support::{Served, until};

const FIELDS: &[(&str, &str)] = &[("_type", "Patient")];

fn lines_of_audit(tenants: &Tenants, event: &str) -> i64 {
    tenants.dir.count("s.db", &format!("SELECT count(*) FROM audit WHERE event = '{event}'"))
}

fn status(served: &Served, path: &str, headers: &str) -> u16 {
    get(served.authority(), path, headers).status
}

#[test]
fn each_caller_sees_and_downloads_their_own_exports() {
    let tenants = Tenants::new();
    let served = &tenants.served;
    let [anna, ben] =
        ["anna", "ben"].map(|user| bearer(&tenants.app.tokens(tenants.to(), user).access));
    let screen = started(served, &anna, FIELDS);
    assert_eq!(post(served, "/exports", "", FIELDS).status, 401);
    let html = tenants.get(&screen, &anna).text();
    assert!(html.contains("Finished: 1 resource in 1 file."), "{html}");
    // The API wants a token, which the browser has not: the links are those of the page.
    let file = format!("{screen}/files/Patient.ndjson");
    assert!(html.contains(&format!("href=\"{file}\" download")), "{html}");
    assert!(!html.contains("Status URL") && !html.contains("/fhir/jobs"), "{html}");
    // To look into a file is asked for, and noted.
    assert!(!html.contains("First lines of Patient.ndjson</h2>"), "{html}");
    let before = lines_of_audit(&tenants, "file");
    let lines = tenants.get(&format!("{screen}?lines=Patient.ndjson"), &anna).text();
    assert!(
        lines.contains("First lines of Patient.ndjson</h2>") && lines.contains("anna"),
        "{lines}"
    );
    let kept = tenants.get(&file, &anna);
    let by_api =
        tenants.get(&file.replace("/exports/", "/fhir/jobs/").replace("/files/", "/"), &anna);
    assert_eq!((kept.status, &kept.body), (200, &by_api.body));
    assert!(!kept.body.is_empty() && kept.header("content-disposition").is_some());
    until("the audit has all of it", || {
        (lines_of_audit(&tenants, "file") == before + 3).then_some(())
    });
    let of_file = format!(
        "SELECT count(*) FROM audit WHERE event = 'file' AND user = 'anna' AND bytes = {} AND whole
            AND export = '{}'",
        kept.body.len(),
        screen.rsplit('/').next().expect("an id")
    );
    assert_eq!(tenants.dir.count("s.db", &of_file), 2, "the page's download is noted as the API's");
    for path in [screen.clone(), file.clone(), format!("{screen}?lines=Patient.ndjson")] {
        assert_eq!(status(served, &path, &ben), 404, "{path}");
        let unknown = if path == file { 401 } else { 303 };
        assert_eq!(status(served, &path, ""), unknown, "{path}");
    }
    assert_eq!(post(served, &screen, &ben, &[("action", "end")]).status, 404);
    let list = tenants.get("/exports", &anna).text();
    assert!(list.contains(&screen), "{list}");
    assert!(!tenants.get("/exports", &ben).text().contains(&screen));
    // Her part of the audit stays when the export is gone.
    assert_eq!(post(served, &screen, &anna, &[("action", "end")]).status, 303);
    let list = tenants.get("/exports", &anna).text();
    assert!(
        !list.contains(&screen) && list.contains("/fhir/$export?_type=Patient</code>"),
        "{list}"
    );
    assert!(!tenants.get("/exports", &ben).text().contains("In the audit"));
    tenants.end();
}

#[test]
fn a_user_sees_no_name_of_what_is_another_users() {
    let tenants = Tenants::new();
    let group = r#"{"resourceType":"Group","id":"secret-group","name":"Secret Group","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/anna"}}]}"#;
    tenants.dir.write("group.ndjson", group);
    tenants.dir.import(0, &["s.db", "group.ndjson", "--user", "anna"]);
    let [anna, ben] =
        ["anna", "ben"].map(|user| bearer(&tenants.app.tokens(tenants.to(), user).access));
    let html = tenants.get("/exports", &anna).text();
    assert!(html.contains("Secret Group (secret-group)"), "{html}");
    assert!(html.contains("name=\"_type\" value=\"Group\""), "{html}");
    let html = tenants.get("/exports", &ben).text();
    assert!(!html.contains("Secret Group") && !html.contains("secret-group"), "{html}");
    assert!(!html.contains("name=\"_type\" value=\"Group\""), "{html}");
    let answer = post(&tenants.served, "/exports", &ben, &[("group_id", "secret-group")]);
    assert_eq!(answer.status, 404, "{}", answer.text());
    // What was read of the Group is noted.
    until("the audit has the list", || {
        let sql =
            "SELECT count(*) FROM audit WHERE event = 'search' AND user = 'anna' AND bytes > 0";
        (tenants.dir.count("s.db", sql) == 1).then_some(())
    });
    tenants.end();
}
