//! What screens lead to as files: whole lists, and the data of attachments.

use crate::support::client::raw;
use crate::support::{gunzip, served};

/// More than a page of anything.
fn data() -> String {
    let line = |number: usize| {
        format!(
            "{{\"resourceType\":\"Patient\",\"id\":\"p{number}\",\"gender\":\"{}\",\"name\":[{{\"family\":\"=A, \\\"{number}\\\"\"}}]}}\n{{\"resourceType\":\"Basic\",\"id\":\"b{number}\"}}\n",
            if number.is_multiple_of(2) { "male" } else { "female" }
        )
    };
    (0..1203).map(line).collect()
}

#[test]
fn a_whole_result_is_a_file_of_ndjson_or_csv() {
    let (_dir, served) = served(&data());
    let answer = served.get("/browse/Patient.ndjson");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"Patient.ndjson\"")
    );
    let exported = served.files(&served.manifest("?_type=Patient"));
    assert_eq!(answer.body, exported[0].1);
    let males = served.get("/browse/Patient.ndjson?gender=male&_count=3").text();
    assert_eq!(males.lines().count(), 602);
    assert!(males.lines().all(|line| line.contains("\"male\"")));
    let sorted = served.get("/browse/Patient.ndjson?_sort=-_id&_elements=id").text();
    let first: serde_json::Value = serde_json::from_str(sorted.lines().next().unwrap()).unwrap();
    assert_eq!((&first["id"], &first["name"]), (&"p999".into(), &serde_json::Value::Null));
    assert_eq!(sorted.lines().count(), 1203);

    let csv = served.get("/browse/Patient.csv?gender=male");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = csv.text();
    assert_eq!(text.lines().count(), 603);
    assert!(text.starts_with("id,patient,identifier,active,name,"), "{text}");
    assert!(text.contains("\"=A, \"\"0\"\"\""), "{}", &text[..300]);
    let basic = served.get("/browse/Basic.csv").text();
    assert!(basic.starts_with("id,last_updated\r\nb0,20"), "{}", &basic[..60]);
    assert_eq!(basic.lines().count(), 1204);
}

#[test]
fn a_file_is_whole_for_an_old_client_and_a_fault_is_told_before_it() {
    let (_dir, served) = served(&data());
    let old = raw(served.authority(), b"GET /browse/Basic.csv HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n");
    let old = String::from_utf8(old).expect("UTF-8");
    let (head, body) = old.split_once("\r\n\r\n").expect("a head");
    assert!(head.to_lowercase().contains(&format!("content-length: {}", body.len())), "{head}");
    assert_eq!(body, served.get("/browse/Basic.csv").text());
    assert_eq!(served.get("/browse/Patient.csv?bogus=1").status, 400);
    assert_eq!(served.get("/browse/Patient.xml").status, 404);
}

#[test]
fn the_data_of_an_attachment_is_a_download_that_nothing_runs() {
    let data = r#"{"resourceType":"DocumentReference","id":"d","content":[{"attachment":{"contentType":"text/html","data":"PHNjcmlwdD4=","title":"report"}},{"attachment":{"contentType":"a\r\nb","data":"aGk="}},{"attachment":{"contentType":"text/plain","data":"***"}},{"attachment":{"contentType":"text/plain","url":"Binary/b"}}]}
{"resourceType":"Binary","id":"b","contentType":"text/html","data":"PHNjcmlwdD4="}
"#;
    let (_dir, served) = served(data);
    let answer = served.get("/browse/DocumentReference/d/attachments/0");
    assert_eq!((answer.status, answer.text().as_str()), (200, "<script>"));
    assert_eq!(answer.header("content-type"), Some("text/html"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"attachment-0\""));
    assert!(answer.head.contains("Content-Security-Policy: sandbox"), "{}", answer.head);
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let answer = served.get("/browse/DocumentReference/d/attachments/1");
    assert_eq!(
        (answer.text().as_str(), answer.header("content-type")),
        ("hi", Some("application/octet-stream"))
    );
    for (number, status) in [("2", 400), ("3", 404), ("4", 404), ("-1", 404), ("x", 404)] {
        let target = format!("/browse/DocumentReference/d/attachments/{number}");
        assert_eq!(served.get(&target).status, status, "{number}");
    }
    // What a Binary holds comes from the API, with its sandbox.
    let html = super::browse_html::screen(&served, "/browse/DocumentReference/d");
    assert!(html.contains("href=\"/fhir/Binary/b\" download"), "{html}");
    let answer = served.get_with("/fhir/Binary/b", "Accept: text/html,*/*;q=0.8\r\n");
    assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
    let packed = served.get_with("/browse/DocumentReference/d", "Accept-Encoding: gzip\r\n");
    assert_eq!(gunzip(&packed.body), html.as_bytes());
}
