//! A Bundle of type `batch` that asks a server: the request of each entry.
//!
//! <https://hl7.org/fhir/R4/http.html#transaction>. What Bundles ask an import to do is in `bundle.rs`.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json::{cause, present};
use super::name::short;

/// The request of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchRequest {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// What is asked for, as a rule relative to the base: `Patient/1`, `Observation?code=1`.
    pub url: String,
    /// `ifNoneMatch`: the entity tags that the client has.
    pub if_none_match: Option<String>,
}

#[derive(Deserialize)]
struct BatchHead<'a> {
    #[serde(rename = "resourceType", borrow)]
    resource_type: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    bundle_type: Cow<'a, str>,
    #[serde(borrow, default)]
    entry: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct BatchEntry<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    request: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchRequestHead<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow, default)]
    if_none_match: Option<Cow<'a, str>>,
}

/// Reads the requests of a batch. An entry that is wrong is the reason.
///
/// # Errors
/// The reason, where the text is no batch.
pub fn read(text: &str) -> Result<Vec<Result<BatchRequest, String>>, String> {
    let head: BatchHead<'_> = match serde_json::from_str(text) {
        Ok(head) if text.trim_start().starts_with('{') => head,
        Ok(_) => return Err("it is no JSON object".to_owned()),
        Err(error) => return Err(cause(&error)),
    };
    if head.resource_type != "Bundle" {
        return Err(format!("its resourceType is {:?}", short(&head.resource_type)));
    }
    match &*head.bundle_type {
        "batch" => Ok(head.entry.into_iter().map(|entry| read_entry(entry.get())).collect()),
        "transaction" => Err(
            "it is a transaction, whose entries change the store together; nothing is written here, so send a batch"
                .to_owned(),
        ),
        other => Err(format!("its type is {:?}; batch is answered", short(other))),
    }
}

fn read_entry(text: &str) -> Result<BatchRequest, String> {
    if !text.starts_with('{') {
        return Err("the entry is no JSON object".to_owned());
    }
    let entry: BatchEntry<'_> = serde_json::from_str(text)
        .map_err(|error| format!("the entry cannot be read: {}", cause(&error)))?;
    let request = entry.request.map(RawValue::get).filter(|request| request.starts_with('{'));
    let Some(request) = request else { return Err("the entry has no request".to_owned()) };
    let head: BatchRequestHead<'_> = serde_json::from_str(request)
        .map_err(|error| format!("the entry's request cannot be read: {}", cause(&error)))?;
    Ok(BatchRequest {
        method: head.method.into_owned(),
        url: head.url.into_owned(),
        if_none_match: head.if_none_match.map(Cow::into_owned),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_entry_is_lost_and_no_text_is_too_odd(
            entries in prop::collection::vec(any::<Option<(String, String, Option<String>)>>(), 0..9),
            odd in any::<String>(),
        ) {
            let entry = |entry: &Option<(String, String, Option<String>)>| match entry {
                Some((method, url, tags)) => serde_json::json!({
                    "request": {"method": method, "url": url, "ifNoneMatch": tags}
                }),
                None => serde_json::json!({"request": odd}),
            };
            let bundle = serde_json::json!({
                "resourceType": "Bundle",
                "type": "batch",
                "entry": entries.iter().map(entry).collect::<Vec<_>>(),
            });
            let expected: Vec<_> = entries
                .into_iter()
                .map(|entry| {
                    entry.map(|(method, url, if_none_match)| BatchRequest { method, url, if_none_match })
                })
                .collect();
            let found = read(&bundle.to_string()).unwrap();
            let found: Vec<_> = found.into_iter().map(Result::ok).collect();
            prop_assert_eq!(found, expected);
            let _ = read(&odd);
        }
    }

    #[test]
    fn each_entry_is_read_by_itself() {
        let text = r#"{"resourceType":"Bundle","type":"batch","entry":[
            {"request":{"method":"GET","url":"Patient/\u0061","ifNoneMatch":"W/\"1\""}},
            {"fullUrl":"x"},{"request":null},{"request":[]},1,{"request":{"method":"GET"}},
            {"request":{"method":"PUT","url":"Patient/b"},"resource":{"resourceType":"Patient"}}]}"#;
        let read: Vec<_> = read(text).unwrap();
        let first = BatchRequest {
            method: "GET".to_owned(),
            url: "Patient/a".to_owned(),
            if_none_match: Some("W/\"1\"".to_owned()),
        };
        assert_eq!(read[0], Ok(first));
        for wrong in &read[1..6] {
            assert!(wrong.as_ref().is_err_and(|why| why.starts_with("the entry")), "{wrong:?}");
        }
        assert_eq!(read[6].as_ref().map(|request| request.method.as_str()), Ok("PUT"));
        assert_eq!(super::read(r#"{"resourceType":"Bundle","type":"batch"}"#), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_batch_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "EOF"),
            ("[]", "invalid length"),
            ("{}", "missing field"),
            (r#"{"resourceType":"Patient","type":"batch"}"#, "Patient"),
            (r#"{"resourceType":"Bundle","type":"transaction"}"#, "nothing is written here"),
            (r#"{"resourceType":"Bundle","type":"history"}"#, "history"),
            (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, "invalid type"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
