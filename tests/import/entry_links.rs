//! Links to entries by http and relative `fullUrl`s, in narratives and in elements of every type that
//! may hold a link.

use serde_json::{Value, json};

use super::bundles::{bundle, import, named, request};
use crate::support::Dir;

const PICTURE: &str = r#"{"resourceType":"Binary","contentType":"image/png","data":"aGk="}"#;

/// A Bundle with one entry without id and one entry that links to it.
fn linked(to: &str, from: &str, holder: Value) -> String {
    let picture: Value = serde_json::from_str(PICTURE).unwrap();
    bundle(
        "transaction",
        json!([
            {"fullUrl": from, "resource": holder, "request": request("POST", "Basic")},
            {"fullUrl": to, "resource": picture, "request": request("POST", "Binary")},
        ]),
    )
}

/// Imports it; the holder as the store has it, with the picture's `Type/id` cut short.
fn holder(text: &str) -> String {
    let dir = Dir::new();
    assert_eq!(import(&dir, 0, text)["created"], 2);
    dir.check("s.db");
    let bodies = dir.bodies("s.db");
    let (picture, _) = bodies.iter().find(|(place, _)| place.starts_with("Binary/")).unwrap();
    let (_, body) = bodies.iter().find(|(place, _)| place.starts_with("Basic/")).unwrap();
    body.replace(picture.as_str(), "PICTURE")
}

#[test]
fn links_follow_an_entry_by_every_kind_of_full_url() {
    let (x, y) = ("http://x/fhir/Basic/h", "http://y/fhir/Basic/h");
    for (to, from, link, expected) in [
        ("http://x/fhir/Binary/1", x, "http://x/fhir/Binary/1", "PICTURE"),
        ("http://x/fhir/Binary/1", y, "http://x/fhir/Binary/1", "PICTURE"),
        ("http://x/fhir/Binary/1", x, "Binary/1", "PICTURE"),
        ("http://x/fhir/Binary/1", x, "Binary/1/_history/3", "PICTURE/_history/3"),
        ("http://x/fhir/Binary/1", y, "http://x/fhir/Binary/1/_history/3", "PICTURE/_history/3"),
        ("http://x/fhir/Binary/1", x, "http://x/fhir/Binary/1#a", "PICTURE#a"),
        ("Binary/1", "Basic/h", "Binary/1", "PICTURE"),
        ("Binary/1", "urn:uuid:2", "Binary/1", "PICTURE"),
        ("urn:uuid:A", x, "urn:uuid:a", "PICTURE"),
        ("urn:oid:1.2", x, "urn:oid:1.2#a", "PICTURE#a"),
        // These name something else.
        ("http://x/fhir/Binary/1", y, "Binary/1", "Binary/1"),
        ("http://x/fhir/Binary/1", "urn:uuid:2", "Binary/1", "Binary/1"),
        ("http://x/fhir/Binary/1", x, "http://x/fhir/Binary/12", "http://x/fhir/Binary/12"),
        ("http://x/fhir/Binary/1", x, "#Binary/1", "#Binary/1"),
    ] {
        let resource = json!({"resourceType": "Basic", "id": "h", "subject": {"reference": link}, "a": {"url": link}, "policy": [link],
            "text": {"div": format!("<img src='{link}'/>")}});
        let body: Value = serde_json::from_str(&holder(&linked(to, from, resource))).unwrap();
        let seen = [&body["subject"]["reference"], &body["a"]["url"], &body["policy"][0]];
        for link in seen {
            assert_eq!(link, expected, "{to} from {from}: {body}");
        }
        assert_eq!(body["text"]["div"], format!("<img src='{expected}'/>"));
    }
}

#[test]
fn only_elements_that_hold_links_are_rewritten() {
    let link = "urn:uuid:5a0f3c1e-0000-4000-8000-000000000003";
    let text = r#"{"resourceType":"Basic","id":"h","meta":{"versionId":"1","lastUpdated":"2024-01-01T00:00:00Z","source":"@LINK"},"implicitRules":"@LINK","url":"!LINK",
"text":{"status":"generated","div":"<div title=\"!LINK\"><a class='a' href = \"@LINK\">!LINK</a><IMG SRC='@LINK'/>\u003ca href=\u0022@LINK\u0022/><!-- <a href='!LINK'/> --><a name='!LINK'/><p href='!LINK'/></div>"},
"section":[{"text":{"div":"<a href='@LINK#part'/>"}}],"contained":[{"url":"!LINK","text":{"div":"<img src='@LINK'/>"}}],
"extension":[{"url":"!LINK","valueUri":"@LINK","valueUrl":"@LINK","valueOid":"@LINK","valueUuid":"@LINK","valueCanonical":"!LINK","valueString":"!LINK","valueId":"!LINK"}],
"identifier":[{"system":"!LINK","value":"!LINK"}],"policy":["@LINK","@LINK"],"consent":{"policy":[{"authority":"@LINK","uri":"@LINK"}]},
"content":[{"attachment":{"url":"@LINK","title":"!LINK"}}],"instantiatesUri":["@LINK"],"instantiatesCanonical":["!LINK"],"profile":["!LINK"],"note":{"div":"<a href='!LINK'/>"}}"#;
    let raw = text.replace("@LINK", link).replace("!LINK", link);
    let whole = linked(link, "urn:uuid:2", json!("HOLDER")).replace("\"HOLDER\"", &raw);
    let expected = text.replace("@LINK", "PICTURE").replace("!LINK", link).replace('\n', "");
    assert_eq!(holder(&whole), expected);
}

#[test]
fn the_name_of_a_definition_stays_while_it_says_where_the_definition_is() {
    let dir = Dir::new();
    let url = "http://x/ValueSet/v";
    let entries = |id: Value| {
        json!([
            {"fullUrl": url, "resource": {"resourceType": "ValueSet", "id": id, "url": url}},
            {"fullUrl": "http://x/ConceptMap/c", "resource": {"resourceType": "ConceptMap", "id": "c", "url": "http://x/ConceptMap/c", "sourceUri": url,
                "targetCanonical": url, "useContext": [{"valueReference": {"reference": url}}]}},
        ])
    };
    import(&dir, 0, &bundle("collection", entries(json!("v"))));
    let map: Value = serde_json::from_str(&dir.get("s.db", "ConceptMap/c")).unwrap();
    assert_eq!((&map["sourceUri"], &map["targetCanonical"]), (&json!(url), &json!(url)));
    assert_eq!(map["useContext"][0]["valueReference"]["reference"], "ValueSet/v");
    assert_eq!(map["url"], "http://x/ConceptMap/c");
}

#[test]
fn links_follow_an_entry_that_is_stored_under_another_id() {
    for (request, url) in [
        (
            json!({"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=s|1"}),
            "http://old/fhir/Practitioner/c7",
        ),
        (request("PUT", "Practitioner?identifier=s|1"), "http://old/fhir/Practitioner/c7"),
        // Without a fullUrl, or with one that says nothing, the resource has its id alone.
        (
            json!({"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=s|1"}),
            "urn:uuid:7",
        ),
        (json!({"method": "POST", "url": "Practitioner", "ifNoneExist": "identifier=s|1"}), ""),
    ] {
        let dir = Dir::new();
        import(&dir, 0, &named("stored", "s", "1").to_string());
        let mut practitioner = named("c7", "s", "1");
        if request["method"] == "PUT" {
            practitioner.as_object_mut().unwrap().remove("id");
        }
        let mut entry = json!({"resource": practitioner, "request": request});
        if !url.is_empty() {
            entry["fullUrl"] = json!(url);
        }
        let from = if url.starts_with("http") { "http://old/fhir/Basic/o" } else { "urn:uuid:8" };
        let links = json!([{"reference": "Practitioner/c7"}, {"reference": "Practitioner/c8"}, {"reference": if url.is_empty() { "Practitioner/c7" } else { url }}]);
        let holder = json!({"fullUrl": from, "resource": {"resourceType": "Basic", "id": "o", "links": links}});
        import(&dir, 0, &bundle("batch", json!([holder, entry])));
        let body: Value = serde_json::from_str(&dir.get("s.db", "Basic/o")).unwrap();
        let links: Vec<_> = body["links"]
            .as_array()
            .unwrap()
            .iter()
            .map(|link| link["reference"].as_str().unwrap())
            .collect();
        assert_eq!(
            links,
            ["Practitioner/stored", "Practitioner/c8", "Practitioner/stored"],
            "{url}"
        );
        dir.check("s.db");
    }
}
