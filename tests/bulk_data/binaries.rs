//! Binaries about patients, and the URLs of attachments that lead to them.

use serde_json::{Value, json};

use super::client::{EDITIONS, FILE_LISTS, PUBLISH, ids, lines, list, manifest, string, text};
use crate::support::bulk::path;
use crate::support::oneup::bearer;
use crate::support::smart::{EVERYTHING, protected, register};
use crate::support::{Dir, Served};

fn line(resource_type: &str, id: &str, more: Value) -> String {
    let mut resource = json!({"resourceType": resource_type, "id": id});
    for (name, value) in more.as_object().expect("elements") {
        resource[name] = value.clone();
    }
    format!("{resource}\n")
}

fn binary(id: &str, more: Value) -> String {
    let mut elements = json!({"contentType": "text/plain", "data": "aGVsbG8="});
    for (name, value) in more.as_object().expect("elements") {
        elements[name] = value.clone();
    }
    line("Binary", id, elements)
}

/// A document about a patient, with an attachment.
fn document(id: &str, url: &str) -> String {
    let content = json!([{"attachment": {"contentType": "text/plain", "url": url}}]);
    line(
        "DocumentReference",
        id,
        json!({"subject": {"reference": "Patient/a"}, "content": content}),
    )
}

/// Binaries, each named by the link that makes it one about a patient, or by what it is instead. The
/// resources with the links come before and after them.
fn linked() -> String {
    let about_a = json!({"reference": "Patient/a"});
    let context = |link: &str| json!({"securityContext": {"reference": link}});
    [
        line("Patient", "a", json!({"photo": [{"url": "Binary/photo"}]})),
        document("d1", "Binary/document"),
        binary("photo", json!({})),
        binary("document", json!({})),
        binary("report", json!({})),
        binary("extension", json!({})),
        binary("absolute", json!({})),
        binary("context", context("Patient/a")),
        binary("context-of-observation", context("http://x/fhir/Observation/o/_history/1")),
        binary("context-of-nobody", context("Patient/nobody")),
        binary("context-of-organization", context("Organization/org")),
        binary("logo", json!({})),
        binary("alone", json!({})),
        document("d2", "https://elsewhere.example.org/fhir/Binary/absolute"),
        line(
            "DiagnosticReport",
            "r",
            json!({"subject": about_a, "presentedForm": [{"url": "./Binary/report"}]}),
        ),
        line(
            "Observation",
            "o",
            json!({"subject": about_a, "extension": [
                {"url": "urn:x", "valueAttachment": {"url": "/fhir/Binary/extension"}}]}),
        ),
        line(
            "Organization",
            "org",
            json!({"extension": [
            {"url": "urn:x", "valueAttachment": {"url": "Binary/logo"}}]}),
        ),
    ]
    .concat()
}

/// Those that are about no patient.
const OTHERS: &str = "Binary/alone Binary/context-of-organization Binary/logo";

fn store(data: &str) -> Dir {
    let dir = Dir::new();
    dir.write("in.ndjson", data);
    dir.import(0, &["s.db", "in.ndjson"]);
    dir
}

/// The ids of the Binaries in an export, in order.
fn binaries(served: &Served, manifest: &Value) -> String {
    let mut found = ids(served, [manifest]);
    found.retain(|id| id.starts_with("Binary/"));
    found.join(" ")
}

/// What the files of notices say.
fn notices(served: &Served, manifest: &Value) -> Vec<String> {
    let files = FILE_LISTS[2..].iter().flat_map(|list_of| list(&manifest[*list_of]));
    let lines = files.flat_map(|file| lines(served, file));
    lines.map(|line| text(&line["issue"][0]["diagnostics"])).collect()
}

/// export: Binary Resources whose content is associated with an individual patient SHALL be
/// serialized as DocumentReference Resources with the `content.attachment` element populated as
/// described in the [Attachments](#attachments) section below.
#[test]
fn a_binary_about_a_patient_is_exported_to_those_who_name_the_type() {
    let dir = store(&linked());
    let served = dir.serve(&["s.db"]);
    let all = dir.count("s.db", "SELECT count(*) FROM resource WHERE type = 'Binary'");
    for edition in EDITIONS {
        let target = format!("/fhir/{edition}");
        let manifest = |parameters: &[Value]| manifest(&served, &target, parameters);
        for parameters in
            [vec![], vec![string("_elements", "data")], vec![string("_maximumFileSize", "1000")]]
        {
            let found = manifest(&parameters);
            assert_eq!(binaries(&served, &found), OTHERS, "{parameters:?}");
            // Those to which an attachment leads are there as that attachment.
            let told = notices(&served, &found);
            let named = ["absolute", "context", "context-of-nobody", "context-of-observation"];
            assert_eq!(told.len(), named.len(), "{told:?}");
            for id in named {
                let start = format!("Binary/{id} is about a patient");
                assert!(told.iter().any(|notice| notice.starts_with(&start)), "{id}: {told:?}");
            }
        }
        let named = manifest(&[string("_type", "Binary")]);
        assert_eq!(binaries(&served, &named).split(' ').count() as i64, all);
        assert_eq!(notices(&served, &named), [""; 0]);
        // Without the documents, nothing leads to what they hold.
        let few = manifest(&[string("_type", "Patient"), string("_since", "2000-01-01T00:00:00Z")]);
        assert_eq!(notices(&served, &few), [""; 0], "no Binary is asked for");
    }
    let published = served.get(PUBLISH).json();
    assert_eq!(binaries(&served, &published).split(' ').count() as i64, all);
    let oneup = served.get("/bulk-data/r4/$export?_type=Binary").json();
    let bytes = served.get(path(&text(&oneup["output"][0]["url"]))).text();
    assert_eq!(bytes.lines().count() as i64, all);
    assert_eq!(dir.run(["export", "s.db", "out"]).code, 0);
    assert_eq!(dir.text("out/Binary.ndjson").lines().count() as i64, all);
}

#[test]
fn a_binary_whose_document_is_left_out_by_time_is_told() {
    let meta =
        |day: &str| json!({"versionId": "1", "lastUpdated": format!("2020-01-{day}T00:00:00Z")});
    let mut document: Value = serde_json::from_str(&document("d", "Binary/x")).expect("JSON");
    document["meta"] = meta("01");
    let patient = line("Patient", "a", json!({"meta": meta("01")}));
    let dir = store(&format!("{document}\n{patient}{}", binary("x", json!({"meta": meta("03")}))));
    let served = dir.serve(&["s.db"]);
    let since = json!({"name": "_since", "valueInstant": "2020-01-02T00:00:00Z"});
    let later = manifest(&served, "/fhir/$export", &[since]);
    assert_eq!(ids(&served, [&later]), [""; 0]);
    assert!(notices(&served, &later)[0].starts_with("Binary/x is about a patient"));
    assert_eq!(notices(&served, &manifest(&served, "/fhir/$export", &[])), [""; 0]);
}

#[test]
fn what_is_told_of_binaries_and_attachments_is_bounded() {
    let mut data = line("Patient", "a", json!({}));
    for n in 0..130 {
        data += &binary(&format!("b{n}"), json!({"securityContext": {"reference": "Patient/a"}}));
        data += &document(&format!("d{n}"), &format!("Binary/missing{n}"));
    }
    let dir = store(&data);
    let served = dir.serve(&["s.db"]);
    let told = notices(&served, &manifest(&served, "/fhir/$export", &[]));
    assert_eq!(told.len(), 202);
    assert_eq!(told[100], "and 30 more of type Binary");
    assert_eq!(told[201], "and 30 more attachments name nothing here");
}

/// A URL as it comes in, and as it goes out after the base.
const FORMS: [(&str, Option<&str>); 12] = [
    ("Binary/x", Some("Binary/x")),
    ("Binary/x/_history/1", Some("Binary/x/_history/1")),
    ("./Binary/x", Some("Binary/x")),
    ("/fhir/Binary/x", Some("Binary/x")),
    ("/Binary/x", Some("Binary/x")),
    ("/a/very/long/path/that/is/longer/than/the/base/of/this/server/r4/Binary/x", Some("Binary/x")),
    (r"\/fhir\/Binary\/x", Some(r"Binary\/x")),
    ("Binary/missing", None),
    ("/fhir/Binary/missing", None),
    ("docs/report.pdf", None),
    ("https://elsewhere.example.org/fhir/Binary/x", None),
    ("urn:uuid:00000000-0000-0000-0000-000000000000", None),
];

/// export: If the `data` element is not populated and the `url` element is populated, the `url`
/// element SHALL be an absolute URL that can be dereferenced to the attachment's content.
#[test]
fn each_form_of_a_relative_url_becomes_absolute_if_it_leads_to_something() {
    let meta = r#""meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"}"#;
    let with = |url: &str, n: usize| {
        format!(
            "{{\"resourceType\":\"DocumentReference\",\"id\":\"d{n}\",{meta},\"subject\":{{\"reference\":\"Patient/a\"}},\
             \"content\":[{{\"attachment\":{{\"url\":\"{url}\"}}}},{{\"attachment\":{{\"url\":\"{url}\"}}}}]}}\n"
        )
    };
    let mut data = line("Patient", "a", json!({})) + &binary("x", json!({}));
    for (n, (url, _)) in FORMS.iter().enumerate() {
        data += &with(url, n);
    }
    let dir = store(&data);
    dir.check("s.db");
    let served = dir.serve(&["s.db"]);
    let base = format!("{}/fhir/", served.url);
    let expected: String = FORMS
        .iter()
        .enumerate()
        .map(|(n, (url, after))| match after {
            Some(after) => with(&format!("{base}{after}"), n),
            None => with(url, n),
        })
        .collect();
    for target in [
        "$export",
        "Patient/$export",
        "Patient/a/$export",
        "$export?_maximumFileSize=1000000",
        "$bulk-publish",
    ] {
        let found = match target {
            "$bulk-publish" => served.get(PUBLISH).json(),
            target => manifest(&served, &format!("/fhir/{target}"), &[]),
        };
        let of_type = |file: &&Value| file["type"] == "DocumentReference";
        let file = list(&found["output"]).iter().find(of_type).expect("documents");
        let url = path(&text(&file["url"])).to_owned();
        let answer = served.get(&url);
        assert_eq!(answer.text(), expected, "{target}");
        assert_eq!(answer.header("content-length"), Some(expected.len().to_string().as_str()));
        let range = served.get_with(&url, "Range: bytes=700-\r\n");
        assert_eq!((range.status, range.text().as_str()), (206, &expected[700..]), "{target}");
        let told = notices(&served, &found);
        let expected = if target == "$bulk-publish" { 0 } else { 3 };
        assert_eq!(told.len(), expected, "{target}: {told:?}");
        for (url, n) in [("Binary/missing", 7), ("Binary/missing", 8), ("docs/report.pdf", 9)] {
            let start = format!("DocumentReference/d{n}: the attachment {url:?} names nothing");
            assert!(
                expected == 0 || told.iter().any(|notice| notice.starts_with(&start)),
                "{told:?}"
            );
        }
    }
    let blocks = manifest(&served, "/fhir/$export?organizeOutputBy=Patient", &[]);
    let text = served.get(path(&text(&blocks["output"][0]["url"]))).text();
    assert!(text.ends_with(&expected), "{text}");
    assert_eq!(dir.run(["export", "s.db", "out", "--attachments-base", &base]).code, 0);
    assert_eq!(dir.text("out/DocumentReference.ndjson"), expected);
    assert_eq!(dir.text("out/error.ndjson").lines().count(), 3);
}

/// What a snapshot shows does not change, whatever happens to the Binary after it.
#[test]
fn a_file_keeps_its_urls_when_the_binary_goes() {
    let dir = store(
        &(line("Patient", "a", json!({})) + &document("d", "Binary/x") + &binary("x", json!({}))),
    );
    let served = dir.serve(&["s.db"]);
    let absolute = format!("\"{}/fhir/Binary/x\"", served.url);
    let of = |manifest: &Value| {
        let file =
            list(&manifest["output"]).iter().find(|file| file["type"] == "DocumentReference");
        path(&text(&file.expect("documents")["url"])).to_owned()
    };
    let before = [of(&manifest(&served, "/fhir/$export", &[])), of(&served.get(PUBLISH).json())];
    let bodies = before.each_ref().map(|url| served.get(url).text());
    assert!(bodies.iter().all(|body| body.contains(&absolute)), "{bodies:?}");
    assert_eq!(dir.run(["delete", "s.db", "Binary/x"]).code, 0);
    assert_eq!(before.each_ref().map(|url| served.get(url).text()), bodies);
    let after = manifest(&served, "/fhir/$export", &[]);
    assert!(served.get(&of(&after)).text().contains("\"Binary/x\""));
    assert_eq!(notices(&served, &after).len(), 1);
    let published = of(&served.get(PUBLISH).json());
    assert_ne!(published, before[1], "other bytes have another name");
    assert!(served.get(&published).text().contains("\"Binary/x\""));
}

/// export, async: When the `url` element is populated with an absolute URL and the
/// `requiresAccessToken` field in the manifest is set to `true`, the URL location SHALL be
/// accessible by a Data Consumer with a valid access token and SHALL NOT require the use of
/// additional authentication credentials.
#[test]
fn the_token_of_an_export_opens_its_attachments_and_no_other_binary() {
    let dir = Dir::new();
    register(&dir, "reader", "--new-key", "key.pem", EVERYTHING);
    dir.write("in.ndjson", linked());
    dir.import(0, &["s.db", "in.ndjson"]);
    let served = protected(&dir);
    let token = |scope: &str| {
        let ran = dir.run(["token", "issue", "s.db", "--client", "reader", "--scope", scope]);
        bearer(ran.stdout.trim_end())
    };
    let status =
        |id: &str, headers: &str| served.get_with(&format!("/fhir/Binary/{id}"), headers).status;
    let documents = token("system/DocumentReference.rs");
    let read = served.get_with("/fhir/Binary/document", &documents);
    assert_eq!((read.status, read.text()), (200, "hello".to_owned()));
    assert_eq!(status("document/_history/1", &documents), 200);
    for id in [
        "photo",
        "report",
        "extension",
        "absolute",
        "context",
        "logo",
        "alone",
        "missing",
        "document/_history/2x",
    ] {
        let expected = if id.starts_with("document") { 404 } else { 403 };
        assert_eq!(status(id, &documents), expected, "{id}");
    }
    assert_eq!(served.get_with("/fhir/Binary?_id=document", &documents).status, 403);
    assert_eq!(status("document", ""), 401);
    for (scope, id) in
        [("Patient", "photo"), ("DiagnosticReport", "report"), ("Observation", "extension")]
    {
        let headers = token(&format!("system/{scope}.rs"));
        assert_eq!((status(id, &headers), status("document", &headers)), (200, 403), "{scope}");
    }
    assert_eq!(status("alone", &token("system/Binary.rs")), 200);
    // Once no document leads to it, it is closed.
    dir.write("d1.ndjson", document("d1", "Binary/photo"));
    dir.import(0, &["s.db", "d1.ndjson"]);
    assert_eq!(status("photo", &documents), 200);
}
