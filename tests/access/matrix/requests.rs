//! The requests behind the columns of the table.

use std::collections::BTreeMap;

use super::door::{Door, file};
use crate::support::bulk::parameters;

const LONG_AGO: &str = "2000-01-01T00:00:00Z";

/// A request without the caller's headers.
#[derive(Clone)]
pub struct Asked {
    pub method: &'static str,
    pub path: String,
    pub headers: &'static str,
    pub media_type: &'static str,
    pub body: String,
}

impl Asked {
    pub fn get(path: impl Into<String>) -> Asked {
        let (media_type, body) = ("", String::new());
        Asked { method: "GET", path: path.into(), headers: "", media_type, body }
    }

    /// Prefers an asynchronous answer.
    pub fn apart(path: impl Into<String>) -> Asked {
        Asked { headers: "Prefer: respond-async\r\n", ..Asked::get(path) }
    }

    fn post(path: impl Into<String>, name: &str, value: &str) -> Asked {
        let (media_type, body) = ("application/fhir+json", parameters(&[(name, value)]));
        Asked { method: "POST", media_type, body, ..Asked::get(path) }
    }
}

/// Runs exports of all kinds; the path for each column of the table.
pub fn begin(door: &Door<'_>, headers: &str, group: &str) -> BTreeMap<&'static str, String> {
    let manifest = |place: &str| door.get(place, headers).json();
    let paged = "/fhir/$export?allowPartialManifests=true&_maximumFileSize=1";
    let paged = door.begun(&Asked::get(paged), headers);
    let apart = door.begun(&Asked::apart("/bulk-data/r4/$export"), headers);
    let members = Asked::get(format!("/fhir/Group/{group}/$export?_since={LONG_AGO}"));
    let members = door.begun(&members, headers);
    let by_patient = Asked::get("/fhir/Patient/$export?organizeOutputBy=Patient");
    let by_patient = manifest(&door.begun(&by_patient, headers));
    let (plain, published) = (manifest("/bulk-data/r4/$export"), manifest("/fhir/$bulk-publish"));
    // An export of a Group in the 1upHealth dialect needs a secret. With a token, the path for its files still serves
    // the file of another export.
    let of_group = if headers.contains("Bearer") {
        let file = file(&manifest(&members), "Observation");
        file.replace("/fhir/jobs/", "/bulk-data/r4/$export/file/")
    } else {
        file(&manifest(&format!("/bulk-data/r4/Group/{group}/$export")), "Observation")
    };
    let members = manifest(&members);
    BTreeMap::from([
        ("status", paged.clone()),
        ("1up-status", apart.clone()),
        ("page", format!("{paged}/manifest/2")),
        ("Patient", file(&plain, "Patient")),
        ("Observation", file(&plain, "Observation")),
        ("published", file(&published, "Observation")),
        ("output", file(&members, "Observation")),
        ("1up-output", file(&manifest(&apart), "Observation")),
        ("1up-group", of_group),
        ("blocks", file(&by_patient, "blocks")),
        ("deletions", file(&members, "deleted")),
        ("error", file(&members, "error")),
    ])
}

/// The request for a column about an owner's data, or about no owner in particular.
pub fn asked(column: &str, of: &str) -> Asked {
    match column {
        "1up" => Asked::get("/bulk-data/r4/$export"),
        "async" => Asked::apart("/bulk-data/r4/$export"),
        "typed" => Asked::get("/bulk-data/r4/$export?_type=Patient,Observation"),
        "system" => Asked::get("/fhir/$export"),
        "lenient" => Asked {
            headers: "Prefer: handling=lenient\r\n",
            ..Asked::get("/fhir/$export?_type=Patient,Observation&x=y")
        },
        "patient" => Asked::get("/fhir/Patient/$export"),
        "post" => Asked::post("/fhir/$export", "_type", "Observation"),
        "v4" if of.is_empty() => Asked::post("/fhir/$export-v4", "_since", LONG_AGO),
        "publish" => Asked::get("/fhir/$bulk-publish"),
        "$export" => Asked::get(format!("/fhir/Patient/{of}/$export")),
        "Group" => Asked::get(format!("/fhir/Group/{of}/$export")),
        "v4" => Asked::post(format!("/fhir/Group/{of}/$export-v4"), "_since", LONG_AGO),
        "1upGroup" => Asked::get(format!("/bulk-data/r4/Group/{of}/$export")),
        "async-1upGroup" => Asked::apart(format!("/bulk-data/r4/Group/{of}/$export")),
        "read" => Asked::get(format!("/fhir/Patient/{of}")),
        "other" => Asked::get(format!("/fhir/Observation/{of}")),
        "vread" => Asked::get(format!("/fhir/Patient/{of}/_history/1")),
        "deleted" => Asked::get(format!("/fhir/Observation/{of}-deleted")),
        "roster" => Asked::get(format!("/fhir/Group/{of}")),
        "search" => Asked::get(format!("/fhir/Patient?_id={of}")),
        "_search" => Asked {
            method: "POST",
            media_type: "application/x-www-form-urlencoded",
            body: format!("_id={of}"),
            ..Asked::get("/fhir/Observation/_search")
        },
        _ => panic!("{column}?"),
    }
}
