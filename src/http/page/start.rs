//! The first screen: what this store is, and how to get at it.

use askama::Template;

use super::browse_types::{TypeRow, type_rows};
use super::document::document;
use super::exports::own_jobs;
use super::exports_words::state_words;
use super::shell::Shell;
use super::start_examples::{Address, CopiedText, addresses, examples};
use super::words::{bytes, cell_text, grouped, when};
use crate::error::Result;
use crate::export::ListedJob;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::message::Response;
use crate::store::{BoundedCount, Reach};

/// How many exports are listed.
const MOST_EXPORTS: usize = 5;
/// The numbers up to which is counted: more would take a moment too long.
const MOST_HISTORY: u64 = 10_000;
const MOST_UNRESOLVED: u64 = 1_000;
/// The type of the examples, if the store has it.
const USUAL: &str = "Patient";

/// Something to know about the store.
struct Fact {
    name: &'static str,
    value: String,
}

/// An export in the list of the last ones.
struct ExportRow {
    id: String,
    when: String,
    state: &'static str,
    request: String,
}

#[derive(Template)]
#[template(path = "start.html")]
struct StartScreen {
    shell: Shell,
    facts: Vec<Fact>,
    types: Vec<TypeRow>,
    /// Who may read.
    access: String,
    addresses: Vec<Address>,
    examples: Vec<CopiedText>,
    exports: Vec<ExportRow>,
}

/// Answers with the first screen.
pub fn start(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let shell = Shell::new(request.context, "Start", "start");
    let types = type_rows(request)?;
    let usual = types.iter().find(|row| row.name == USUAL).or(types.first());
    let example = usual.map_or_else(|| USUAL.to_owned(), |row| row.name.clone());
    let exports = own_jobs(request, None, MOST_EXPORTS)?.jobs;
    let base = request.base();
    let screen = StartScreen {
        shell,
        facts: facts(request, &types)?,
        access: access(request),
        addresses: addresses(request)?,
        examples: examples(request, &example)?,
        exports: exports.iter().map(|job| export_row(job, &base)).collect(),
        types,
    };
    document(request, 200, &screen)
}

fn facts(request: &AuthenticatedRequest<'_>, types: &[TypeRow]) -> Result<Vec<Fact>> {
    let store = &request.context.store;
    let resources = types.iter().map(|row| row.count).sum();
    let length = types.iter().map(|row| row.bytes).sum();
    let version = match store.fhir_version()? {
        Some(version) => version.name().to_owned(),
        None => "R4, until the first import tells another one".to_owned(),
    };
    let amount = format!("{}, {} of JSON", grouped(resources), bytes(length));
    let mut facts = vec![
        Fact { name: "FHIR version", value: version },
        Fact { name: "Resources", value: amount },
    ];
    // The rest is about all of the store.
    if request.caller.reach == Reach::Everything {
        let [(_, file), ..] = store.file_sizes()?;
        let history = store.count_history(MOST_HISTORY)?;
        let unresolved = store.count_unresolved(MOST_UNRESOLVED)?;
        facts.push(Fact { name: "File", value: bytes(file) });
        facts.push(Fact { name: "Earlier versions kept", value: counted(history) });
        facts.push(Fact { name: "Unresolved references", value: counted(unresolved) });
        let indexes = store.indexes()?.into_iter();
        let indexes = indexes.map(|index| format!("{}.{}", index.resource_type, index.code));
        let views = store.views()?.into_iter().map(|view| view.name);
        facts.push(Fact { name: "Indexed search parameters", value: listed(indexes) });
        facts.push(Fact { name: "Views as tables", value: listed(views) });
    }
    Ok(facts)
}

fn counted(count: BoundedCount) -> String {
    let text = grouped(count.count);
    if count.has_more { format!("more than {text}") } else { text }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.map(|name| cell_text(&name)).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Who may read, in a sentence.
fn access(request: &AuthenticatedRequest<'_>) -> String {
    let context = request.context;
    if !context.access.is_required() {
        return match context.is_private {
            true => "This server is open: every program on this machine may read all of it. Other machines do not reach it.",
            false => "This server is open: everybody who reaches this address may read all of it.",
        }
        .to_owned();
    }
    let who = match (&request.caller.user, &request.caller.client) {
        (Some(user), Some(client)) => {
            format!("the user {} of the client {}", cell_text(user), cell_text(client))
        }
        (_, Some(client)) => format!("the client {}", cell_text(client)),
        _ => "the caller".to_owned(),
    };
    format!(
        "Clients with an access token may read, each what is theirs. This screen shows what {who} may read."
    )
}

fn export_row(job: &ListedJob, base: &str) -> ExportRow {
    let url = &job.kick_off.url;
    let request = if url.is_empty() {
        "a Group, in one request"
    } else {
        url.strip_prefix(base).unwrap_or(url)
    };
    ExportRow {
        id: job.id.clone(),
        when: when(job.accepted_at),
        state: state_words(job.state),
        request: cell_text(request),
    }
}
