//! Which place a request has: by the pattern of its row in the routing table, and its method.
//!
//! The patterns are those of `src/http/route.rs`. Routes that are no part of FHIR, such as `/health`, have
//! no place, so no rule reaches them.

use super::place::FaultPlace;

/// The place of a request; `None` where no fault happens.
pub fn place_of_route(pattern: &str, method: &str) -> Option<FaultPlace> {
    let segments: Vec<&str> = pattern.trim_start_matches('/').split('/').collect();
    let place = match segments.as_slice() {
        [.., "oauth2", "token"] => FaultPlace::Token,
        [.., ".well-known", _] | ["fhir", "metadata"] | ["fhir", "OperationDefinition", _] => {
            FaultPlace::Metadata
        }
        [.., last] if last.ends_with(".ndjson") => FaultPlace::File,
        ["fhir" | "bulk-data", .., "$export" | "$export-v4"] => FaultPlace::Kickoff,
        ["fhir", "jobs", _] | ["bulk-data", .., "job", _] if method == "DELETE" => {
            FaultPlace::Delete
        }
        ["fhir", "jobs", ..] | ["bulk-data", .., "job", _] | ["bulk-data", .., "manifest", _] => {
            FaultPlace::Status
        }
        ["fhir", "$bulk-publish"] => FaultPlace::Status,
        ["fhir", "{Type}", "{id}"] | ["fhir", "{Type}", "{id}", "_history", _] => FaultPlace::Read,
        ["fhir", ..] => FaultPlace::Search,
        _ => return None,
    };
    Some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_table_has_its_place() {
        for (pattern, place) in [
            ("/health", None),
            ("/metrics", None),
            ("/user-management/v1/user", None),
            ("/oauth2/token", Some(FaultPlace::Token)),
            ("/fhir/oauth2/token", Some(FaultPlace::Token)),
            ("/.well-known/smart-configuration", Some(FaultPlace::Metadata)),
            ("/fhir/metadata", Some(FaultPlace::Metadata)),
            ("/fhir/OperationDefinition/{id}", Some(FaultPlace::Metadata)),
            ("/fhir/$export", Some(FaultPlace::Kickoff)),
            ("/fhir/Group/{id}/$export-v4", Some(FaultPlace::Kickoff)),
            ("/bulk-data/{version}/$export", Some(FaultPlace::Kickoff)),
            ("/fhir/jobs/{id}", Some(FaultPlace::Status)),
            ("/fhir/jobs/{id}/manifest/{page}", Some(FaultPlace::Status)),
            ("/fhir/jobs/{id}/{name}.ndjson", Some(FaultPlace::File)),
            ("/bulk-data/{version}/$export/job/{id}", Some(FaultPlace::Status)),
            ("/bulk-data/{version}/$export/job/{id}/manifest/{page}", Some(FaultPlace::Status)),
            ("/bulk-data/{version}/$export/file/{id}/{name}.ndjson", Some(FaultPlace::File)),
            ("/bulk-data/{version}/$export/{Type}/{JWT}.ndjson", Some(FaultPlace::File)),
            ("/fhir/$bulk-publish", Some(FaultPlace::Status)),
            ("/fhir/$bulk-publish/{Type}/{JWT}.ndjson", Some(FaultPlace::File)),
            ("/fhir/{Type}/{id}", Some(FaultPlace::Read)),
            ("/fhir/{Type}/{id}/_history/{vid}", Some(FaultPlace::Read)),
            ("/fhir/{Type}/{id}/_history", Some(FaultPlace::Search)),
            ("/fhir/{Type}", Some(FaultPlace::Search)),
            ("/fhir/Patient/{id}/$everything", Some(FaultPlace::Search)),
            ("/fhir", Some(FaultPlace::Search)),
        ] {
            assert_eq!(place_of_route(pattern, "GET"), place, "{pattern}");
        }
        for pattern in ["/fhir/jobs/{id}", "/bulk-data/{version}/$export/job/{id}"] {
            assert_eq!(place_of_route(pattern, "DELETE"), Some(FaultPlace::Delete));
        }
    }
}
