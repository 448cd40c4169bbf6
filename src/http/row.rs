//! A row of the routing table: a path with its methods, its handler, and how long a body may be.
//!
//! It answers a request by itself, or an entry of a batch.

use super::authenticated::AuthenticatedRequest;
use super::context::{Context, FHIR, export_path};
use super::cross_origin;
use super::message::{Request, Response};
use crate::error::{Error, Kind, Result};
use crate::fhir::name::short;

/// A row of the table.
pub struct Route<'p> {
    /// The path, as the documentation writes it. Logs and metrics have it instead of the path itself.
    pub pattern: &'static str,
    /// The methods, as the `Allow` header lists them.
    pub methods: &'static str,
    /// The largest body in bytes.
    pub body_limit: usize,
    /// True for what cannot be an entry of a batch.
    pub is_alone: bool,
    /// True for what only a server with a page has.
    pub is_screen: bool,
    /// What answers.
    pub handler: Handler<'p>,
}

/// Answers every client.
pub type OpenHandler<'p> = dyn Fn(&Context, &Request) -> Result<Response> + 'p;
/// Answers a client that the server has authenticated.
pub type AuthenticatedHandler<'p> = dyn Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p;

/// The function that answers.
pub enum Handler<'p> {
    /// Answers whoever asks.
    Open(Box<OpenHandler<'p>>),
    /// Answers an authenticated client.
    Authenticated(Box<AuthenticatedHandler<'p>>),
}

/// A row for every client.
pub fn open<'p>(
    pattern: &'static str,
    methods: &'static str,
    handler: impl Fn(&Context, &Request) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    let handler = Handler::Open(Box::new(handler));
    Some(Route { pattern, methods, body_limit: 0, is_alone: false, is_screen: false, handler })
}

/// A row for authenticated clients.
pub fn authenticated<'p>(
    pattern: &'static str,
    methods: &'static str,
    handler: impl Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    let handler = Handler::Authenticated(Box::new(handler));
    Some(Route { pattern, methods, body_limit: 0, is_alone: false, is_screen: false, handler })
}

/// A row for a type, which must be one of the store's version or one that the client sees in the store.
pub fn of_type<'p>(
    pattern: &'static str,
    methods: &'static str,
    name: &'p str,
    handler: impl Fn(&AuthenticatedRequest<'_>) -> Result<Response> + 'p,
) -> Option<Route<'p>> {
    authenticated(pattern, methods, move |request| {
        if request.is_type(name)? { handler(request) } else { Err(not_found(request.context)) }
    })
}

/// Sets the largest body.
pub fn body(limit: usize, route: Option<Route<'_>>) -> Option<Route<'_>> {
    route.map(|route| Route { body_limit: limit, ..route })
}

/// Makes the row one of the page.
#[cfg(feature = "page")]
pub fn of_page(route: Option<Route<'_>>) -> Option<Route<'_>> {
    route.map(|route| Route { is_screen: true, ..route })
}

/// Keeps the row out of batches: it begins or ends work, or sends other than FHIR JSON.
pub fn alone(route: Option<Route<'_>>) -> Option<Route<'_>> {
    route.map(|route| Route { is_alone: true, ..route })
}

/// Says that a path leads nowhere.
pub fn not_found(context: &Context) -> Error {
    let version = context.store.fhir_version().ok().flatten().unwrap_or_default();
    let what = format!(
        "there is nothing here; {FHIR}/metadata says what there is, {} answers with a manifest of the \
         files to download",
        export_path(version)
    );
    Error::new(Kind::NotFound, what)
}

impl Route<'_> {
    /// Notes the row for the log and the metrics.
    pub fn note(&self, request: &Request) {
        // A request that has a body is looked up twice.
        let _ = request.noted.route.set(self.pattern);
    }

    /// True if the row takes this method.
    pub fn allows(&self, method: &str) -> bool {
        self.methods.split(", ").any(|known| known == method)
    }

    /// Answers by the handler, if the method is one of the row's.
    ///
    /// # Errors
    /// Those of the handler and of [`AuthenticatedRequest::new`].
    pub fn answer(&self, context: &Context, request: &Request) -> Result<Response> {
        self.note(request);
        if self.is_screen && !context.has_page {
            return Err(not_found(context));
        }
        if request.method == "OPTIONS" && self.allows("OPTIONS") {
            return Ok(cross_origin::options(&context.pages, request, self.methods));
        }
        if !self.allows(&request.method) {
            return Ok(self.refuse_method(request));
        }
        match &self.handler {
            Handler::Open(answer) => answer(context, request),
            Handler::Authenticated(answer) => {
                let authenticated = AuthenticatedRequest::new(context, request)?;
                // While the request lasts, no other one has large bodies in memory.
                answer(&authenticated)?.without_memory()
            }
        }
    }

    /// Answers an entry of `batch`, for the same caller.
    ///
    /// # Errors
    /// Those of the handler; `Invalid` for what cannot be an entry of a batch.
    pub fn answer_within(
        &self,
        batch: &AuthenticatedRequest<'_>,
        request: &Request,
    ) -> Result<Response> {
        self.note(request);
        if self.is_alone {
            let what = format!("{} is not answered within a batch; ask by itself", self.pattern);
            return Err(Error::new(Kind::Invalid, what));
        }
        if !self.allows(&request.method) {
            return Ok(self.refuse_method(request));
        }
        match &self.handler {
            Handler::Open(answer) => answer(batch.context, request),
            Handler::Authenticated(answer) => answer(&batch.with_entry(request)),
        }
    }

    fn refuse_method(&self, request: &Request) -> Response {
        let what =
            format!("{} is not supported here; {} are", short(&request.method), self.methods);
        let error = Error::new(Kind::MethodNotAllowed, what);
        Response::error(&error, &request.id).with("Allow", self.methods)
    }
}
