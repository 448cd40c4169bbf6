//! The `fullUrl`s of a Bundle: which entry a link leads to.
//!
//! <https://hl7.org/fhir/R4/bundle.html#references>. Entries are known by their numbers here; what
//! becomes of their resources is not.

use std::borrow::Cow;
use std::collections::HashMap;

use super::name::{is_uuid, restful_base, type_and_id, without_version};

/// True for a `urn:uuid:` or `urn:oid:` link.
pub fn is_urn(link: &str) -> bool {
    let begins =
        |urn: &str| link.get(..urn.len()).is_some_and(|head| head.eq_ignore_ascii_case(urn));
    begins("urn:uuid:") || begins("urn:oid:")
}

/// The UUID of a `urn:uuid:` link, or whatever else stands there.
pub fn uuid_of(link: &str) -> Option<&str> {
    let head = link.get(..9)?;
    head.eq_ignore_ascii_case("urn:uuid:").then(|| &link[9..])
}

/// True for a `fullUrl` that no other resource has: a UUID with digits as chance makes them. Some
/// tools number the entries of each file from 1 and write the number as a UUID.
pub fn is_unique(full_url: &str) -> bool {
    let Some(uuid) = uuid_of(full_url).filter(|uuid| is_uuid(uuid)) else { return false };
    let digits: Vec<u32> = uuid.chars().filter_map(|digit| digit.to_digit(16)).collect();
    let mut times = [0; 16];
    digits.iter().for_each(|digit| times[*digit as usize] += 1);
    let steps = |step: u32| digits.windows(2).filter(|two| two[0] + step == two[1]).count();
    // Chance gives each digit twice, and of the 31 steps two of any kind.
    times.iter().all(|times| *times <= 9)
        && times.iter().filter(|times| **times > 0).count() >= 8
        && steps(0) < 10
        && steps(1) < 10
}

/// How a link names its entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkForm {
    /// By the `urn:` that is the `fullUrl`.
    Urn,
    /// By the URL that is the `fullUrl`; a relative link by the base of its own entry's `fullUrl`.
    Url,
    /// By the `Type/id` that the resource has in the Bundle.
    Name,
}

/// An entry that a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedEntry<'a> {
    /// Its number.
    pub entry: usize,
    /// How the link names it.
    pub form: LinkForm,
    /// The link without version and fragment.
    pub bare: &'a str,
    /// The version and the fragment of the link: `/_history/1`, `#part`, mostly nothing.
    pub rest: &'a str,
}

impl LinkedEntry<'_> {
    /// True where the link is or ends in this `Type/id`.
    pub fn says(&self, resource_type: &str, id: &str) -> bool {
        let before = self.bare.strip_suffix(id).and_then(|rest| rest.strip_suffix('/'));
        let before = before.and_then(|rest| rest.strip_suffix(resource_type));
        before.is_some_and(|base| base.is_empty() || base.ends_with('/'))
    }
}

/// The `fullUrl`s of one Bundle, and the entry that each stands for.
#[derive(Default)]
pub struct FullUrls {
    urls: HashMap<String, usize>,
    /// Entries by the `Type/id` that their resources have in the Bundle.
    names: HashMap<String, usize>,
}

impl FullUrls {
    /// Adds an entry. Returns the number of an entry that had the same `fullUrl` and lost it.
    pub fn add(&mut self, full_url: &str, entry: usize) -> Option<usize> {
        self.urls.insert(normalized(without_version(full_url).0).into_owned(), entry)
    }

    /// Adds the `Type/id` that an entry's resource has in the Bundle. The first one counts.
    pub fn add_name(&mut self, name: String, entry: usize) {
        self.names.entry(name).or_insert(entry);
    }

    /// Finds the entry whose `fullUrl` is this link, letter by letter but for the case of a `urn:`.
    pub fn exactly(&self, link: &str) -> Option<usize> {
        self.urls.get(normalized(link).as_ref()).copied()
    }

    /// Finds the entry that a link leads to; `from` is the `fullUrl` of the entry that holds the link.
    /// A version or a fragment of the link is set aside first.
    pub fn find<'a>(&self, from: Option<&str>, link: &'a str) -> Option<LinkedEntry<'a>> {
        if link.is_empty() || link.starts_with('#') {
            return None;
        }
        let whole = link.split_once('#').map_or(link, |(whole, _)| whole);
        let (bare, _) = without_version(whole);
        let rest = &link[bare.len()..];
        if let Some(entry) = self.exactly(bare) {
            let form = if is_urn(bare) { LinkForm::Urn } else { LinkForm::Url };
            return Some(LinkedEntry { entry, form, bare, rest });
        }
        type_and_id(bare)?;
        let at_base = || self.urls.get(&format!("{}{bare}", from.and_then(restful_base)?));
        let (entry, form) = match at_base() {
            Some(entry) => (*entry, LinkForm::Url),
            None => (*self.names.get(bare)?, LinkForm::Name),
        };
        Some(LinkedEntry { entry, form, bare, rest })
    }
}

/// Puts a `urn:` link in lower case: UUIDs compare without regard to case.
fn normalized(link: &str) -> Cow<'_, str> {
    if is_urn(link) { Cow::Owned(link.to_ascii_lowercase()) } else { Cow::Borrowed(link) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_find_entries_as_the_specification_says() {
        let mut full_urls = FullUrls::default();
        full_urls.add("urn:uuid:AB", 0);
        full_urls.add("http://x/fhir/Group/2", 1);
        full_urls.add("Patient/3", 2);
        full_urls.add_name("Patient/4".into(), 3);
        let find = |from: &str, link: &str| {
            let found = full_urls.find(Some(from), link)?;
            assert_eq!(format!("{}{}", found.bare, found.rest), link);
            Some((found.entry, found.rest.to_owned()))
        };
        let (at_x, at_y) = ("http://x/fhir/Patient/1", "http://y/fhir/Patient/1");
        for (from, link, found) in [
            ("urn:uuid:1", "URN:uuid:aB", Some((0, ""))),
            ("urn:uuid:1", "urn:uuid:ab#part", Some((0, "#part"))),
            (at_y, "http://x/fhir/Group/2", Some((1, ""))),
            (at_y, "http://x/fhir/Group/2/_history/7", Some((1, "/_history/7"))),
            (at_x, "Group/2", Some((1, ""))),
            (at_x, "Group/2/_history/7#a", Some((1, "/_history/7#a"))),
            (at_y, "Group/2", None),
            ("urn:uuid:1", "Group/2", None),
            (at_x, "Patient/3", Some((2, ""))),
            (at_x, "Patient/4", Some((3, ""))),
            (at_x, "", None),
            (at_x, "#ab", None),
            (at_x, "urn:uuid:abc", None),
        ] {
            let found = found.map(|(entry, rest)| (entry, rest.to_owned()));
            assert_eq!(find(from, link), found, "{link} in {from}");
        }
    }

    #[test]
    fn numbers_in_the_form_of_uuids_are_not_unique() {
        for unique in [
            "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
            "urn:uuid:88F151C0-A954-468A-88BD-5AE15C08E059",
            "URN:UUID:6c5d9ca9-54d7-42f5-bfae-a7c19cd217f2",
        ] {
            assert!(is_unique(unique), "{unique}");
        }
        for numbered in [
            "urn:uuid:1",
            "urn:uuid:00000000-0000-4000-8000-000000000001",
            "urn:uuid:5a0f3c1e-0000-4000-8000-000000000002",
            "urn:uuid:aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
            "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
            "urn:oid:1.2.3",
            "http://x/fhir/Patient/61ebe359-bfdc-4613-8bf2-c5e300945f0a",
        ] {
            assert!(!is_unique(numbered), "{numbered}");
        }
    }
}
