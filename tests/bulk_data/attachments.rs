//! Binary resources and the attachments that lead to them.

use serde_json::{Value, json};

use super::client::{EDITIONS, lines, list, manifest, manifests, text};
use super::data::filled;

/// export: Binary Resources whose content is associated with an individual patient SHALL be
/// serialized as DocumentReference Resources with the `content.attachment` element populated as
/// described in the [Attachments](#attachments) section below.
#[test]
fn a_patients_binary_is_exported_as_a_document_reference() {
    let (_dir, served) = filled();
    let url = format!("{}/fhir/Binary/note", served.url);
    for edition in EDITIONS {
        for level in ["Patient/", "Patient/a/", "Group/g/"] {
            let manifest = manifest(&served, &format!("/fhir/{level}{edition}"), &[]);
            let of = |kind: &str| -> Vec<Value> {
                let of_kind = list(&manifest["output"]).iter().filter(|file| file["type"] == kind);
                of_kind.flat_map(|file| lines(&served, file)).collect()
            };
            assert_eq!(of("Binary"), [] as [Value; 0], "{edition} {level}");
            let documents = of("DocumentReference");
            assert_eq!(documents.len(), 1, "{edition} {level}");
            let attachment = json!({"contentType": "text/plain", "url": url});
            assert_eq!(documents[0]["content"], json!([{"attachment": attachment}]));
        }
    }
}

/// export, async: If the `data` element is not populated and the `url` element is populated, the
/// `url` element SHALL be an absolute URL that can be dereferenced to the attachment's content.
///
/// publish: If the data element is not populated and the `url` element is populated, the `url`
/// element SHALL be an absolute URL that can be dereferenced to the attachment's content.
///
/// export, async: When the `url` element is populated and the `requiresAccessToken` field in the
/// manifest is set to `false`, the URL location SHALL be accessible by a Data Consumer without an
/// access token.
///
/// publish: When the `url` element is populated and the `requiresAccessToken` element in the
/// manifest is set to `false`, the URL location SHALL be accessible by a Data Consumer without an
/// access token.
#[test]
fn an_attachments_url_leads_to_its_content() {
    let (_dir, served) = filled();
    let mut all = manifests(&served);
    all.push(manifest(&served, "/fhir/Patient/$export", &[]));
    all.push(manifest(&served, "/fhir/Group/g/$export-v4", &[]));
    for manifest in &all {
        assert_eq!(manifest["requiresAccessToken"], false);
        let file =
            list(&manifest["output"]).iter().find(|file| file["type"] == "DocumentReference");
        let lines = lines(&served, file.expect("a file of documents"));
        let attachment = &lines[0]["content"][0]["attachment"];
        let url = text(&attachment["url"]);
        assert_eq!(url, format!("{}/fhir/Binary/note", served.url));
        // A read that accepts any media type returns the content of a Binary
        // (https://hl7.org/fhir/R4/binary.html#rest).
        let answer = served.get(&url);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), attachment["contentType"].as_str());
        assert_eq!(answer.body, b"hello");
    }
}
