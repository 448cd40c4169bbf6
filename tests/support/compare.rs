//! Answers of two stores, made comparable, and the links in an answer.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

use super::client::Answer;
use super::gunzip;

/// The URLs that an answer leads to: the polling location, files, the next page.
pub fn links(answer: &Answer) -> Vec<String> {
    if answer.status == 202 {
        return answer.header("content-location").map(str::to_owned).into_iter().collect();
    }
    let kind = answer.header("content-type").unwrap_or_default();
    if answer.status != 200 || !matches!(kind, "application/json" | "application/fhir+json") {
        return Vec::new();
    }
    let body = answer.json();
    let of = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let files = ["output", "deleted", "error", "outcome"].iter().flat_map(|name| of(&body[name]));
    // Only `next` is a link to follow: a resource may have others.
    let next = of(&body["link"]).into_iter().filter(|link| link["relation"] == "next");
    files.chain(next).filter_map(|link| Some(link["url"].as_str()?.to_owned())).collect()
}

/// The answer with its body decompressed.
pub fn unpacked(mut answer: Answer) -> Answer {
    if answer.header("content-encoding") == Some("gzip") {
        answer.body = gunzip(&answer.body);
    }
    answer
}

/// The text of an answer without what differs from store to store: times, numbers of writes, ids of jobs.
///
/// `None` for a job that is under way, whose progress depends on the moment.
pub fn comparable(label: &str, answer: &Answer) -> Option<String> {
    if answer.header("x-progress").is_some() {
        return None;
    }
    if let Some(length) = answer.header("content-length") {
        assert_eq!(length, answer.body.len().to_string(), "{label}");
    }
    let mut text = format!("{label}\n");
    for line in answer.head.lines() {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let differs = match name.as_str() {
            "date" | "expires" | "content-length" | "x-request-id" => true,
            "last-modified" => !line.contains(" 2020 "),
            "etag" => !line.contains("W/"),
            _ => false,
        };
        text += if differs { &name } else { line };
        text += "\n";
    }
    Some(normal(&(text + &answer.text())))
}

/// Replaces what differs from store to store.
pub fn normal(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match varying(rest, &out) {
            Some((length, instead)) => {
                out += &instead;
                rest = &rest[length..];
            }
            None => {
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

/// The length of a part that differs from store to store, if `rest` begins with one, and its replacement.
fn varying(rest: &str, before: &str) -> Option<(usize, String)> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if ["_after=", "_before="].iter().any(|name| before.ends_with(name)) {
        return Some((digits, "NUMBER".to_owned()));
    }
    if before.ends_with("_snapshot=") {
        let name = rest.bytes().take_while(|b| b.is_ascii_hexdigit() || *b == b'-').count();
        return Some((name, "SNAPSHOT".to_owned()));
    }
    let time = rest.get(..24).filter(|_| digits == 4 && !rest.starts_with("2020"));
    let is_time = |text: &str| {
        let form = text.bytes().map(|b| if b.is_ascii_digit() { '0' } else { char::from(b) });
        form.eq("0000-00-00T00:00:00.000Z".chars())
    };
    if time.is_some_and(is_time) {
        return Some((24, "TIME".to_owned()));
    }
    let is_job = ["/jobs/", "/job/", "/file/"].iter().any(|path| before.ends_with(path));
    if is_job && rest.bytes().take_while(u8::is_ascii_hexdigit).count() == 32 {
        return Some((32, "JOB".to_owned()));
    }
    // Derived ids of a user's resources: the users of two stores have other numbers.
    let begins = before.ends_with("\"id\":\"") || before.ends_with('/');
    if begins && rest.bytes().take_while(u8::is_ascii_hexdigit).count() == 32 {
        return Some((32, "DERIVED".to_owned()));
    }
    if rest.starts_with("eyJ") {
        let name = &rest[..rest.find(".ndjson")?];
        let payload = BASE64_URL_SAFE_NO_PAD.decode(name.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&payload).ok()?;
        let said = format!("{} {} {}", claims["type"], claims["total"], claims["since"].is_null());
        return Some((name.len(), said));
    }
    None
}
