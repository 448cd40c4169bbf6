//! A Bundle's entries, as <https://hl7.org/fhir/R4/http.html#trules> has them processed.
//!
//! First every entry is given its place (`Type/id`), so that links between entries can be
//! rewritten whatever their order; then the entries are carried out. Unlike a server's transaction
//! a bad entry does not take the others with it: it is rejected and reported.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use super::parse::Lines;
use super::run::Run;
use crate::error::Result;
use crate::fhir::bundle::{Bundle, BundleType, Entry, Request};
use crate::fhir::name::short;
use crate::fhir::reference::{self, Entries, Slot, is_urn, may_search};
use crate::fhir::resource::{BUNDLE, Identifier, Identity, Parsed, Resource, derived_id};
use crate::fhir::search::{Condition, SearchToken};
use crate::store::{Change, Match};

/// What an entry comes down to.
enum Action<'a> {
    Put { text: &'a str, resource_type: String, id: String },
    Exists { resource_type: String },
    Delete { resource_type: String, id: String },
    Nested { text: &'a str },
    Nothing,
    Remark(String),
    Reject(String),
}

struct Step<'a> {
    line: u64,
    number: usize,
    action: Action<'a>,
}

/// An identifier's system, and the id of the resource that has it.
type Named = (Option<String>, String);

/// The entries seen so far by their identifiers.
#[derive(Default)]
struct Nearby {
    /// By type and value: system and id.
    by_value: HashMap<(String, String), Vec<Named>>,
    ids: HashSet<(String, String)>,
    /// What earlier entries delete, and no later one has made again.
    gone: HashSet<(String, String)>,
}

impl Nearby {
    fn add(&mut self, resource_type: &str, id: &str, identifiers: Vec<Identifier>) {
        let key = (resource_type.to_owned(), id.to_owned());
        self.gone.remove(&key);
        self.ids.insert(key);
        for identifier in identifiers {
            if let Some(value) = identifier.value {
                let key = (resource_type.to_owned(), value);
                self.by_value.entry(key).or_default().push((identifier.system, id.to_owned()));
            }
        }
    }

    fn find(&self, condition: &Condition) -> Vec<String> {
        let of = |name: &str| (condition.resource_type.clone(), name.to_owned());
        let with = |token: &SearchToken| -> std::result::Result<_, Infallible> {
            let named = self.by_value.get(&of(&token.value)).into_iter().flatten();
            Ok(named
                .filter(|(system, _)| token.takes_system(system.as_deref()))
                .map(|(_, id)| id.clone())
                .collect())
        };
        let Ok(found) = condition.find(|id| Ok(self.ids.contains(&of(id))), with);
        found
    }
}

/// Bundles in Bundles are followed to here.
const MAX_NESTING: usize = 100;

/// Imports the Bundle in `text`, which starts on line `first_line` of its file.
pub(super) fn import(run: &mut Run<'_>, first_line: u64, text: &str) -> Result<()> {
    nested(run, first_line, text, 0)
}

fn nested(run: &mut Run<'_>, first_line: u64, text: &str, depth: usize) -> Result<()> {
    let bundle = match Bundle::parse(text) {
        Ok(_) if depth > MAX_NESTING => Err("too many Bundles in Bundles".to_owned()),
        parsed => parsed,
    };
    let bundle = match bundle {
        Ok(bundle) => bundle,
        Err(reason) => {
            run.reject(first_line, reason);
            return Ok(());
        }
    };
    if bundle.bundle_type == BundleType::Whole {
        let what = "a document or message Bundle: its entries are imported, it is not kept itself";
        run.remark(first_line, what.to_owned());
    }
    // Few Bundles search; the others need not remember identifiers.
    let mut context = Context {
        entries: Entries::default(),
        nearby: Nearby::default(),
        searches: may_search(text) || text.contains("ifNoneExist"),
        depth,
    };
    let mut lines = Lines::new(text, first_line);
    let mut entries: Vec<_> = bundle
        .entries
        .into_iter()
        .enumerate()
        .map(|(number, entry)| {
            let offset = entry.as_ref().map_or_else(|(offset, _)| *offset, |entry| entry.offset);
            (number, lines.at(offset), entry)
        })
        .collect();
    match bundle.bundle_type {
        // https://hl7.org/fhir/R4/http.html#trules: deletions come first.
        BundleType::Transaction => entries.sort_by_key(|(_, _, entry)| {
            let deletes = |entry: &Entry| {
                matches!(entry.request, Request::Delete { .. } | Request::DeleteWhere { .. })
            };
            !entry.as_ref().is_ok_and(deletes)
        }),
        // https://hl7.org/fhir/R4/http.html#history: the newest come first.
        BundleType::History => entries.reverse(),
        _ => {}
    }
    let mut steps = Vec::with_capacity(entries.len());
    for (number, line, entry) in entries {
        let action = match entry {
            Ok(entry) => context.plan(run, &entry)?,
            Err((_, reason)) => Action::Reject(reason),
        };
        steps.push(Step { line, number, action });
    }
    match bundle.bundle_type {
        BundleType::History => history(run, steps, &context),
        _ => steps.into_iter().try_for_each(|step| carry_out(run, step, &context)),
    }
}

/// What an entry needs to know of the others.
struct Context {
    entries: Entries,
    nearby: Nearby,
    searches: bool,
    depth: usize,
}

impl Context {
    /// Decides what an entry comes down to, and notes what later entries have to know of it.
    fn plan<'a>(&mut self, run: &mut Run<'_>, entry: &Entry<'a>) -> Result<Action<'a>> {
        let Plan { action, target } = plan(run, entry, &self.nearby)?;
        if let Action::Delete { resource_type, id } = &action {
            self.nearby.gone.insert((resource_type.clone(), id.clone()));
        }
        if let Some((resource_type, id, identifiers)) = target {
            if let Some(full_url) = &entry.full_url {
                self.entries.add(full_url, format!("{resource_type}/{id}"));
            }
            if self.searches {
                self.nearby.add(&resource_type, &id, identifiers);
            }
        }
        Ok(action)
    }
}

/// An action, and the place of the resource that the entry stands for.
struct Plan<'a> {
    action: Action<'a>,
    target: Option<(String, String, Vec<Identifier>)>,
}

impl<'a> From<Action<'a>> for Plan<'a> {
    fn from(action: Action<'a>) -> Plan<'a> {
        Plan { action, target: None }
    }
}

fn plan<'a>(run: &mut Run<'_>, entry: &Entry<'a>, nearby: &Nearby) -> Result<Plan<'a>> {
    let reject = |reason: String| Ok(Plan::from(Action::Reject(reason)));
    match &entry.request {
        Request::Nothing { what } => {
            return Ok(Action::Remark(format!("{what}; there is nothing to import")).into());
        }
        Request::Delete { resource_type, id } => {
            let (resource_type, id) = (resource_type.clone(), id.clone());
            return Ok(Action::Delete { resource_type, id }.into());
        }
        Request::DeleteWhere { query } => {
            return Ok(match search(run, nearby, query, None)? {
                Err(reason) => Action::Reject(reason).into(),
                Ok((_, Match::None)) => Action::Nothing.into(),
                Ok((resource_type, Match::One(id))) => Action::Delete { resource_type, id }.into(),
                Ok((_, Match::Several(_))) => {
                    Action::Reject(format!("DELETE {} finds several resources", short(query)))
                        .into()
                }
            });
        }
        Request::None | Request::Post { .. } | Request::Put { .. } | Request::PutWhere { .. } => {}
    }
    let Some(text) = entry.resource else {
        return match entry.request {
            Request::None => Ok(Action::Nothing.into()),
            _ => reject("the entry has a request but no resource".to_owned()),
        };
    };
    let identity = match Identity::read(text, run.keeps()) {
        Ok(identity) => identity,
        Err(reason) => return reject(reason),
    };
    let resource_type = identity.resource_type;
    if resource_type == BUNDLE {
        return Ok(Action::Nested { text }.into());
    }
    let id = match &entry.request {
        Request::Put { resource_type: asked, id } => match &identity.id {
            _ if *asked != resource_type => {
                return reject(format!("PUT {asked}/{id} carries a {resource_type}"));
            }
            Some(own) if own != id => {
                return reject(format!("PUT {asked}/{id} carries the id {own}"));
            }
            _ => Some(id.clone()),
        },
        Request::Post { if_none_exist: Some(query) } => {
            match search(run, nearby, query, Some(&resource_type))? {
                Err(reason) => return reject(format!("ifNoneExist {}: {reason}", short(query))),
                Ok((_, Match::Several(_))) => {
                    return reject(format!("ifNoneExist {} finds several resources", short(query)));
                }
                Ok((_, Match::One(existing))) => {
                    return Ok(Plan {
                        target: Some((resource_type.clone(), existing, Vec::new())),
                        action: Action::Exists { resource_type },
                    });
                }
                Ok((_, Match::None)) => identity.id,
            }
        }
        Request::PutWhere { query } => match search(run, nearby, query, Some(&resource_type))? {
            Err(reason) => return reject(format!("PUT {}: {reason}", short(query))),
            Ok((_, Match::Several(_))) => {
                return reject(format!("PUT {} finds several resources", short(query)));
            }
            Ok((_, Match::One(existing))) => match identity.id {
                Some(own) if own != existing => {
                    return reject(format!(
                        "PUT {} finds {existing} but carries the id {own}",
                        short(query)
                    ));
                }
                _ => Some(existing),
            },
            Ok((_, Match::None)) => identity.id,
        },
        _ => identity.id,
    };
    let id = id.unwrap_or_else(|| derived_id(text, entry.full_url.as_deref().unwrap_or_default()));
    Ok(Plan {
        target: Some((resource_type.clone(), id.clone(), identity.identifiers)),
        action: Action::Put { text, resource_type, id },
    })
}

/// Searches the store and the entries before this one. `of` is the type where the query does not
/// name it itself.
fn search(
    run: &mut Run<'_>,
    nearby: &Nearby,
    query: &str,
    of: Option<&str>,
) -> Result<std::result::Result<(String, Match), String>> {
    let condition = match (of, Condition::parse(query)) {
        (_, Some(condition)) => condition,
        (Some(resource_type), None) => Condition::of(resource_type, query),
        (None, None) => Err("it names no type".to_owned()),
    };
    let condition = match condition {
        Ok(condition) => condition,
        Err(reason) => return Ok(Err(reason)),
    };
    let mut ids = run.writer.find(&condition)?;
    ids.retain(|id| !nearby.gone.contains(&(condition.resource_type.clone(), id.clone())));
    ids.extend(nearby.find(&condition));
    Ok(Ok((condition.resource_type, Match::of(ids))))
}

fn carry_out(run: &mut Run<'_>, step: Step<'_>, context: &Context) -> Result<()> {
    let Step { line, number, action } = step;
    match action {
        Action::Nothing => Ok(()),
        Action::Nested { text } => nested(run, line, text, context.depth + 1),
        Action::Remark(what) => {
            run.remark(line, format!("entry[{number}]: {what}"));
            Ok(())
        }
        Action::Reject(reason) => {
            run.reject(line, format!("entry[{number}]: {reason}"));
            Ok(())
        }
        Action::Exists { resource_type } => {
            run.report.count(Change::Unchanged, &resource_type);
            Ok(())
        }
        Action::Delete { resource_type, id } => run.delete(line, &resource_type, &id),
        Action::Put { text, resource_type: _, id } => match linked(run, line, text, &id, context) {
            Ok(resource) => put(run, line, resource, context),
            Err(reason) => {
                run.reject(line, format!("entry[{number}]: {reason}"));
                Ok(())
            }
        },
    }
}

fn put(run: &mut Run<'_>, line: u64, resource: Box<Resource>, context: &Context) -> Result<()> {
    let conditional = context.searches && reference::has_conditional(&resource.text);
    run.put(line, *resource, conditional, &|condition| context.nearby.find(condition))
}

/// The resource of an entry with its links to other entries rewritten.
fn linked(
    run: &mut Run<'_>,
    line: u64,
    text: &str,
    id: &str,
    context: &Context,
) -> std::result::Result<Box<Resource>, String> {
    let lost = RefCell::new(Vec::new());
    let rewritten = reference::rewritten(text, |slot, link| {
        let target = context.entries.resolve(slot, &link);
        if target.is_none() && slot == Slot::Reference && is_urn(&link) {
            lost.borrow_mut().push(link.into_owned());
        }
        target
    });
    for link in lost.into_inner() {
        run.remark(
            line,
            format!("reference {} names no entry of its Bundle; it is left as it is", short(&link)),
        );
    }
    let text = rewritten.map_or(Cow::Borrowed(text), Cow::Owned);
    match Parsed::parse(&text, Some(id))? {
        Parsed::Resource(resource) => Ok(resource),
        Parsed::Bundle => Err("a Bundle where a resource was expected".to_owned()),
    }
}

/// One version, or the end of one.
enum Version {
    Of(Box<Resource>),
    Deleted,
}

/// Applies versions from the oldest to the newest, leaving out those up to the one that the store
/// has now: so a history imported again changes nothing.
fn history(run: &mut Run<'_>, steps: Vec<Step<'_>>, context: &Context) -> Result<()> {
    let mut versions = Vec::new();
    for step in steps {
        match step.action {
            Action::Put { text, resource_type, id } => {
                match linked(run, step.line, text, &id, context) {
                    Ok(resource) => {
                        versions.push((step.line, resource_type, id, Version::Of(resource)));
                    }
                    Err(reason) => {
                        run.reject(step.line, format!("entry[{}]: {reason}", step.number))
                    }
                }
            }
            Action::Delete { resource_type, id } => {
                versions.push((step.line, resource_type, id, Version::Deleted));
            }
            action => carry_out(run, Step { action, ..step }, context)?,
        }
    }
    let mut reached: HashMap<(String, String), usize> = HashMap::new();
    for (index, (_, resource_type, id, version)) in versions.iter().enumerate() {
        let there = match version {
            Version::Of(resource) => {
                run.writer.current_hash(resource_type, id)?.as_deref() == Some(&resource.hash[..])
            }
            Version::Deleted => run.writer.was_deleted(resource_type, id)?,
        };
        if there {
            reached.insert((resource_type.clone(), id.clone()), index);
        }
    }
    for (index, (line, resource_type, id, version)) in versions.into_iter().enumerate() {
        let known = reached
            .get(&(resource_type.clone(), id.clone()))
            .is_some_and(|reached| index <= *reached);
        match version {
            Version::Of(_) if known => run.report.count(Change::Unchanged, &resource_type),
            Version::Deleted if known => {}
            Version::Of(resource) => put(run, line, resource, context)?,
            Version::Deleted => {
                let delete = Action::Delete { resource_type, id };
                carry_out(run, Step { line, number: index, action: delete }, context)?;
            }
        }
    }
    Ok(())
}
