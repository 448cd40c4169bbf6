//! Media types: `Content-Type`, `Accept` and the parameter `_format`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-8.3.1>,
//! <https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1>

use super::syntax::{ListElement, list};

/// The media type of FHIR JSON.
pub const FHIR_JSON: &str = "application/fhir+json";
/// The media type of the files of an export.
pub const NDJSON: &str = "application/fhir+ndjson";

/// The names that clients have for NDJSON.
const NDJSON_NAMES: [&str; 3] = [NDJSON, "application/ndjson", "application/x-ndjson"];

/// The names that clients have for FHIR JSON: its own, that of DSTU2, and that of JSON.
const JSON_NAMES: [&str; 3] = [FHIR_JSON, "application/json+fhir", "application/json"];

/// A media type.
#[derive(Debug, PartialEq, Eq)]
pub struct MediaType {
    /// `type/subtype` in lower case.
    pub name: String,
    charset: Option<String>,
}

impl MediaType {
    /// Reads `type/subtype; name=value; …`.
    pub fn parse(text: &str) -> MediaType {
        let element = ListElement::parse(text);
        let charset = element.parameter("charset").map(str::to_ascii_lowercase);
        MediaType { name: element.value, charset }
    }

    /// Reads the value of `_format`, whose `+` may have been decoded to a blank.
    fn of_format(format: &str) -> MediaType {
        MediaType::parse(&format.replace(' ', "+"))
    }

    /// True for text in UTF-8, which is also the rule where no `charset` is given.
    pub fn is_utf8(&self) -> bool {
        self.charset.as_deref().is_none_or(|charset| charset == "utf-8")
    }
}

/// The media ranges of an `Accept` header with their weights.
#[derive(Debug)]
pub struct AcceptedTypes(Vec<(String, u16)>);

impl AcceptedTypes {
    /// Reads an `Accept` header. Parameters of ranges other than `q` are ignored.
    pub fn parse(text: &str) -> AcceptedTypes {
        AcceptedTypes(list(text).map(|element| (element.value.clone(), element.weight())).collect())
    }

    /// The weight of `media`, given by the most specific range that includes the type.
    pub fn weight(&self, media: &str) -> u16 {
        let main = media.split('/').next().unwrap_or_default();
        let ranges = [media.to_owned(), format!("{main}/*"), "*/*".to_owned()];
        ranges.iter().find_map(|range| self.weight_of_range(range)).unwrap_or(0)
    }

    fn weight_of_range(&self, range: &str) -> Option<u16> {
        let weights = self.0.iter().filter(|(known, _)| known == range).map(|(_, weight)| *weight);
        weights.max()
    }

    /// True if the header names `media` itself and does not refuse the type.
    pub fn names(&self, media: &str) -> bool {
        self.weight_of_range(media).is_some_and(|weight| weight > 0)
    }
}

/// True if a client takes FHIR JSON. `_format` goes before `Accept`.
///
/// <https://hl7.org/fhir/R4/http.html#parameters>
pub fn takes_json(format: Option<&str>, accept: Option<&AcceptedTypes>) -> bool {
    match (format.map(MediaType::of_format), accept) {
        (Some(format), _) => {
            is_json(&format.name) || matches!(&*format.name, "application/*" | "*/*")
        }
        (None, Some(accept)) => JSON_NAMES.iter().any(|name| accept.weight(name) > 0),
        (None, None) => true,
    }
}

/// True if a client asks for NDJSON. In a kick-off that is the format of the files.
///
/// <https://hl7.org/fhir/uv/bulkdata/export.html#headers>
pub fn takes_ndjson(format: Option<&str>, accept: Option<&AcceptedTypes>) -> bool {
    match (format.map(MediaType::of_format), accept) {
        (Some(format), _) => format.name == "ndjson" || NDJSON_NAMES.contains(&&*format.name),
        (None, Some(accept)) => NDJSON_NAMES.iter().any(|name| accept.names(name)),
        (None, None) => false,
    }
}

/// True if a client wants the resource as FHIR JSON rather than its content of type `own`.
pub fn prefers_json(format: Option<&str>, accept: Option<&AcceptedTypes>, own: &MediaType) -> bool {
    match (format.map(MediaType::of_format), accept) {
        (Some(format), _) => is_json(&format.name),
        (None, Some(accept)) => {
            JSON_NAMES.iter().any(|name| accept.names(name)) && !accept.names(&own.name)
        }
        (None, None) => false,
    }
}

/// True for JSON's name in a value of `_format`.
fn is_json(name: &str) -> bool {
    name == "json" || JSON_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_are_read_in_any_case_and_with_quotes() {
        for (text, name, is_utf8) in [
            ("Application/X-WWW-Form-Urlencoded", "application/x-www-form-urlencoded", true),
            ("application/json;charset=UTF-8", "application/json", true),
            ("application/json ; Charset=\"utf-8\"", "application/json", true),
            ("application/json; a=\"x;charset=latin1\"", "application/json", true),
            ("application/json; charset=latin1", "application/json", false),
            ("", "", true),
        ] {
            let media = MediaType::parse(text);
            assert_eq!((media.name.as_str(), media.is_utf8()), (name, is_utf8), "{text}");
        }
    }

    #[test]
    fn json_is_taken_by_the_most_specific_range() {
        for (accept, takes) in [
            ("*/*", true),
            ("application/*;q=0.1", true),
            ("Application/FHIR+JSON; fhirVersion=4.0", true),
            ("text/html, application/json;q=0.5", true),
            ("application/fhir+json;q=0, */*", true),
            ("application/fhir+json; profile=\"a, application/json;q=0\"", true),
            ("text/html; a=\"b, application/json\"", false),
            ("application/json;q=0", false),
            ("application/*;q=0, */*", false),
            ("application/fhir+xml", false),
            (",", false),
        ] {
            assert_eq!(takes_json(None, Some(&AcceptedTypes::parse(accept))), takes, "{accept}");
        }
        assert!(takes_json(None, None));
    }

    #[test]
    fn a_format_goes_before_accept() {
        let xml = AcceptedTypes::parse("application/xml");
        for (format, takes) in [
            ("json", true),
            ("application/fhir json", true),
            ("Application/FHIR+JSON;charset=utf-8", true),
            ("*/*", true),
            ("xml", false),
            ("", false),
        ] {
            assert_eq!(takes_json(Some(format), Some(&xml)), takes, "{format}");
        }
    }

    #[test]
    fn ndjson_is_asked_for_by_name() {
        for (format, accept, takes) in [
            (None, "application/fhir+ndjson", true),
            (None, "Application/NDJSON;q=0.1, text/html", true),
            (None, "application/fhir+ndjson;q=0", false),
            (None, "*/*", false),
            (None, "application/fhir+xml", false),
            (Some("ndjson"), "application/xml", true),
            (Some("application/fhir ndjson"), "", true),
            (Some("xml"), "application/fhir+ndjson", false),
        ] {
            let accept = AcceptedTypes::parse(accept);
            assert_eq!(takes_ndjson(format, Some(&accept)), takes, "{format:?} {accept:?}");
        }
        assert!(!takes_ndjson(None, None));
    }

    #[test]
    fn content_is_preferred_unless_json_alone_is_named() {
        let pdf = MediaType::parse("application/pdf; a=b");
        for (format, accept, json) in [
            (None, "application/fhir+json", true),
            (None, "application/fhir+json, application/pdf", false),
            (None, "application/fhir+json, application/pdf;q=0", true),
            (None, "application/fhir+json;q=0", false),
            (None, "*/*", false),
            (Some("json"), "application/pdf", true),
            (Some("application/fhir json"), "application/pdf", true),
            (Some("application/pdf"), "application/fhir+json", false),
        ] {
            let accept = AcceptedTypes::parse(accept);
            assert_eq!(prefers_json(format, Some(&accept), &pdf), json, "{format:?} {accept:?}");
        }
        assert!(!prefers_json(None, None, &pdf));
    }
}
