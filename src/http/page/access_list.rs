//! `/access`: the clients of the store, and a form that registers another.

use askama::Template;

use super::access_gate::{PLACE, TITLE, for_operator};
use super::document::document;
use super::shell::Shell;
use crate::access::{ClientAuthentication, NewClient, describe_keys, register};
use crate::error::{Error, Kind, Result};
use crate::http::context::Context;
use crate::http::form::parse_form;
use crate::http::message::{Request, Response, explanation};
use crate::store::Client;

/// How many clients stand on one page of the list.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "access.html")]
struct AccessScreen {
    shell: Shell,
    /// True where the server asks everybody who they are.
    is_required: bool,
    clients: Vec<AccessClientRow>,
    /// The number of all clients.
    number: usize,
    /// The number of this page of the list, from 1, and of the last one.
    page: usize,
    last_page: usize,
    /// Why the last form was refused.
    problem: Option<String>,
    form: RegistrationForm,
}

/// A client in the list.
struct AccessClientRow {
    number: i64,
    client_id: String,
    authentication: String,
    scope: String,
    users: usize,
    since: String,
}

/// What was filled in.
#[derive(Default)]
struct RegistrationForm {
    client_id: String,
    kind: String,
    scope: String,
    jwks: String,
    jwks_url: String,
}

#[derive(Template)]
#[template(path = "access_new.html")]
struct NewClientScreen {
    shell: Shell,
    number: i64,
    client_id: String,
    secret: Option<String>,
    private_key: Option<String>,
    scope: Option<String>,
}

/// How a client proves who it is, in words.
pub fn authentication(client: &Client) -> String {
    let secret = client.credentials.secret_hash.as_ref().map(|_| "secret".to_owned());
    let keys = describe_keys(client).map(|keys| format!("keys: {keys}"));
    [secret, keys].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Answers with the list.
///
/// # Errors
/// Where the store cannot be read.
pub fn clients(context: &Context, request: &Request) -> Result<Response> {
    for_operator(context, request, || {
        let form = RegistrationForm { kind: "secret".to_owned(), ..RegistrationForm::default() };
        document(request, 200, &list(context, request, form, None)?)
    })
}

fn list(
    context: &Context,
    request: &Request,
    form: RegistrationForm,
    problem: Option<String>,
) -> Result<AccessScreen> {
    let all = context.store.clients()?;
    let last_page = all.len().div_ceil(ROWS).max(1);
    let asked = request.query.iter().find(|(name, _)| name == "page");
    let page = asked.and_then(|(_, text)| text.parse().ok()).unwrap_or(1).clamp(1, last_page);
    let mut clients = Vec::new();
    for client in all.iter().skip((page - 1) * ROWS).take(ROWS) {
        clients.push(AccessClientRow {
            number: client.id,
            client_id: client.client_id.clone(),
            authentication: authentication(client),
            scope: client.credentials.scope.clone().unwrap_or_default(),
            users: context.store.users(client.id, None, None)?.len(),
            since: client.created_at.to_string(),
        });
    }
    Ok(AccessScreen {
        shell: Shell::new(context, TITLE, PLACE),
        is_required: context.access.is_required(),
        clients,
        number: all.len(),
        page,
        last_page,
        problem,
        form,
    })
}

/// Registers a client. The answer shows its secret or its private key, this once.
///
/// # Errors
/// Those of [`register`] that the form cannot mend.
pub fn add_client(context: &Context, request: &Request) -> Result<Response> {
    for_operator(context, request, || {
        let form = RegistrationForm::read(request);
        let registered = form.authentication().and_then(|authentication| {
            let id = Some(form.client_id.as_str()).filter(|id| !id.is_empty());
            let scope = Some(form.scope.as_str()).filter(|scope| !scope.is_empty());
            register(&context.store, id, &authentication, scope)
        });
        match registered {
            Ok(NewClient { client, secret, private_key, .. }) => {
                let screen = NewClientScreen {
                    shell: Shell::new(context, "The client is registered", PLACE),
                    number: client.id,
                    client_id: client.client_id,
                    secret,
                    private_key,
                    scope: client.credentials.scope,
                };
                document(request, 200, &screen)
            }
            Err(error) if matches!(error.kind(), Kind::Usage | Kind::Invalid) => {
                let problem = Some(explanation(&error, &request.id));
                document(request, 400, &list(context, request, form, problem)?)
            }
            Err(error) => Err(error),
        }
    })
}

impl RegistrationForm {
    fn read(request: &Request) -> RegistrationForm {
        let mut form = RegistrationForm::default();
        for (name, value) in parse_form(&request.body) {
            let value = value.trim().to_owned();
            match name.as_str() {
                "client_id" => form.client_id = value,
                "kind" => form.kind = value,
                "scope" => form.scope = value,
                "jwks" => form.jwks = value,
                "jwks_url" => form.jwks_url = value,
                _ => {}
            }
        }
        form
    }

    fn authentication(&self) -> Result<ClientAuthentication> {
        let needed = |what: &str| Err(Error::new(Kind::Invalid, what));
        match self.kind.as_str() {
            "secret" if !self.scope.is_empty() => needed(
                "a client with a secret has no scopes: it reads all resources of its users; leave the scopes empty",
            ),
            "secret" => Ok(ClientAuthentication::NewSecret),
            _ if self.scope.is_empty() => needed(
                "say in the scopes what a client with keys may read; system/*.rs is everything",
            ),
            "new-key" => Ok(ClientAuthentication::NewKey),
            "jwks" => Ok(ClientAuthentication::Jwks(self.jwks.clone())),
            "jwks-url" => Ok(ClientAuthentication::JwksUrl(self.jwks_url.clone())),
            _ => needed("say how the client proves who it is"),
        }
    }
}
