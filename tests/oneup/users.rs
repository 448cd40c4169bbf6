//! User management.

use serde_json::json;

use super::assert_wrong;
use crate::support::oneup::{CODE, Tenants, USER};

#[test]
fn users_are_created_listed_renamed_and_deactivated() {
    let here = Tenants::new();
    let to = here.to();
    let entry = |asked: &[(&str, &str)]| here.app.form(to, "GET", USER, asked).json();
    let user = |number: i64, name: &str, active: bool| json!({"oneup_user_id": number, "app_user_id": name, "active": active});
    let (anna, ben) = (here.anna.to_string(), here.ben.to_string());
    let already = json!({"success": false, "error": "this user already exists"});
    assert_eq!(here.app.add_user(to, "anna"), already);
    let (a, b) = (user(here.anna, "anna", true), user(here.ben, "ben", true));
    assert_eq!(entry(&[]), json!({"entry": [a, b]}));
    assert_eq!(entry(&[("app_user_id", "anna")]), json!({"entry": [a]}));
    assert_eq!(entry(&[("oneup_user_id", &ben)]), json!({"entry": [b]}));
    assert_eq!(entry(&[("app_user_id", "anna"), ("oneup_user_id", &ben)]), json!({"entry": []}));
    // The query may be in the URL and the credentials in headers.
    let answer = here.get(&format!("{USER}?app_user_id=ben"), &here.app.credentials());
    assert_eq!(answer.json(), json!({"entry": [b]}));
    // The users of another client are unknown, and their names are free.
    let carl = here.carl.to_string();
    for asked in [("app_user_id", "carl"), ("oneup_user_id", &*carl), ("app_user_id", "x")] {
        assert_eq!(entry(&[asked]), json!({"entry": []}));
        assert_wrong(
            &here.app.form(to, "PUT", USER, &[asked, ("active", "false")]),
            400,
            "not exist",
        );
        assert_wrong(&here.app.form(to, "POST", CODE, &[asked]), 400, "not exist");
    }
    let own = here.app.add_user(to, "carl");
    assert_eq!(own["success"], true);
    assert_ne!(own["oneup_user_id"], here.carl);
    assert_eq!(here.other.user(to, "carl"), here.carl);

    let put = |asked: &[(&str, &str)]| here.app.form(to, "PUT", USER, asked);
    let answer = put(&[("oneup_user_id", &anna), ("active", "false")]);
    assert_eq!(answer.json()["active"], false);
    assert_eq!(
        entry(&[("app_user_id", "anna")]),
        json!({"entry": [user(here.anna, "anna", false)]})
    );
    // A renamed user stays inactive.
    let answer = put(&[("oneup_user_id", &anna), ("app_user_id", "ann")]);
    assert_eq!(
        answer.json(),
        json!({"success": true, "oneup_user_id": here.anna, "app_user_id": "ann", "active": false})
    );
    assert_wrong(
        &put(&[("oneup_user_id", &anna), ("app_user_id", "ben"), ("active", "true")]),
        400,
        "another user",
    );
    assert_eq!(
        entry(&[("oneup_user_id", &anna)]),
        json!({"entry": [user(here.anna, "ann", false)]})
    );
    assert_eq!(put(&[("app_user_id", "ann"), ("active", "true")]).json()["active"], true);
    // A request that changes nothing succeeds.
    assert_eq!(put(&[("app_user_id", "ann")]).json()["active"], true);

    let long = "x".repeat(256);
    for (asked, word) in [
        (&[("active", "true")][..], "missing"),
        (&[("app_user_id", ""), ("active", "true")], "missing"),
        (&[("app_user_id", "ann"), ("active", "yes")], "true or false"),
        (&[("oneup_user_id", "ann"), ("active", "true")], "number"),
        (&[("oneup_user_id", &anna), ("app_user_id", &long)], "255"),
    ] {
        assert_wrong(&put(asked), 400, word);
    }
    for name in [" ", "a\nb", &long] {
        assert_wrong(&here.app.form(to, "POST", USER, &[("app_user_id", name)]), 400, "255");
    }
    assert_wrong(&here.app.form(to, "POST", USER, &[]), 400, "missing");
    let odd = here.app.add_user(to, "Zoë & \"Q\" <1>");
    assert_eq!(odd["app_user_id"], "Zoë & \"Q\" <1>");
    here.end();
}
