//! Who references a resource: by the reference parameters of the types in the store, as `_revinclude` finds them.
//!
//! Each type and parameter has a few of them, and a link to the list of all. What is in patients' compartments is looked for
//! there, which takes a moment in a store of any size. Anywhere else only so many resources of each type are looked at.

use std::cell::Cell;

use super::words::{resource_path, url_with};
use crate::access::Interaction;
use crate::error::{Error, Kind, Result};
use crate::fhir::compartment::{self, PATIENT};
use crate::fhir::search::{Include, Search, revincludes};
use crate::http::authenticated::AuthenticatedRequest;
use crate::search::Finder;
use crate::store::StoredVersion;

/// How many resources are named of each type and parameter.
const MOST_NAMED: usize = 5;
/// How many resources are looked at for a type and parameter, and in all.
const MOST_LOOKED_AT: u64 = 10_000;
const MOST_IN_ALL: u64 = 200_000;

/// What refers to a resource by one parameter.
pub struct ReferrerRow {
    /// The type of what refers to it.
    pub resource_type: String,
    /// The parameter that finds the references.
    pub parameter: String,
    /// Some of the resources: the id, and the path of the screen.
    pub named: Vec<(String, String)>,
    /// True where there are more.
    pub has_more: bool,
    /// The list of all.
    pub all_url: String,
}

/// What refers to a resource.
#[derive(Default)]
pub struct Referrers {
    /// By type and parameter.
    pub rows: Vec<ReferrerRow>,
    /// True where not all resources were looked at.
    pub is_cut: bool,
}

/// Finds what refers to the current version `kept` of a resource.
///
/// # Errors
/// Where the store cannot be read; `Interrupted` where the client has left.
pub fn referrers(
    request: &AuthenticatedRequest<'_>,
    root: &str,
    resource_type: &str,
    kept: &StoredVersion,
) -> Result<Referrers> {
    let snapshot = request.seen.latest()?;
    let types = snapshot.types()?;
    let name = format!("{resource_type}/{}", kept.id);
    let patients = match resource_type {
        PATIENT => vec![kept.id.clone()],
        _ => snapshot.lookup()?.patients_of(kept.seq)?,
    };
    let (looked_at, in_all) = (Cell::new(0), Cell::new(0));
    let has_looked_enough = || looked_at.get() > MOST_LOOKED_AT || in_all.get() > MOST_IN_ALL;
    let watch = |more: u64| {
        request.check_is_there()?;
        looked_at.set(looked_at.get() + more);
        in_all.set(in_all.get() + more);
        match has_looked_enough() {
            true => Err(Error::new(Kind::TooMuch, "so many resources are not looked at")),
            false => Ok(()),
        }
    };
    let finder = Finder::new(&snapshot, request.fhir_version()?, &watch);
    let mut found = Referrers::default();
    for value in revincludes(resource_type, &types) {
        let Some((of, parameter)) = value.split_once(':') else { continue };
        if request.check(of, Interaction::Search).is_err() {
            continue;
        }
        let include = Include::parse("_revinclude", &value).ok().flatten();
        let Some(search) =
            include.and_then(|include| include.referring([name.clone()].into_iter()))
        else {
            continue;
        };
        let searches: Vec<Search> = match compartment::has(of) && !patients.is_empty() {
            true => patients.iter().map(|id| search.clone().in_compartment_of(id)).collect(),
            false => vec![search],
        };
        looked_at.set(0);
        let (mut named, mut has_more) = (Vec::new(), false);
        for search in &searches {
            let ended = finder.find(search, 0, |resource| {
                has_more = named.len() == MOST_NAMED;
                if !has_more {
                    let path = resource_path(root, &resource.resource_type, &resource.id);
                    named.push((resource.id, path));
                }
                !has_more
            });
            match ended {
                Err(_) if has_looked_enough() => found.is_cut = true,
                ended => ended?,
            }
        }
        if !named.is_empty() {
            let all_url = url_with(
                &format!("{root}/browse/{of}"),
                &[(parameter.to_owned(), name.clone())],
                |_| false,
            );
            let (resource_type, parameter) = (of.to_owned(), parameter.to_owned());
            found.rows.push(ReferrerRow { resource_type, parameter, named, has_more, all_url });
        }
        if in_all.get() > MOST_IN_ALL {
            break;
        }
    }
    Ok(found)
}
