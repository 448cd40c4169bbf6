//! A request by somebody who is known: what they get to see of the store, and what is noted of it.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::message::{Request, is_secret};
use super::route::Context;
use crate::access::{Audit, Caller, Interaction, Presented};
use crate::error::Result;
use crate::export::Permission;
use crate::fhir::r4::is_r4_type;
use crate::store::{Event, Seen};

/// What does not stand for itself where parameters of a body are written as if they were in a URL.
const PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'&').add(b'#').add(b'+');

/// A request, and who makes it.
pub struct Visit<'a> {
    /// What handlers work with.
    pub context: &'a Context,
    /// What is asked for.
    pub request: &'a Request,
    /// By whom.
    pub caller: Caller,
    /// What they see of the store.
    pub seen: Seen,
    /// As whom they export.
    pub permission: Permission,
}

impl<'a> Visit<'a> {
    /// Finds out who makes a request.
    ///
    /// # Errors
    /// `Unauthorized`, `Throttled`, `Forbidden`, `Invalid`: those of `Authority::authenticate`.
    pub fn of(context: &'a Context, request: &'a Request) -> Result<Visit<'a>> {
        let caller = context.access.authenticate(&shown(request), request.peer)?;
        let seen = context.store.seen(caller.reach);
        let permission = Permission { reach: caller.reach, types: caller.exportable() };
        Ok(Visit { context, request, caller, seen, permission })
    }

    /// What URLs in the answer begin with.
    pub fn base(&self) -> String {
        self.context.base(self.request)
    }

    /// True for a type of R4, or one that is seen in the store or was.
    pub fn is_type(&self, name: &str) -> Result<bool> {
        Ok(is_r4_type(name) || self.seen.has_type(name)?)
    }

    /// Whether this may be done with a type.
    ///
    /// # Errors
    /// `Forbidden` where the scope is too narrow.
    pub fn check(&self, resource_type: &str, interaction: Interaction) -> Result<()> {
        self.caller.check(resource_type, interaction)
    }

    /// Notes that an export was begun: what its files share, which parameters its body had, what it is
    /// cut from.
    pub fn note_export(&self, export: &str, posted: &[(String, String)], snapshot: i64) {
        self.note(Event {
            export: Some(export.to_owned()),
            snapshot: Some(snapshot),
            whole: true,
            ..self.event("export", posted)
        });
    }

    /// Notes that resources were read or found, by which parameters in the body, and how many bytes that
    /// was.
    pub fn note_read(&self, event: &'static str, posted: &[(String, String)], bytes: usize) {
        // HEAD gives nothing away but that it is there.
        if self.request.method != "HEAD" {
            self.note(Event { bytes: bytes as u64, whole: true, ..self.event(event, posted) });
        }
    }

    /// What will note how much of a file was fetched.
    pub fn note_file(&self, export: Option<&str>) -> Option<Fetched> {
        let audit = self.context.audit.clone()?;
        let event = Event { export: export.map(str::to_owned), ..self.event("file", &[]) };
        Some(Fetched { audit, event })
    }

    fn note(&self, event: Event) {
        if let Some(audit) = &self.context.audit {
            audit.note(event);
        }
    }

    fn event(&self, event: &'static str, posted: &[(String, String)]) -> Event {
        let mut request = self.request.target.clone();
        for (name, value) in posted.iter().filter(|(name, _)| !is_secret(name)) {
            let sign = if request.contains('?') { '&' } else { '?' };
            let encoded = |text| utf8_percent_encode(text, PLAIN);
            request.push_str(&format!("{sign}{}={}", encoded(name), encoded(value)));
        }
        Event {
            at: self.context.store.now(),
            event,
            client: self.caller.client.clone(),
            user: self.caller.user.clone(),
            request,
            ..Event::default()
        }
    }
}

/// Notes how much of a file was fetched.
pub struct Fetched {
    audit: Arc<Audit>,
    event: Event,
}

impl Fetched {
    /// So many bytes were, and whether that was all.
    pub fn note(self, bytes: u64, whole: bool) {
        self.audit.note(Event { bytes, whole, ..self.event });
    }
}

/// What a request shows of who makes it: in its headers, not in its URL.
fn shown(request: &Request) -> Presented {
    // Some clients send the word alone as long as they have no token.
    if let Some(token) = bearer(request).filter(|token| !token.is_empty()) {
        return Presented::Bearer(token);
    }
    match (request.header("client_id"), request.header("client_secret")) {
        (Some(client_id), Some(client_secret)) => {
            Presented::Secret { client_id, client_secret, user: request.header("x-oneup-user-id") }
        }
        _ => Presented::Nothing,
    }
}

/// How to show who one is.
pub const BEARER: &str = "Bearer realm=\"fhirlite\"";

/// The same where it takes more than what was shown.
pub const NOT_ENOUGH: &str = "Bearer realm=\"fhirlite\", error=\"insufficient_scope\"";

/// The same for who tried: <https://www.rfc-editor.org/rfc/rfc6750#section-3>.
pub fn challenge(request: &Request) -> &'static str {
    match shown(request) {
        Presented::Bearer(_) => "Bearer realm=\"fhirlite\", error=\"invalid_token\"",
        _ => BEARER,
    }
}

/// <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>
fn bearer(request: &Request) -> Option<String> {
    let header = request.header("authorization")?;
    let (scheme, token) = header.split_once(' ').unwrap_or((&header, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}
