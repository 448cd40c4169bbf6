//! The request that a form amounts to: as text to copy, as a question whether it is right, and sent.
//!
//! It is answered by the handlers of the API, for the same caller: same checks, same limits, same audit.

use super::exports_draft::{ExportCall, ExportDraft, TYPE_FILTER};
use super::exports_protocol::ExportProtocol;
use crate::error::{Error, Kind, Result};
use crate::export::{ExportParameter, Level};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::export_path;
use crate::http::header::FHIR_JSON;
use crate::http::message::{Request, Response};
use crate::http::{kickoff, oneup};
use crate::shown::{shown, shown_json};

/// The preference of a client that waits for its export.
const ASYNC: &str = "respond-async";

/// A request as text.
pub struct CallTexts {
    /// Its method.
    pub method: &'static str,
    /// Its URL.
    pub url: String,
    /// Its body; empty for none.
    pub body: String,
    /// The same with curl.
    pub curl: String,
    /// The same with the program; empty where the store has no file.
    pub command: String,
    /// Whether the program takes other parameters.
    pub is_command_shorter: bool,
}

/// A draft, as a request of the API.
pub struct DraftedCall<'d> {
    draft: &'d ExportDraft,
    call: ExportCall,
}

impl<'d> DraftedCall<'d> {
    /// The request of a draft.
    ///
    /// # Errors
    /// Those of [`ExportDraft::call`]; where the store cannot be read.
    pub fn of(
        request: &AuthenticatedRequest<'_>,
        draft: &'d ExportDraft,
    ) -> Result<DraftedCall<'d>> {
        let call = draft.call(&export_path(request.fhir_version()?))?;
        Ok(DraftedCall { draft, call })
    }

    /// Checks the parameters as a kick-off does, and starts nothing.
    ///
    /// # Errors
    /// Those of the kick-off.
    pub fn check(&self, request: &AuthenticatedRequest<'_>) -> Result<()> {
        let inner = self.inner(request)?;
        let asking = request.with_entry(&inner);
        match self.draft.protocol {
            ExportProtocol::OneUp => oneup::asked(&asking).map(drop),
            protocol => kickoff::asked(&asking, self.draft.level()?, protocol.edition()).map(drop),
        }
    }

    /// Starts the export; the id of its job.
    ///
    /// # Errors
    /// Those of the kick-off.
    pub fn start(&self, request: &AuthenticatedRequest<'_>) -> Result<String> {
        let inner = self.inner(request)?;
        let asking = request.with_entry(&inner);
        let answer = match (self.draft.protocol, self.draft.level()?) {
            (ExportProtocol::OneUp, Level::Group(id)) => oneup::group(&asking, &id),
            (ExportProtocol::OneUp, _) => oneup::kickoff(&asking),
            (protocol, level) => kickoff::kickoff(&asking, level, protocol.edition()),
        }?;
        job_of(&answer).ok_or_else(|| {
            let what = format!("a kick-off was answered with {}", answer.status);
            Error::new(Kind::Internal, what)
        })
    }

    /// The request of the API. It has of the browser's what is about the connection.
    fn inner(&self, request: &AuthenticatedRequest<'_>) -> Result<Request> {
        let outer: &Request = request;
        let mut headers = vec![
            ("accept".to_owned(), FHIR_JSON.to_owned()),
            ("prefer".to_owned(), ASYNC.to_owned()),
            ("content-type".to_owned(), FHIR_JSON.to_owned()),
        ];
        headers.extend(outer.header("host").map(|host| ("host".to_owned(), host)));
        let ExportCall { method, target, body } = &self.call;
        let inner = Request::new(method, target, headers, outer.takes_chunks, outer.peer)?;
        Ok(Request {
            body: body.clone().unwrap_or_default().into_bytes(),
            id: outer.id.clone(),
            noted: outer.noted.clone(),
            local: outer.local,
            watch: outer.watch.clone(),
            scheme: outer.scheme,
            proxy_scheme: outer.proxy_scheme,
            proxy_host: outer.proxy_host.clone(),
            ..inner
        })
    }

    /// The request as text. `store` is the name of the store's file, if it has one.
    pub fn texts(&self, request: &AuthenticatedRequest<'_>, store: Option<&str>) -> CallTexts {
        let url = format!("{}{}", request.base(), self.call.target);
        let lines = self.call.body.iter().flat_map(|body| body.lines());
        let lines: Vec<_> = lines.map(shown_json).collect();
        let body = lines.join("\n");
        let mut curl = "curl -i".to_owned();
        if request.context.access.is_required() {
            curl.push_str(" -H \"Authorization: Bearer $TOKEN\"");
        }
        curl.push_str(&format!(" -H 'Prefer: {ASYNC}'"));
        if !body.is_empty() {
            let compact = lines.iter().map(|line| line.trim_start()).collect::<String>();
            let body = quoted(&compact);
            curl.push_str(&format!(" -H 'Content-Type: {FHIR_JSON}' --data-binary {body}"));
        }
        curl.push_str(&format!(" {}", quoted(&url)));
        let (command, is_command_shorter) = match store {
            Some(store) => command(self.draft, store),
            None => (String::new(), false),
        };
        CallTexts { method: self.call.method, url, body, curl, command, is_command_shorter }
    }
}

/// The id of the job that an answer to a kick-off names.
fn job_of(answer: &Response) -> Option<String> {
    let location = answer.headers.iter().find(|(name, _)| *name == "Content-Location");
    let (_, location) = location.filter(|_| answer.status == 202)?;
    location.rsplit('/').next().map(str::to_owned)
}

/// The command of the program that writes the same export, and whether parameters of the draft are missing in it.
fn command(draft: &ExportDraft, store: &str) -> (String, bool) {
    let mut words =
        vec!["fhirlite export".to_owned(), quoted_if_needed(store), "export".to_owned()];
    let mut add = |name: &str, value: &str| {
        words.push(format!("--{name}"));
        if !value.is_empty() {
            words.push(quoted_if_needed(value));
        }
    };
    match draft.level() {
        Ok(Level::Patient) => add("all-patients", ""),
        Ok(Level::OnePatient(id)) => add("patient", &id),
        Ok(Level::Group(id)) => add("group", &id),
        Ok(Level::System) | Err(_) => {}
    }
    if draft.protocol == ExportProtocol::Stu4 {
        add("edition", "stu4");
    }
    let mut is_shorter = false;
    for (name, values) in &draft.parameters {
        let Some(option) = ExportParameter::named(name).and_then(|it| it.option) else {
            is_shorter = true;
            continue;
        };
        let choice = |value: &String| {
            let known = option.choices.iter().find(|(_, of_parameter)| *of_parameter == value);
            known.map_or_else(|| value.clone(), |(choice, _)| (*choice).to_owned())
        };
        let values: Vec<String> = values.iter().map(choice).collect();
        match *name {
            TYPE_FILTER => values.iter().for_each(|value| add(option.name, value)),
            _ => add(option.name, &values.join(",")),
        }
    }
    (words.join(" "), is_shorter)
}

/// A word for a shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", shown(word).replace('\'', r"'\''"))
}

fn quoted_if_needed(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:/+@".contains(&b);
    if !word.is_empty() && word.bytes().all(is_plain) { word.to_owned() } else { quoted(word) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(fields: &[(&str, &str)]) -> ExportDraft {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ExportDraft::read(&fields)
    }

    #[test]
    fn the_command_says_what_the_form_says() {
        for (fields, wanted) in [
            (&[][..], ("fhirlite export s.db export", false)),
            (
                &[("level", "group"), ("group_id", "g"), ("protocol", "stu4")],
                ("fhirlite export s.db export --group g --edition stu4", false),
            ),
            (
                &[
                    ("level", "one"),
                    ("patient_id", "a'b"),
                    ("_type", "Patient"),
                    ("_type", "Group"),
                    ("includeAssociatedData", "LatestProvenanceResources"),
                    ("_typeFilter", "Patient?name=x y\nGroup?_id=1"),
                    ("allowPartialManifests", "true"),
                ],
                (
                    "fhirlite export s.db export --patient 'a'\\''b' --type Patient,Group \
                     --provenance latest --type-filter 'Patient?name=x y' --type-filter 'Group?_id=1'",
                    true,
                ),
            ),
            (
                &[("_since", "\u{202e}\u{1b}x")],
                ("fhirlite export s.db export --since '\\u{202e}\\u{1b}x'", false),
            ),
        ] {
            let (text, is_shorter) = command(&draft(fields), "s.db");
            assert_eq!((text.as_str(), is_shorter), wanted);
        }
    }
}
