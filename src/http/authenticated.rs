//! A request with its caller: what the caller sees of the store, and what the audit notes.

use std::ops::Deref;

use super::context::Context;
use super::form::target_with;
use super::header::{BEARER, INVALID_TOKEN, bearer};
use super::message::Request;
use crate::access::{AddressBlock, AuditPlace, Caller, Interaction, Presented};
use crate::error::{Error, Kind, Result};
use crate::export::Permission;
use crate::fhir::version::FhirVersion;
use crate::store::{AuditEvent, VisibleStore};

/// A request whose caller is known. An open server knows every caller.
pub struct AuthenticatedRequest<'a> {
    /// What all handlers share.
    pub context: &'a Context,
    /// Who makes the request.
    pub caller: Caller,
    /// The part of the store that the caller sees.
    pub seen: VisibleStore,
    /// What the caller may export.
    pub permission: Permission,
    request: &'a Request,
}

impl Deref for AuthenticatedRequest<'_> {
    type Target = Request;

    fn deref(&self) -> &Request {
        self.request
    }
}

impl<'a> AuthenticatedRequest<'a> {
    /// Finds the caller of a request.
    ///
    /// # Errors
    /// `Unauthorized`, `Throttled`, `Forbidden`, `Invalid`: those of `Authority::authenticate`.
    pub fn new(context: &'a Context, request: &'a Request) -> Result<AuthenticatedRequest<'a>> {
        AuthenticatedRequest::presenting(context, request, &presented(request))
    }

    /// Finds the caller of a request by these credentials.
    ///
    /// # Errors
    /// Those of [`AuthenticatedRequest::new`].
    pub fn presenting(
        context: &'a Context,
        request: &'a Request,
        presented: &Presented,
    ) -> Result<AuthenticatedRequest<'a>> {
        let caller = context.access.authenticate(presented, request.peer)?;
        request.noted.note_caller(caller.client.as_deref(), caller.user.as_deref());
        let seen = context.store.limited_to(caller.reach);
        let permission = Permission { reach: caller.reach, types: caller.exportable() };
        Ok(AuthenticatedRequest { context, caller, seen, permission, request })
    }

    /// A request that this one brings along, for the same caller. It has its own right to a large body, which ends with
    /// it.
    pub fn with_entry(&self, request: &'a Request) -> AuthenticatedRequest<'a> {
        AuthenticatedRequest {
            context: self.context,
            caller: self.caller.clone(),
            seen: self.context.store.limited_to(self.caller.reach),
            permission: self.permission.clone(),
            request,
        }
    }

    /// The beginning of URLs in the answer.
    pub fn base(&self) -> String {
        self.context.base(self)
    }

    /// With whom the exports of this request take turns: the client, or the addresses of one that has no name.
    pub fn turn_name(&self) -> String {
        match &self.caller.client {
            Some(client) => format!("client {client}"),
            None => AddressBlock::of(self.peer).to_string(),
        }
    }

    /// True for a type of the store's version of FHIR, and for a type that the caller sees in the store
    /// or its history.
    pub fn is_type(&self, name: &str) -> Result<bool> {
        self.seen.knows_type(name)
    }

    /// The store's version of FHIR.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn fhir_version(&self) -> Result<FhirVersion> {
        Ok(self.context.store.fhir_version()?.unwrap_or_default())
    }

    /// Checks that the caller may do this with a type.
    ///
    /// # Errors
    /// `Forbidden` where the scope is too narrow.
    pub fn check(&self, resource_type: &str, interaction: Interaction) -> Result<()> {
        self.caller.check(resource_type, interaction)
    }

    /// Checks that the client still waits for its answer. Long work asks this now and then.
    ///
    /// # Errors
    /// `Interrupted` where it has left.
    pub fn check_is_there(&self) -> Result<()> {
        if self.watch.has_left() {
            return Err(Error::new(
                Kind::Interrupted,
                "the client left before its answer was made",
            ));
        }
        Ok(())
    }

    /// Takes a place in the audit for the event of this request; `None` without an audit. No data leave
    /// without it.
    ///
    /// # Errors
    /// `Busy` where the audit cannot be written.
    pub fn audit_place(&self) -> Result<Option<AuditPlace>> {
        self.context.audit.as_ref().map(|audit| audit.place()).transpose()
    }

    /// Notes the start of an export: the id that its files share, the parameters of the body, and the
    /// snapshot.
    pub fn note_export(
        &self,
        place: Option<AuditPlace>,
        export: &str,
        posted: &[(String, String)],
        snapshot: i64,
    ) {
        let Some(place) = place else { return };
        place.note(AuditEvent {
            export: Some(export.to_owned()),
            snapshot: Some(snapshot),
            whole: true,
            ..self.event("export", posted)
        });
    }

    /// Notes that resources were read or found: the parameters of the body, and the number of bytes.
    ///
    /// # Errors
    /// Those of [`AuthenticatedRequest::audit_place`]: the resources must not be sent.
    pub fn note_read(
        &self,
        event: &'static str,
        posted: &[(String, String)],
        bytes: usize,
    ) -> Result<()> {
        // The answer to HEAD has no resource.
        if self.method != "HEAD"
            && let Some(place) = self.audit_place()?
        {
            place.note(AuditEvent {
                bytes: bytes as u64,
                whole: true,
                ..self.event(event, posted)
            });
        }
        Ok(())
    }

    /// The note of a file's download, to be completed at the end; `None` without an audit.
    ///
    /// # Errors
    /// Those of [`AuthenticatedRequest::audit_place`].
    pub fn note_file(&self, export: Option<&str>) -> Result<Option<DownloadNote>> {
        let Some(place) = self.audit_place()? else { return Ok(None) };
        let event = AuditEvent { export: export.map(str::to_owned), ..self.event("file", &[]) };
        Ok(Some(DownloadNote { place, event }))
    }

    /// The note of rows that go out, to be completed at the end; `None` without an audit. `posted` are the parameters of
    /// the body.
    ///
    /// # Errors
    /// Those of [`AuthenticatedRequest::audit_place`].
    pub fn note_rows(&self, posted: &[(String, String)]) -> Result<Option<DownloadNote>> {
        let Some(place) = self.audit_place()? else { return Ok(None) };
        Ok(Some(DownloadNote { place, event: self.event("search", posted) }))
    }

    fn event(&self, event: &'static str, posted: &[(String, String)]) -> AuditEvent {
        AuditEvent {
            at: self.context.store.now(),
            event,
            client: self.caller.client.clone(),
            user: self.caller.user.clone(),
            request: target_with(&self.target, posted),
            ..AuditEvent::default()
        }
    }
}

/// An unfinished note of a download.
pub struct DownloadNote {
    place: AuditPlace,
    event: AuditEvent,
}

impl DownloadNote {
    /// Notes the number of bytes that were sent, and whether these were all.
    pub fn complete(self, bytes: u64, whole: bool) {
        self.place.note(AuditEvent { bytes, whole, ..self.event });
    }
}

/// The credentials in the headers of a request. Credentials in its URL do not count.
pub fn presented(request: &Request) -> Presented {
    let header = request.header("authorization").unwrap_or_default();
    if let Some(token) = bearer(&header) {
        return Presented::Bearer(token.to_owned());
    }
    match (request.header("client_id"), request.header("client_secret")) {
        (Some(client_id), Some(client_secret)) => {
            Presented::Secret { client_id, client_secret, user: request.header("x-oneup-user-id") }
        }
        _ => Presented::Nothing,
    }
}

/// The challenge for a request that was refused: <https://www.rfc-editor.org/rfc/rfc6750#section-3>.
pub fn challenge(request: &Request) -> &'static str {
    match presented(request) {
        Presented::Bearer(_) => INVALID_TOKEN,
        _ => BEARER,
    }
}
