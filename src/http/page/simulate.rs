//! Simulate, where the server misbehaves on purpose: a form whose product is a fault to copy or to use, the faults in
//! force, and the last requests.
//!
//! Which faults there are, what each takes and what is wrong with a value is said by `http/simulate/`. The faults in force
//! change by the button alone, as by `PUT /faults`.

use askama::Template;

use super::document::document;
use super::exports_call::quoted;
use super::posted_form::{field, fields};
use super::shell::{Shell, see_other};
use super::words::{cell_text, grouped};
use crate::error::{Error, Result};
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::FHIR;
use crate::http::message::{Response, explanation};
use crate::http::row::not_found;
use crate::http::simulate::{
    JournalEntry, RuleField, RuleTexts, Simulation, place_names, rule_fields, rule_of_fields,
};
use crate::shown::{shortened, shown};
use crate::sync::lock;

/// The requests that are shown.
const REQUESTS: usize = 50;
/// The most characters of a path or a rule that the list shows.
const LONGEST_PATH: usize = 300;
/// The field of the place.
const AT: &str = "at";
/// The field that asks for a part of the screen.
const PART: &str = "part";
/// The field of the faults that are to be used.
const RULES: &str = "rules";

/// A field with its value.
struct SimulateField {
    row: RuleField,
    value: String,
    words: Vec<SimulateWord>,
}

/// A word that a field takes.
struct SimulateWord {
    word: &'static str,
    is_chosen: bool,
}

/// What the fields amount to.
struct RuleBlock {
    problem: String,
    texts: Option<RuleTexts>,
    /// The base of URLs with the rule in them; empty where it does not fit.
    url: String,
    packed_url: String,
    launcher_url: String,
    curl: String,
    /// The faults in force and this one.
    added: String,
}

/// A request in the journal.
struct RequestLine {
    time: String,
    method: String,
    target: String,
    status: u16,
    bytes: String,
    fault: String,
}

#[derive(Template)]
#[template(path = "simulate.html")]
struct SimulateScreen {
    shell: Shell,
    problem: String,
    place: String,
    places: Vec<&'static str>,
    selections: Vec<SimulateField>,
    effects: Vec<SimulateField>,
    rule: RuleBlock,
    /// The faults in force, a line each; what was typed where that is wrong.
    rules: String,
    in_force: Vec<String>,
    requests: Vec<RequestLine>,
}

#[derive(Template)]
#[template(path = "simulate_rule.html")]
struct RulePart {
    shell: Shell,
    rule: RuleBlock,
}

/// Answers with the form, or puts faults in force.
pub fn simulate(request: &AuthenticatedRequest<'_>) -> Result<Response> {
    let Some(simulation) = request.context.simulation.as_ref() else {
        return Err(not_found(request.context));
    };
    let fields = fields(request)?;
    if request.method == "POST" {
        // As in a file of faults, a browser's line ends are white space.
        let rules = field(&fields, RULES);
        let used = lock(simulation).answer("PUT", "/faults", rules.as_bytes());
        return match used {
            Ok(_) => Ok(see_other(request.context, "/simulate")),
            Err(error) => {
                let screen = screen(request, &lock(simulation), &[], Some((&error, rules)))?;
                document(request, error.kind().status(), &screen)
            }
        };
    }
    if field(&fields, PART) == "rule" {
        let rule = rule_block(request, &lock(simulation), &fields);
        let shell = Shell::new(request.context, "Simulate", "simulate");
        return document(request, 200, &RulePart { shell, rule });
    }
    let screen = screen(request, &lock(simulation), &fields, None)?;
    document(request, 200, &screen)
}

fn screen(
    request: &AuthenticatedRequest<'_>,
    simulation: &Simulation,
    fields: &[(String, String)],
    refused: Option<(&Error, &str)>,
) -> Result<SimulateScreen> {
    let place = place(fields);
    let rows = rule_fields(&place).unwrap_or_default();
    let (selections, effects) =
        rows.into_iter().map(|row| with_value(row, fields)).partition(|it| it.row.is_selection);
    let in_force: Vec<String> = simulation.books.rules().map(|rule| rule.to_short()).collect();
    Ok(SimulateScreen {
        shell: Shell::new(request.context, "Simulate", "simulate"),
        problem: refused.map_or_else(String::new, |(error, _)| explanation(error, &request.id)),
        places: place_names().collect(),
        selections,
        effects,
        rule: rule_block(request, simulation, fields),
        rules: refused.map_or_else(|| in_force.join("\n"), |(_, typed)| typed.to_owned()),
        in_force: in_force.iter().map(|rule| shown(rule).into_owned()).collect(),
        requests: simulation.journal.entries().rev().take(REQUESTS).map(line).collect(),
        place,
    })
}

/// The place that the form is about; the first one where none is named.
fn place(fields: &[(String, String)]) -> String {
    match field(fields, AT) {
        "" => place_names().nth(1).unwrap_or_default().to_owned(),
        at => at.to_owned(),
    }
}

/// A field with the value that was given.
fn with_value(row: RuleField, fields: &[(String, String)]) -> SimulateField {
    let given = || fields.iter().filter(|(name, _)| name == row.name).map(|(_, value)| value);
    let words = row.words.iter().map(|word| SimulateWord {
        word,
        is_chosen: given().any(|value| value.split(',').any(|part| part == *word)),
    });
    let words = words.collect();
    SimulateField { value: given().next().cloned().unwrap_or_default(), words, row }
}

/// What the fields amount to.
fn rule_block(
    request: &AuthenticatedRequest<'_>,
    simulation: &Simulation,
    fields: &[(String, String)],
) -> RuleBlock {
    let mut members = fields.to_vec();
    members.retain(|(name, _)| name != AT && name != PART);
    let (rule, problem) = match rule_of_fields(&place(fields), &members) {
        Ok(rule) => (rule, String::new()),
        Err(error) => (None, explanation(&error, &request.id)),
    };
    let base = request.base();
    let url = |segment: &str| match segment {
        "" => String::new(),
        segment => format!("{base}/{segment}{FHIR}"),
    };
    let texts = rule.as_ref().map(RuleTexts::of);
    let short = texts.as_ref().map_or("", |texts| &texts.short);
    let others = simulation.books.rules().map(|rule| rule.to_short());
    RuleBlock {
        problem,
        url: texts.as_ref().map_or_else(String::new, |texts| url(&texts.segment)),
        packed_url: texts.as_ref().map_or_else(String::new, |texts| url(&texts.packed)),
        launcher_url: texts
            .as_ref()
            .and_then(|texts| texts.launcher.as_ref())
            .map_or_else(String::new, |(_, segment)| url(segment)),
        curl: format!("curl -X PUT {base}/faults --data-binary {}", quoted(short)),
        added: others.chain([short.to_owned()]).collect::<Vec<_>>().join("\n"),
        texts,
    }
}

fn line(entry: &JournalEntry) -> RequestLine {
    let query = if entry.query.is_empty() { "" } else { "?" };
    let target = format!("{}{query}{}", entry.path, entry.query);
    RequestLine {
        time: entry.time.clone(),
        method: cell_text(&entry.method),
        target: shortened(&shown(&target), LONGEST_PATH).into_owned(),
        status: entry.status,
        bytes: grouped(entry.bytes()),
        fault: shortened(&shown(&entry.fault), LONGEST_PATH).into_owned(),
    }
}
