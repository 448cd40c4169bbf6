//! Faults in a manifest, as changes of its JSON.
//!
//! The members of a manifest: <https://hl7.org/fhir/uv/bulkdata/export.html#response---output-manifest>.
//! The files that a changed manifest lists are parts of those that there are (`part.rs`), or say in their
//! URL what is in them (`notices.rs`).

use serde_json::{Map, Value as Json, json};

use super::member::FaultMember;
use super::notices::SimulatedFile;
use super::part::RowPart;
use super::rule::FaultRule;
use super::urls;

/// The parameter of a page that only the simulation has.
const PAGE: &str = "_page";
/// The name of a file that only the simulation has.
const SIMULATED: &str = "simulated.ndjson";
/// The lists of files.
const LISTS: [&str; 4] = ["output", "error", "outcome", "deleted"];

/// What the faults of a manifest must know.
#[derive(Clone, Copy, Debug)]
pub struct ManifestPlace<'a> {
    /// The absolute URL of the request.
    pub url: &'a str,
    /// The beginning of the URLs of the job's files, with its slash at the end.
    pub files: &'a str,
    /// The page that the request asks for, from 1: [`page_of`].
    pub page: u64,
    /// Whether the kick-off had `_since`.
    pub has_since: bool,
}

/// A file of a manifest, with the part of it that is listed.
struct ListedPart {
    entry: Map<String, Json>,
    part: RowPart,
}

/// Changes a manifest by one rule. What is no JSON object stays as it is.
pub fn change_manifest(rule: &FaultRule, manifest: &mut Json, place: ManifestPlace<'_>) {
    let Json::Object(manifest) = manifest else { return };
    keep_some(rule, manifest, place);
    let mut output: Vec<ListedPart> =
        list_of(manifest, "output").into_iter().map(ListedPart::new).collect();
    output.iter_mut().for_each(|listed| listed.multiply(rule));
    let deletions = take_deletions(rule, &mut output, place);
    let output = split(rule, output).into_iter().map(ListedPart::into_entry).collect();
    put(manifest, "output", output);
    let deletions: Vec<Json> = deletions.into_iter().map(ListedPart::into_entry).collect();
    append(manifest, "deleted", deletions);
    if place.page == 1 {
        let add = |file: SimulatedFile| vec![simulated(&file, place)];
        append(
            manifest,
            notices_of(manifest),
            SimulatedFile::notices(rule).map(add).unwrap_or_default(),
        );
        append(manifest, "deleted", SimulatedFile::deletions(rule).map(add).unwrap_or_default());
    }
    if rule.has(FaultMember::Empty) {
        put(manifest, "output", Vec::new());
    }
    paginate(rule, manifest, place);
    change_entries(rule, manifest);
    if rule.text(FaultMember::Urls) == Some("duplicate") {
        let output = list_of(manifest, "output");
        put(manifest, "output", output.iter().chain(&output).cloned().collect());
    }
    change_time(rule, manifest);
    if rule.has(FaultMember::Extra) {
        manifest.insert("vendorNote".to_owned(), json!({"simulated": true}));
        manifest.insert("extension".to_owned(), json!([{"url": "http://example.org/simulated"}]));
    }
    for member in rule.text(FaultMember::Drop).into_iter().flat_map(|names| names.split(',')) {
        manifest.remove(member);
    }
}

/// The page that a decoded query asks for.
pub fn page_of(query: &[(String, String)]) -> u64 {
    let asked = query.iter().find(|(name, _)| name == PAGE);
    asked.and_then(|(_, page)| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1)
}

impl ListedPart {
    fn new(entry: Json) -> ListedPart {
        let mut entry = match entry {
            Json::Object(entry) => entry,
            _ => Map::new(),
        };
        // An earlier rule may have made a part already.
        let part = match entry.get_mut("url") {
            Some(Json::String(url)) => RowPart::taken_from(url),
            _ => RowPart::default(),
        };
        ListedPart { entry, part }
    }

    /// Has each row several times. Only the first rule that says so counts.
    fn multiply(&mut self, rule: &FaultRule) {
        let whole = self.part.is_whole();
        if let Some(copies) = rule.count(FaultMember::Copies).filter(|_| whole) {
            self.part.copies = Some(copies);
            if let Some(count) = self.count() {
                self.entry.insert("count".to_owned(), Json::from(count.saturating_mul(copies)));
            }
        }
    }

    fn count(&self) -> Option<u64> {
        self.entry.get("count").and_then(Json::as_u64)
    }

    /// The rows from `start` up to `end` of this part.
    fn rows(&self, start: u64, end: u64) -> ListedPart {
        let first = self.part.rows.as_ref().map_or(0, |rows| rows.start);
        let mut entry = self.entry.clone();
        entry.insert("count".to_owned(), Json::from(end - start));
        let part = RowPart { rows: Some(first + start..first + end), ..self.part.clone() };
        ListedPart { entry, part }
    }

    fn into_entry(mut self) -> Json {
        if !self.part.is_whole()
            && let Some(Json::String(url)) = self.entry.get_mut("url")
        {
            let separator = if url.contains('?') { '&' } else { '?' };
            url.push(separator);
            url.push_str(&self.part.to_query());
        }
        Json::Object(self.entry)
    }
}

fn list_of(manifest: &Map<String, Json>, name: &str) -> Vec<Json> {
    manifest.get(name).and_then(Json::as_array).cloned().unwrap_or_default()
}

/// Replaces a list that is there.
fn put(manifest: &mut Map<String, Json>, name: &str, list: Vec<Json>) {
    if let Some(known) = manifest.get_mut(name) {
        *known = Json::Array(list);
    }
}

/// Adds to a list, and makes it if it is not there.
fn append(manifest: &mut Map<String, Json>, name: &str, more: Vec<Json>) {
    if !more.is_empty() {
        let list = list_of(manifest, name).into_iter().chain(more).collect();
        manifest.insert(name.to_owned(), Json::Array(list));
    }
}

/// The list of notices, which the STU4 ballot calls `outcome`.
fn notices_of(manifest: &Map<String, Json>) -> &'static str {
    if manifest.contains_key("outcome") { "outcome" } else { "error" }
}

/// The entry of a file that only the simulation has.
fn simulated(file: &SimulatedFile, place: ManifestPlace<'_>) -> Json {
    json!({
        "type": file.resource_type(),
        "url": format!("{}{SIMULATED}?{}", place.files, file.to_query()),
        "count": file.count(),
    })
}

/// Keeps each n-th file; the others become errors.
fn keep_some(rule: &FaultRule, manifest: &mut Map<String, Json>, place: ManifestPlace<'_>) {
    let Some(every) = rule.count(FaultMember::KeepEvery) else { return };
    let (kept, failed): (Vec<_>, Vec<_>) = (1_u64..)
        .zip(list_of(manifest, "output"))
        .partition(|(number, _)| number.is_multiple_of(every));
    put(manifest, "output", kept.into_iter().map(|(_, entry)| entry).collect());
    let failure = simulated(&SimulatedFile::failure(), place);
    append(manifest, notices_of(manifest), failed.iter().map(|_| failure.clone()).collect());
}

/// Takes the first rows of each file, which become deletions.
fn take_deletions(
    rule: &FaultRule,
    output: &mut Vec<ListedPart>,
    place: ManifestPlace<'_>,
) -> Vec<ListedPart> {
    let percent = rule.count(FaultMember::DeletedPercent).filter(|_| place.has_since);
    let Some(percent) = percent else { return Vec::new() };
    let mut deletions = Vec::new();
    for listed in std::mem::take(output) {
        let count = listed.count().unwrap_or(0);
        let deleted = (count.saturating_mul(percent) + 50) / 100;
        if deleted == 0 {
            output.push(listed);
            continue;
        }
        let mut gone = listed.rows(0, deleted);
        gone.part.is_deletions = true;
        gone.entry.insert("type".to_owned(), Json::from("Bundle"));
        deletions.push(gone);
        if deleted < count {
            output.push(listed.rows(deleted, count));
        }
    }
    deletions
}

/// Cuts files into several. One whose `count` is unknown stays whole.
fn split(rule: &FaultRule, output: Vec<ListedPart>) -> Vec<ListedPart> {
    let size =
        |count: u64| match (rule.count(FaultMember::Files), rule.count(FaultMember::RowsPerFile)) {
            (Some(files), _) => count.div_ceil(files).max(1),
            (None, Some(rows)) => rows,
            (None, None) => u64::MAX,
        };
    output
        .into_iter()
        .flat_map(|listed| match listed.count() {
            Some(count) if size(count) < count => {
                let size = size(count);
                let starts = (0..count.div_ceil(size)).map(|part| part * size);
                starts.map(|start| listed.rows(start, count.min(start + size))).collect()
            }
            _ => vec![listed],
        })
        .collect()
}

/// Makes pages: so many files in each, or pages without end.
fn paginate(rule: &FaultRule, manifest: &mut Map<String, Json>, place: ManifestPlace<'_>) {
    let plain = urls::without_parameter(place.url, PAGE);
    let next = urls::with_parameter(&plain, PAGE, &(place.page + 1).to_string());
    let next = match (rule.count(FaultMember::FilesPerPage), rule.text(FaultMember::Pages)) {
        (Some(size), _) => {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let before = usize::try_from(place.page - 1).unwrap_or(usize::MAX).saturating_mul(size);
            let output = list_of(manifest, "output");
            let page: Vec<Json> = output.iter().skip(before).take(size).cloned().collect();
            let has_next = output.len() > before.saturating_add(size);
            put(manifest, "output", page);
            if place.page > 1 {
                LISTS[1..].iter().for_each(|list| put(manifest, list, Vec::new()));
            }
            has_next.then_some(next)
        }
        (None, Some("endless")) => {
            if place.page > 1 {
                LISTS.iter().for_each(|list| put(manifest, list, Vec::new()));
            }
            Some(next)
        }
        (None, Some(_)) => Some(place.url.to_owned()),
        (None, None) => return,
    };
    manifest.remove("link");
    if let Some(url) = next {
        manifest.insert("link".to_owned(), json!([{"relation": "next", "url": url}]));
    }
}

/// Changes the members of each listed file.
fn change_entries(rule: &FaultRule, manifest: &mut Map<String, Json>) {
    for list in LISTS {
        let entries = manifest.get_mut(list).and_then(Json::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(Json::as_object_mut) {
            if let Some(offset) = rule.offset(FaultMember::CountOffset)
                && let Some(count) = entry.get("count").and_then(Json::as_i64)
            {
                entry.insert("count".to_owned(), Json::from(count.saturating_add(offset)));
            }
            match (rule.text(FaultMember::CountForm), entry.get("count").map(Json::to_string)) {
                (Some("absent"), _) => drop(entry.remove("count")),
                (Some(_), Some(count)) => drop(entry.insert("count".to_owned(), Json::from(count))),
                _ => {}
            }
            if let Some(Json::String(url)) = entry.get_mut("url") {
                match rule.text(FaultMember::Urls) {
                    Some("relative") => *url = urls::relative(url),
                    Some("foreign") => *url = urls::foreign(url),
                    _ => {}
                }
            }
            if rule.has(FaultMember::Extra) {
                entry.insert("vendorHash".to_owned(), Json::from("simulated"));
            }
        }
    }
}

/// Writes a `transactionTime` that is no instant, or not one that can be.
fn change_time(rule: &FaultRule, manifest: &mut Map<String, Json>) {
    let Some(form) = rule.text(FaultMember::TransactionTime) else { return };
    let known = manifest.get("transactionTime").and_then(Json::as_str).unwrap_or_default();
    let value = match form {
        "empty" => String::new(),
        "date" => known.chars().take(10).collect(),
        // Without its zone, as a local time.
        "local" => known.trim_end_matches('Z').to_owned(),
        "epoch" => "1970-01-01T00:00:00Z".to_owned(),
        "future" => "2999-12-31T23:59:59.999Z".to_owned(),
        _ => "yesterday, about noon".to_owned(),
    };
    manifest.insert("transactionTime".to_owned(), Json::from(value));
}
