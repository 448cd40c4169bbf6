//! Lists of resources: columns, pages, search.

use super::browse_html::{link_of, plain, rows, screen, screen_with, unescaped};
use crate::support::served;

fn patients(count: usize) -> String {
    let line = |number: usize| {
        let gender = if number.is_multiple_of(3) { "male" } else { "female" };
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{number}\",\"gender\":\"{gender}\",\"birthDate\":\"19{:02}-01-01\",\"name\":[{{\"family\":\"Moss\",\"given\":[\"N{number}\"]}}]}}\n",
            number % 100
        )
    };
    (0..count).map(line).collect()
}

#[test]
fn pages_of_a_list_have_every_resource_once() {
    let (dir, served) = served(&patients(120));
    let mut target = "/browse/Patient".to_owned();
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let html = screen(&served, &target);
        pages += 1;
        names.extend(rows(&html).into_iter().map(|row| row[0].clone()));
        assert_eq!(html.contains("First page"), pages > 1, "{target}");
        if !html.contains("Next page") {
            break;
        }
        if pages == 1 {
            assert!(html.contains("50 of 120 resources"));
            // The next pages show the store as the first one did.
            dir.write(
                "more.ndjson",
                r#"{"resourceType":"Patient","id":"late","name":[{"family":"Late"}]}"#,
            );
            dir.import(0, &["s.db", "more.ndjson"]);
        }
        target = link_of(&html, "Next page");
    }
    assert_eq!((pages, names.len()), (3, 120));
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 120);
    assert!(!names.contains(&"Late".to_owned()));
}

#[test]
fn a_search_is_that_of_the_api_and_stays_in_links_and_form() {
    let (_dir, served) = served(&patients(200));
    let html = screen(&served, "/browse/Patient?gender=male&birthdate=ge1990&_sort=-_lastUpdated");
    let found = rows(&html);
    let total = served.get("/fhir/Patient?gender=male&birthdate=ge1990&_summary=count").json();
    assert_eq!(found.len() as u64, total["total"].as_u64().expect("a total"));
    assert!(found.iter().all(|row| row[2] == "male"));
    assert!(html.contains(r#"name="gender" value="male""#), "{html}");
    assert!(html.contains(r#"<option value="-_lastUpdated" selected>"#));
    let escaped = "gender=male&birthdate=ge1990&_sort=-_lastUpdated";
    for (text, path) in [
        ("All as NDJSON", "/browse/Patient.ndjson"),
        ("All as CSV", "/browse/Patient.csv"),
        ("As FHIR", "/fhir/Patient"),
    ] {
        let link = link_of(&html, text);
        let decoded = link.replace("%2D", "-").replace("%5F", "_");
        assert_eq!(decoded, format!("{path}?{escaped}"));
        assert_eq!(served.get(&link).status, 200, "{link}");
    }
    let next = link_of(&screen(&served, "/browse/Patient?gender=female"), "Next page");
    assert!(rows(&screen(&served, &next)).iter().all(|row| row[2] == "female"));
    // A parameter with a modifier has a field, too, and neither it nor the order is lost when the form is sent again.
    let html = screen(&served, "/browse/Patient?name:exact=Moss&name=n1&_sort=birthdate");
    let front = html.split("<details>").next().expect("the fields in front");
    assert!(front.contains(r#"name="name:exact" value="Moss""#), "{html}");
    assert!(front.contains(r#"<option value="birthdate" selected>"#), "{html}");
}

#[test]
fn empty_fields_of_a_form_go() {
    let (_dir, served) = served(&patients(3));
    let answer = served.get("/browse/Patient?name=&gender=male&family=&_sort=");
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/browse/Patient?gender=male"))
    );
    let answer = served.get("/browse/Patient?name=");
    assert_eq!(answer.header("location"), Some("/browse/Patient"));
}

#[test]
fn a_fault_of_a_search_is_told_as_by_the_api_and_can_be_put_right() {
    let (_dir, served) = served(&patients(3));
    for query in ["bogus=1", "birthdate=yesterday", "_after=x", "_snapshot=1-0", "name:bad=x"] {
        let answer = served.get(&format!("/fhir/Patient?{query}"));
        assert_eq!(answer.status, 400, "{query}");
        let outcome = answer.json();
        let told = outcome["issue"][0]["diagnostics"].as_str().expect("diagnostics");
        let html = screen_with(&served, &format!("/browse/Patient?{query}"), 400, "");
        assert!(unescaped(&html).contains(told), "{query}: {told}: {html}");
        assert!(html.contains("<form"), "{query}");
    }
    let html = screen_with(&served, "/browse/Patient?birthdate=yesterday", 400, "");
    assert!(html.contains(r#"name="birthdate" value="yesterday""#));
    for target in
        ["/browse/Nothing", "/browse/Pa tient", "/browse/Nothing/1", "/browse/Nothing.csv"]
    {
        screen_with(&served, &target.replace(' ', "%20"), 404, "");
    }
    // A type of the version without resources has an empty list.
    assert!(plain(&screen(&served, "/browse/Observation")).contains("None"));
}

#[test]
fn columns_are_those_that_people_expect() {
    let data = r#"{"resourceType":"Patient","id":"p","name":[{"text":"Ada Moss"}],"birthDate":"1990-01-02","gender":"female","address":[{"city":"Bern","state":"BE"}]}
{"resourceType":"Observation","id":"w","status":"final","code":{"coding":[{"code":"29463-7","display":"Body weight"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2020-05-01T10:20:30+02:00","valueQuantity":{"value":70.50,"unit":"kg"}}
{"resourceType":"Observation","id":"bp","status":"final","code":{"text":"Blood pressure"},"subject":{"reference":"Patient/gone"},"component":[{"code":{"text":"Systolic"},"valueQuantity":{"value":120,"unit":"mmHg"}},{"code":{"text":"Diastolic"},"valueQuantity":{"value":80,"unit":"mmHg"}}]}
{"resourceType":"Organization","id":"o","name":"Ward 3"}
{"resourceType":"Basic","id":"plain"}
"#;
    let (_dir, served) = served(data);
    assert_eq!(
        rows(&screen(&served, "/browse/Patient"))[0][..6],
        ["Ada Moss", "1990-01-02", "female", "", "Bern", "BE"]
    );
    let html = screen(&served, "/browse/Observation");
    let found = rows(&html);
    assert_eq!(
        found[0][..6],
        ["Body weight", "70.50 kg", "2020-05-01 10:20", "", "final", "Ada Moss"]
    );
    assert_eq!(found[1][1], "Systolic 120 mmHg; Diastolic 80 mmHg");
    assert_eq!(found[1][5], "gone");
    assert_eq!(link_of(&html, "Ada Moss"), "/browse/Patient/p");
    assert_eq!(rows(&screen(&served, "/browse/Organization"))[0][0], "Ward 3");
    assert_eq!(rows(&screen(&served, "/browse/Basic"))[0][0], "plain");
}
