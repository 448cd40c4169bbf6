//! The requests that callers send: the usual ones, and random ones.

use proptest::prelude::*;

use super::steps::{KINDS, OWNERS, WANTED, id, place};

/// A request with parameters in the query or in the body. SINCE stands for a time that the caller was told.
#[derive(Clone, Debug)]
pub struct Ask {
    pub path: String,
    pub parameters: Vec<(&'static str, String)>,
    pub is_post: bool,
    pub headers: &'static str,
}

impl Ask {
    pub fn get(path: impl Into<String>) -> Ask {
        let headers = "Prefer: respond-async\r\n";
        Ask { path: path.into(), parameters: Vec::new(), is_post: false, headers }
    }
}

fn export() -> impl Strategy<Value = Ask> {
    let types = prop::collection::vec(prop::sample::select(&KINDS[..]), 0..4);
    let patients = prop::collection::vec(place(), 0..3);
    let choices = (any::<[bool; 5]>(), 0usize..3, 0u32..3);
    (0usize..4, place(), types, patients, choices).prop_map(
        |(level, place, types, patients, (flags, associated, size))| {
            let [is_post, is_lenient, is_organized, has_since, has_elements] = flags;
            let mut parameters = Vec::new();
            if !types.is_empty() {
                parameters.push(("_type", types.join(",")));
            }
            if level % 2 == 1 && is_post {
                parameters.extend(
                    patients.iter().map(|one| ("patient", format!("Patient/{}", id(*one)))),
                );
            }
            if is_organized {
                parameters.push(("organizeOutputBy", "Patient".to_owned()));
            }
            if has_since {
                parameters.push(("_since", "SINCE".to_owned()));
            }
            if has_elements {
                parameters.push(("_elements", "subject,Patient.identifier".to_owned()));
            }
            if associated > 0 {
                let which = ["Latest", "Relevant"][associated - 1];
                parameters.push(("includeAssociatedData", format!("{which}ProvenanceResources")));
            }
            if size > 0 {
                parameters.push(("_maximumFileSize", (size * 400).to_string()));
            }
            let id = id(place);
            let path = match level {
                0 => "/fhir/$export".to_owned(),
                1 => "/fhir/Patient/$export".to_owned(),
                2 => format!("/fhir/Patient/{id}/$export"),
                _ => format!("/fhir/Group/{id}/$export"),
            };
            let path = if is_post && is_organized { path + "-v4" } else { path };
            let headers = if is_lenient {
                "Prefer: respond-async, handling=lenient\r\n"
            } else {
                "Prefer: respond-async\r\n"
            };
            Ask { path, parameters, is_post, headers }
        },
    )
}

pub fn ask() -> impl Strategy<Value = Ask> {
    let named = (0..KINDS.len(), place()).prop_map(|(kind, place)| (KINDS[kind], id(place)));
    prop_oneof![
        4 => export(),
        2 => named.clone().prop_map(|(kind, id)| Ask::get(format!("/fhir/{kind}/{id}"))),
        2 => (named, 1..9).prop_map(|((kind, id), version)| {
            Ask::get(format!("/fhir/{kind}/{id}/_history/{version}"))
        }),
        1 => place().prop_map(|group| Ask::get(format!("/bulk-data/r4/Group/{}/$export", id(group)))),
        1 => place().prop_map(|group| Ask {
            headers: "",
            ..Ask::get(format!("/bulk-data/r4/Group/{}/$export", id(group)))
        }),
    ]
}

/// The requests that every caller sends.
pub fn usual() -> Vec<Ask> {
    let mut paths: Vec<String> = [
        "/fhir/$export",
        "/fhir/$export?_since=SINCE",
        "/fhir/Patient/$export?_since=SINCE",
        "/fhir/$export?organizeOutputBy=Patient",
        "/fhir/$bulk-publish",
        "/fhir/Group?name:contains=g",
        "/fhir/Other",
        "/fhir/$export?_type=Zzz",
        "/fhir/_history?_count=3",
        "/fhir/_history?_count=0",
    ]
    .map(str::to_owned)
    .to_vec();
    let ids = (0..OWNERS.len()).flat_map(|owner| [0, 1, WANTED].map(|slot| id((owner, slot))));
    let ids = ids.collect::<Vec<_>>().join(",");
    for kind in KINDS {
        paths.push(format!("/fhir/{kind}?_count=2"));
        paths.push(format!("/fhir/{kind}?_count=0"));
        paths.push(format!("/fhir/{kind}/_history?_count=2"));
        paths.push(format!("/fhir/{kind}?_id={ids}&_lastUpdated=ge2020-05-02"));
        for value in ["mrn-0", "org-1"] {
            paths.push(format!("/fhir/{kind}?identifier=urn:s%7C{value}"));
        }
    }
    for owner in 0..OWNERS.len() {
        for (slot, version) in [(0, 1), (0, 2), (1, 1), (1, 2)] {
            let id = id((owner, slot));
            paths.push(format!("/fhir/Patient/{id}/_history/{version}"));
        }
        for slot in [0, 1] {
            let id = id((owner, slot));
            paths.push(format!("/fhir/Patient/{id}/_history"));
            paths.push(format!("/fhir/Patient/{id}/$everything?_count=2"));
        }
    }
    let mut asks: Vec<Ask> = paths.into_iter().map(Ask::get).collect();
    for path in ["", "?_since=SINCE", "?_type=Patient,Zzz"] {
        asks.push(Ask { headers: "", ..Ask::get(format!("/bulk-data/r4/$export{path}")) });
    }
    asks
}
