//! Users who are not active.

use super::{assert_error, assert_refused, assert_wrong};
use crate::support::bulk::path;
use crate::support::oneup::{CODE, EXPORT, Tenants, USER, bearer, exported};

#[test]
fn the_data_of_an_inactive_user_is_not_returned() {
    let here = Tenants::new();
    let (to, anna) = (here.to(), here.anna.to_string());
    let urls = |headers: &str| -> Vec<String> {
        let manifest = here.get(EXPORT, headers).json();
        let output = manifest["output"].as_array().expect("a list").clone();
        output.iter().map(|file| path(file["url"].as_str().expect("a url")).to_owned()).collect()
    };
    let (all, own) = (here.app.headers("client"), here.app.headers(&anna));
    let tokens = here.app.tokens(to, "anna");
    let code = here.app.code(to, "anna");
    let (files_of_all, files_of_anna) = (urls(&all), urls(&own));
    let bens = urls(&here.app.headers(&here.ben.to_string()));
    assert_eq!((files_of_all.len(), files_of_anna.len()), (2, 2));
    let set_active = |active: &str| {
        let answer = here.app.form(to, "PUT", USER, &[("app_user_id", "anna"), ("active", active)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    set_active("false");
    assert_refused(&here.get(EXPORT, &bearer(&tokens.access)));
    assert_error(&here.app.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, &code), 400, "invalid_grant");
    assert_wrong(&here.app.form(to, "POST", CODE, &[("app_user_id", "anna")]), 400, "not active");
    for target in [EXPORT, "/fhir/Patient/anna", "/fhir/Patient", "/fhir/Observation?_count=5"] {
        here.get(target, &own).assert_outcome(403, "not active");
        let answer = here.get(target, &all);
        assert!(!answer.text().contains("\"anna"), "{target}: {}", answer.text());
    }
    here.get("/fhir/Patient/anna", &all).assert_outcome(404, "Patient/anna");
    for file in &files_of_anna {
        assert_eq!(here.get(file, &own).status, 403);
        assert_refused(&here.get(file, &bearer(&tokens.access)));
    }
    // These files no longer hold what their manifest says.
    for file in &files_of_all {
        assert_eq!(here.get(file, &all).status, 404);
    }
    assert_eq!(exported(to, &all), here.stored(&[here.ben]));
    for file in &bens {
        assert_eq!(here.get(file, &here.app.headers(&here.ben.to_string())).status, 200);
    }
    let ran = here.dir.run(["token", "issue", "s.db", "--user", "anna"]);
    assert_eq!((ran.code, &*ran.stdout), (2, ""));
    // What was revoked stays revoked when the user is active again.
    set_active("true");
    assert_refused(&here.get(EXPORT, &bearer(&tokens.access)));
    assert_error(&here.app.refresh(to, &tokens.refresh), 400, "invalid_grant");
    assert_error(&here.app.exchange(to, &code), 400, "invalid_grant");
    assert_eq!(exported(to, &all), here.stored(&[here.anna, here.ben]));
    assert_eq!(exported(to, &own), here.stored(&[here.anna]));
    here.end();
}
