//! The resources that come along with those of a page: `_include` and `_revinclude`.
//!
//! <https://hl7.org/fhir/R4/search.html#revinclude>. They are of the same snapshot and within the same reach. A
//! reference is looked up; what refers to the page is found by one search for the whole page, which goes by the indexes
//! that there are. A resource comes once, and not where the page has it already.

use std::collections::{BTreeSet, HashSet};

use super::finder::Finder;
use super::recipient::FoundResource;
use crate::error::Result;
use crate::fhir::json::Tree;
use crate::fhir::search::Include;

/// How many steps are followed from a page: each may look at every resource of a type.
const MOST_STEPS: usize = 20;

/// What may come along.
pub struct IncludeRequest<'i> {
    /// What is asked for.
    pub includes: &'i [Include],
    /// Says whether resources of a type may come along.
    pub takes_type: &'i dyn Fn(&str) -> bool,
    /// The most resources.
    pub most: usize,
    /// The most bytes of their bodies: the one that makes them longer is the last.
    pub most_bytes: usize,
}

/// What comes along.
#[derive(Debug, Default)]
pub struct IncludedResources {
    /// The resources, those that are asked for directly before those that they lead to.
    pub found: Vec<FoundResource>,
    /// True where there are more than may come along, or they are too many steps away.
    pub is_cut: bool,
    names: HashSet<String>,
    bytes: usize,
}

impl IncludedResources {
    /// True where a resource is neither on the page nor among these.
    fn lacks(&self, name: &str) -> bool {
        !self.names.contains(name)
    }

    /// Adds a resource. False where it is one too many.
    fn add(&mut self, resource: FoundResource, request: &IncludeRequest<'_>) -> bool {
        let name = resource.name();
        if !self.lacks(&name) {
            return true;
        }
        self.is_cut = self.found.len() >= request.most || self.bytes >= request.most_bytes;
        if !self.is_cut {
            self.names.insert(name);
            self.bytes += resource.body.len();
            self.found.push(resource);
        }
        !self.is_cut
    }
}

impl Finder<'_> {
    /// Finds what comes along with the resources of a page.
    ///
    /// # Errors
    /// Where the store cannot be read; where the search may not go on.
    pub fn included(
        &self,
        page: &[FoundResource],
        request: &IncludeRequest<'_>,
    ) -> Result<IncludedResources> {
        let names = page.iter().map(FoundResource::name).collect();
        let mut included = IncludedResources { names, ..IncludedResources::default() };
        self.follow(page, request.includes.iter(), request, &mut included)?;
        let (mut done, mut steps) = (0, 1);
        while done < included.found.len() && !included.is_cut {
            if steps == MOST_STEPS {
                included.is_cut = request.includes.iter().any(Include::iterates);
                break;
            }
            steps += 1;
            let last = included.found[done..].to_vec();
            done = included.found.len();
            let iterating = request.includes.iter().filter(|include| include.iterates());
            self.follow(&last, iterating, request, &mut included)?;
        }
        Ok(included)
    }

    /// Adds what `includes` bring along with some resources.
    fn follow<'i>(
        &self,
        resources: &[FoundResource],
        includes: impl Iterator<Item = &'i Include>,
        request: &IncludeRequest<'_>,
        included: &mut IncludedResources,
    ) -> Result<()> {
        let (reverse, forward): (Vec<&Include>, Vec<&Include>) =
            includes.partition(|include| include.is_reverse());
        if !self.add_targets(resources, &forward, request, included)? {
            return Ok(());
        }
        for include in reverse {
            let names = resources.iter().map(FoundResource::name);
            let takes_type = include.brings().is_some_and(request.takes_type);
            let Some(search) = include.referring(names).filter(|_| takes_type) else { continue };
            self.find(&search, 0, |resource| included.add(resource, request))?;
            if included.is_cut {
                break;
            }
        }
        Ok(())
    }

    /// Adds what the references of some resources lead to. False where there are too many.
    fn add_targets(
        &self,
        resources: &[FoundResource],
        includes: &[&Include],
        request: &IncludeRequest<'_>,
        included: &mut IncludedResources,
    ) -> Result<bool> {
        let mut targets = BTreeSet::new();
        for resource in resources {
            let resource_type = &resource.resource_type;
            let mut following =
                includes.iter().filter(|include| include.follows(resource_type)).peekable();
            if following.peek().is_none() {
                continue;
            }
            match Tree::parse(&resource.body) {
                Err(fault) => self.note(fault),
                Ok(body) => {
                    following.for_each(|include| match include.targets(resource_type, &body) {
                        Ok(found) => targets.extend(found),
                        Err(fault) => self.note(fault),
                    })
                }
            }
        }
        self.go_on(resources.len() as u64)?;
        let view = self.snapshot().lookup()?;
        targets.retain(|name| included.lacks(name));
        for name in &targets {
            let Some((resource_type, id)) = name.split_once('/') else { continue };
            if !(request.takes_type)(resource_type) {
                continue;
            }
            let Some(seq) = view.find(resource_type, id)? else { continue };
            let read = view.read(seq, FoundResource::with_header)?;
            if read.is_some_and(|resource| !included.add(resource, request)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
