//! What a list leads to as files: everything that the search finds as NDJSON or as CSV, and the data of attachments.
//!
//! Files are written while they are sent, so a client gets any number of resources.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::browse::check_type;
use super::browse_columns::ListColumns;
use crate::error::{Error, Kind, Result};
use crate::fhir::attachment_list::{AttachmentContent, attachments};
use crate::fhir::json::Tree;
use crate::fhir::view::ViewDefinition;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::counted::{length_of, noted};
use crate::http::message::{Body, Request, Response};
use crate::http::rest::{FoundAll, Searched, current};
use crate::store::ReadOutcome;
use crate::view::{RowBuffer, ViewFormat, ViewWriter};

/// So many bytes of rows go out at once.
const PORTION: usize = 64 << 10;
/// The view of types that have no ready one; the type comes between.
const PLAIN_VIEW: [&str; 2] = [
    r#"{"resource":""#,
    r#"","select":[{"column":[{"name":"id","path":"getResourceKey()","type":"id"},{"name":"last_updated","path":"meta.lastUpdated","type":"instant"}]}]}"#,
];

/// What a file of resources has.
enum FileForm {
    /// Their texts, each on a line.
    Ndjson,
    /// The rows of a view.
    Csv(Box<ViewDefinition>),
}

/// Answers with everything that the search of a list finds, as `ndjson` or `csv`.
pub fn file_of_list(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    ending: &str,
) -> Result<Response> {
    check_type(request, resource_type)?;
    let own: &Request = request;
    let found = FoundAll::read(request, own, &Searched::of_type(resource_type))?;
    let (form, media) = match ending {
        "csv" => (FileForm::Csv(Box::new(view_of(resource_type)?)), "text/csv; charset=utf-8"),
        _ => (FileForm::Ndjson, "application/fhir+ndjson"),
    };
    let write = move |out: &mut dyn Write| match &form {
        FileForm::Ndjson => write_ndjson(&found, out),
        FileForm::Csv(view) => write_csv(&found, view, out),
    };
    let note = request.note_rows(&[])?;
    // A client that knows no chunks learns the end of the body by its length alone.
    let length = match own.takes_chunks || own.method == "HEAD" {
        true => None,
        false => Some(length_of(&write)?),
    };
    let noted_write = Box::new(move |out: &mut dyn Write| noted(note, out, write));
    let body = match length {
        None => Body::Unknown(noted_write),
        Some(length) => Body::Exactly(length, noted_write),
    };
    let headers = vec![("Content-Type", media.to_owned())];
    Ok(Response { status: 200, headers, body }
        .with("Content-Disposition", format!("attachment; filename=\"{resource_type}.{ending}\""))
        .with("Cache-Control", "no-store"))
}

fn view_of(resource_type: &str) -> Result<ViewDefinition> {
    if let Some(view) = ListColumns::of(resource_type).view() {
        return Ok(view.clone());
    }
    let [begin, end] = PLAIN_VIEW;
    ViewDefinition::from_json(&format!("{begin}{resource_type}{end}"))
        .map_err(|_| Error::new(Kind::Internal, "the view of a list has a fault"))
}

fn write_ndjson(found: &FoundAll, out: &mut dyn Write) -> Result<()> {
    found.for_each(&mut |_, text| {
        out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(unsent)
    })
}

fn write_csv(found: &FoundAll, view: &ViewDefinition, out: &mut dyn Write) -> Result<()> {
    let buffer = RowBuffer::default();
    let format = ViewFormat::Csv { header: true };
    let mut writer = ViewWriter::new(format, view.columns(), buffer.clone())?;
    let mut batch = writer.new_batch()();
    found.for_each(&mut |resource, _| {
        view.rows_of_body(&resource.body, &mut |values| {
            batch.add(values);
            Ok(())
        })?;
        writer.append(&mut batch)?;
        if buffer.length() >= PORTION { buffer.send(out) } else { Ok(()) }
    })?;
    writer.finish()?;
    buffer.send(out)
}

/// Answers with the data that an attachment of a resource holds itself; `number` counts its attachments from 0.
pub fn attachment_data(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
    id: &str,
    number: &str,
) -> Result<Response> {
    let nothing = || {
        let what = "there is no such attachment with data here; the screen of the resource lists what it has";
        Error::new(Kind::NotFound, what)
    };
    check_type(request, resource_type)?;
    let ReadOutcome::Here(kept) = current(request, resource_type, id)? else {
        return Err(nothing());
    };
    let tree = Tree::parse(&kept.body).map_err(|fault| Error::new(Kind::Damaged, fault))?;
    let listed = attachments(&tree, "");
    let wanted = number.parse::<usize>().ok().and_then(|number| listed.get(number));
    let Some((AttachmentContent::Data(data), media)) =
        wanted.map(|one| (&one.content, one.content_type))
    else {
        return Err(nothing());
    };
    let plain: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let bytes = BASE64_STANDARD.decode(plain).map_err(|_| {
        let what = "the data of this attachment is no base64; the resource as FHIR has it as it is";
        Error::new(Kind::Invalid, what)
    })?;
    request.note_read("read", &[], bytes.len())?;
    // https://www.rfc-editor.org/rfc/rfc9110#section-8.3: a header has a media type only.
    let is_media = media.bytes().all(|b| (b' '..=b'~').contains(&b)) && media.contains('/');
    let media = if is_media { media } else { "application/octet-stream" };
    // A browser must neither show the content as a page of this server nor run it.
    Ok(Response::new(200, media, bytes)
        .with("Content-Disposition", format!("attachment; filename=\"attachment-{number}\""))
        .with("Content-Security-Policy", "sandbox")
        .with("Cache-Control", "no-store"))
}

fn unsent(error: std::io::Error) -> Error {
    Error::io("the connection", error)
}
