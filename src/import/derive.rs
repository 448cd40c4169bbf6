//! The ids of entries without one: each follows from what the entry means in its Bundle.
//!
//! An entry is known by its `fullUrl` and its text. That is not enough: generators number the entries
//! of each file from 1, and "the blood pressure of urn:uuid:1" is another one in each file. So an id
//! also follows from all entries that the entry depends on:
//!
//! - those that its links lead to, because the links will name them;
//! - those whose links lead to it, unless a business identifier or a `fullUrl` that chance made says
//!   which resource it is. A Patient without any data is told from another one by what is about it.
//!
//! Both are followed as far as they go. Entries with an id of their own, or with a search, are known
//! by these, and are where it ends. Entries that depend on each other form a group, and one hash
//! describes a group: of its entries' texts, which name their links by `fullUrl`, and of the groups
//! that it depends on. So neither the order of entries nor circles matter, and the work grows with the
//! number of links. Equal entries are counted: each gets an id of its own.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::groups;
use super::step::{EntryAction, EntryPut, EntryStep, Kinship, PutRule};
use crate::fhir::full_url::{FullUrls, is_unique};
use crate::fhir::json::minified;
use crate::fhir::reference::each_link;
use crate::fhir::resource::derived_id;
use crate::fhir::search::Condition;
use crate::shown::hex;
use crate::store::NOBODY;

type Hash = [u8; 32];

/// What the ids of entries without one follow from.
struct Dependencies {
    /// The places of these entries, which are called nodes here.
    steps: Vec<usize>,
    /// The node of each place.
    nodes: HashMap<usize, usize>,
    /// The nodes that each node depends on.
    on: Vec<Vec<usize>>,
    /// What else each node depends on.
    ends: Vec<Vec<Hash>>,
    /// The hashes of the texts of entries that cannot be taken, by their places.
    rejected: HashMap<usize, Hash>,
}

/// Gives each entry without an id one. `is_history` says that equal entries are the same resource.
pub(super) fn derive_ids(
    text: &str,
    steps: &mut [EntryStep],
    full_urls: &FullUrls,
    owner: i64,
    is_history: bool,
) -> Kinship {
    let needs_id = |step: &EntryStep| put_of(step).is_some_and(|put| put.is_derived);
    let nodes: Vec<usize> = (0..steps.len()).filter(|place| needs_id(&steps[*place])).collect();
    if nodes.is_empty() {
        return Kinship::default();
    }
    let found = Dependencies::find(text, steps, full_urls, nodes);
    let groups = groups::of(&found.on);
    let mut group_of = vec![0; found.steps.len()];
    for (number, group) in groups.iter().enumerate() {
        group.iter().for_each(|node| group_of[*node] = number);
    }
    let mut hashes: Vec<Hash> = Vec::with_capacity(groups.len());
    let mut on: Vec<Vec<usize>> = Vec::with_capacity(groups.len());
    for (number, group) in groups.iter().enumerate() {
        let targets = group.iter().flat_map(|node| &found.on[*node]).map(|node| group_of[*node]);
        let mut targets: Vec<usize> = targets.filter(|target| *target != number).collect();
        targets.sort_unstable();
        targets.dedup();
        let ends = group.iter().flat_map(|node| &found.ends[*node]).copied();
        let ends: BTreeSet<Hash> = ends.collect();
        let texts = group.iter().map(|node| {
            let step = &steps[found.steps[*node]];
            hash(&[full_url(step).as_bytes(), minified_text(step, text).as_bytes()])
        });
        let is_alone = group.len() == 1 && targets.is_empty() && found.ends[group[0]].is_empty();
        let texts: Vec<Hash> = texts.collect();
        let of_group = hash_of_group([
            texts.clone(),
            ends.into_iter().collect(),
            targets.iter().map(|target| hashes[*target]).collect(),
        ]);
        for (node, of_text) in group.iter().zip(texts) {
            let step = &mut steps[found.steps[*node]];
            let former = derived_id(&minified_text(step, text), full_url(step));
            let id = match (is_alone, owner) {
                (true, NOBODY) => former.clone(),
                (true, _) => owned_id(&former, owner),
                (false, _) => written(hash(&[b"entry", &owner.to_be_bytes(), &of_text, &of_group])),
            };
            if let EntryAction::Put(put) = &mut step.action {
                put.former_id = (id != former).then(|| former.into());
                put.id = id;
            }
        }
        hashes.push(of_group);
        on.push(targets);
    }
    if !is_history {
        set_equals_apart(steps, full_urls, &found.steps);
    }
    let places = |group: Vec<usize>| group.into_iter().map(|node| found.steps[node]).collect();
    Kinship { groups: groups.into_iter().map(places).collect(), on }
}

/// Gives equal entries ids of their own: the first one keeps its id. The first one is the one that
/// links lead to, so that the order of entries does not matter.
fn set_equals_apart(steps: &mut [EntryStep], full_urls: &FullUrls, nodes: &[usize]) {
    let is_linked = |place: &usize| full_urls.exactly(full_url(&steps[*place])) == Some(*place);
    let (linked, others): (Vec<usize>, Vec<usize>) =
        nodes.iter().partition(|place| is_linked(place));
    let mut times: HashMap<(String, String), u64> = HashMap::new();
    for place in linked.into_iter().chain(others) {
        let EntryAction::Put(put) = &mut steps[place].action else { continue };
        let times = times.entry((put.resource_type.clone(), put.id.clone())).or_default();
        if *times > 0 {
            put.id = written(hash(&[b"again", put.id.as_bytes(), &times.to_be_bytes()]));
            put.former_id = None;
        }
        *times += 1;
    }
}

/// Makes the id of a user's resource from the one that it would have without an owner. Users who
/// bring the same resource each have their own.
pub(super) fn owned_id(id: &str, owner: i64) -> String {
    written(hash(&[b"owner", &owner.to_be_bytes(), id.as_bytes()]))
}

impl Dependencies {
    fn find(text: &str, steps: &[EntryStep], full_urls: &FullUrls, nodes: Vec<usize>) -> Self {
        let mut found = Dependencies {
            on: vec![Vec::new(); nodes.len()],
            ends: vec![Vec::new(); nodes.len()],
            nodes: nodes.iter().enumerate().map(|(node, place)| (*place, node)).collect(),
            steps: nodes,
            rejected: HashMap::new(),
        };
        let open: Vec<bool> =
            found.steps.iter().map(|place| is_told_by_links(&steps[*place])).collect();
        let is_any_open = open.contains(&true);
        for (place, step) in steps.iter().enumerate() {
            let node = found.nodes.get(&place).copied();
            // The other entries matter only where something is told by their links. The links of a
            // Bundle in this one lead to its own entries.
            if node.is_none() && !(is_any_open && put_of(step).is_some()) {
                continue;
            }
            each_link(step.resource_text(text), |_, link| {
                let Some(linked) = full_urls.find(step.full_url.as_deref(), &link) else { return };
                let says_id = |put: &EntryPut| {
                    !put.is_derived
                        && search_of(put).is_none()
                        && linked.says(&put.resource_type, &put.id)
                };
                // A link that ends in the id itself means the same in every Bundle.
                if linked.entry != place && !put_of(&steps[linked.entry]).is_some_and(says_id) {
                    found.add(text, steps, &open, (place, node), linked.entry);
                }
            });
        }
        for (on, ends) in found.on.iter_mut().zip(&mut found.ends) {
            on.sort_unstable();
            on.dedup();
            ends.sort_unstable();
            ends.dedup();
        }
        found
    }

    /// Adds what follows of a link from one entry to another one.
    fn add(
        &mut self,
        text: &str,
        steps: &[EntryStep],
        open: &[bool],
        (from, from_node): (usize, Option<usize>),
        to: usize,
    ) {
        let known = |place: usize, node: Option<usize>| node.filter(|_| !has_search(&steps[place]));
        let to_node = self.nodes.get(&to).copied();
        if let Some(node) = from_node {
            match known(to, to_node) {
                Some(target) => self.on[node].push(target),
                None => {
                    let end = self.end(text, b"to", &steps[to], to);
                    self.ends[node].push(end);
                }
            }
        }
        if let Some(node) = to_node.filter(|node| open[*node]) {
            match known(from, from_node) {
                Some(source) => self.on[node].push(source),
                None => {
                    let end = self.end(text, b"from", &steps[from], from);
                    self.ends[node].push(end);
                }
            }
        }
    }
}

impl Dependencies {
    /// Describes an entry at which dependencies end: by its search, its `Type/id`, or its text where it
    /// cannot be taken.
    fn end(&mut self, text: &str, direction: &[u8], step: &EntryStep, place: usize) -> Hash {
        let content = match put_of(step) {
            Some(put) => match search_of(put) {
                Some(condition) => described(condition),
                None => hash(&[put.resource_type.as_bytes(), put.id.as_bytes()]),
            },
            None => {
                let of_text = || hash(&[text[step.text.clone()].as_bytes()]);
                *self.rejected.entry(place).or_insert_with(of_text)
            }
        };
        hash(&[direction, full_url(step).as_bytes(), &content])
    }
}

/// The text of an entry's resource without white space.
fn minified_text<'t>(step: &'t EntryStep, text: &'t str) -> Cow<'t, str> {
    match &step.minified {
        Some(minified) => Cow::Borrowed(minified),
        None => Cow::Owned(minified(step.resource_text(text))),
    }
}

/// True for an entry that is told from others like it only by the entries whose links lead to it.
fn is_told_by_links(step: &EntryStep) -> bool {
    let Some(put) = put_of(step) else { return false };
    let is_given = |part: &Option<String>| part.as_ref().is_some_and(|part| !part.is_empty());
    let has_identifier = put
        .identifiers
        .iter()
        .any(|identifier| is_given(&identifier.system) && is_given(&identifier.value));
    !has_identifier && !has_search(step) && !is_unique(full_url(step))
}

fn put_of(step: &EntryStep) -> Option<&EntryPut> {
    match &step.action {
        EntryAction::Put(put) => Some(put),
        _ => None,
    }
}

fn full_url(step: &EntryStep) -> &str {
    step.full_url.as_deref().unwrap_or_default()
}

fn search_of(put: &EntryPut) -> Option<&Condition> {
    match &put.rule {
        PutRule::Always => None,
        PutRule::IfNoneExist(search) | PutRule::Where { search, .. } => Some(&search.condition),
    }
}

fn has_search(step: &EntryStep) -> bool {
    put_of(step).and_then(search_of).is_some()
}

/// Describes a search: what it asks for, in one form.
fn described(condition: &Condition) -> Hash {
    let mut parts: Vec<&[u8]> = vec![condition.resource_type.as_bytes()];
    parts.push(condition.id.as_deref().unwrap_or_default().as_bytes());
    for tokens in &condition.identifiers {
        parts.push(b"identifier");
        for token in tokens {
            parts.push(if token.system.is_some() { b"|" } else { b"" });
            parts.push(token.system.as_deref().unwrap_or_default().as_bytes());
            parts.push(token.value.as_bytes());
        }
    }
    hash(&parts)
}

/// Hashes parts, each with its length.
fn hash(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Hashes lists of hashes, whatever their order.
fn hash_of_group(mut lists: [Vec<Hash>; 3]) -> Hash {
    lists.iter_mut().for_each(|list| list.sort_unstable());
    hash(&lists.each_ref().map(|list| list.as_flattened()))
}

/// Writes the first half of a hash as an id.
fn written(hash: Hash) -> String {
    hex(&hash[..16])
}
