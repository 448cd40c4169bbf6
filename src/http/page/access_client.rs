//! `/access/clients/{number}`: a client with its tokens, and what the operator does with it.

use std::time::Duration;

use askama::Template;

use super::access_gate::{PLACE, for_operator};
use super::access_list::authentication;
use super::document::document;
use super::posted_form::filled;
use super::shell::{Shell, see_other};
use crate::access::{TokenResponse, issue_token};
use crate::error::{Error, Kind, Result};
use crate::http::context::Context;
use crate::http::form::parse_form;
use crate::http::message::{Request, Response, explanation};
use crate::store::{Client, IssuedToken};

/// How many tokens are shown.
const ROWS: usize = 50;
/// The longest life of a token, in seconds.
const LONGEST: u64 = 366 * 24 * 60 * 60;

#[derive(Template)]
#[template(path = "access_client.html")]
struct AccessClientScreen {
    shell: Shell,
    number: i64,
    client_id: String,
    authentication: String,
    scope: Option<String>,
    users: usize,
    since: String,
    tokens: Vec<AccessTokenRow>,
    /// The number of all tokens.
    all_tokens: usize,
    problem: Option<String>,
    /// What was filled in for a new token.
    user: String,
    token_scope: String,
}

/// A token in the list.
struct AccessTokenRow {
    hash: String,
    kind: String,
    user: String,
    scope: String,
    issued: String,
    expires: String,
}

#[derive(Template)]
#[template(path = "access_token.html")]
struct NewTokenScreen {
    shell: Shell,
    number: i64,
    client_id: String,
    user: Option<String>,
    token: String,
    scope: String,
    hours: String,
}

/// Answers with the client.
///
/// # Errors
/// `NotFound` where there is none.
pub fn client(context: &Context, request: &Request, number: &str) -> Result<Response> {
    for_operator(context, request, || {
        let found = find(context, number)?;
        document(request, 200, &screen(context, found)?)
    })
}

fn find(context: &Context, number: &str) -> Result<Client> {
    let found = match number.parse() {
        Ok(number) => context.store.client_numbered(number)?,
        Err(_) => None,
    };
    found.ok_or_else(|| {
        Error::new(Kind::NotFound, "there is no such client; it may have been removed")
    })
}

fn screen(context: &Context, client: Client) -> Result<AccessClientScreen> {
    let (tokens, all_tokens) = context.store.issued_tokens(client.id, ROWS)?;
    Ok(AccessClientScreen {
        shell: Shell::new(context, format!("Client {}", client.client_id), PLACE),
        number: client.id,
        authentication: authentication(&client),
        users: context.store.users(client.id, None, None)?.len(),
        since: client.created_at.to_string(),
        client_id: client.client_id,
        scope: client.credentials.scope,
        tokens: tokens.into_iter().map(row).collect(),
        all_tokens,
        problem: None,
        user: String::new(),
        token_scope: String::new(),
    })
}

fn row(token: IssuedToken) -> AccessTokenRow {
    AccessTokenRow {
        hash: token.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        kind: token.kind,
        user: token.user.unwrap_or_default(),
        scope: token.scope,
        issued: token.issued_at.to_string(),
        expires: token.expires_at.to_string(),
    }
}

/// Issues a token. The answer shows it, this once.
///
/// # Errors
/// `NotFound` where there is no such client; `Busy`.
pub fn add_token(context: &Context, request: &Request, number: &str) -> Result<Response> {
    for_operator(context, request, || {
        let client = find(context, number)?;
        let fields = parse_form(&request.body);
        let field = |name: &str| filled(&fields, name);
        let lifetime = field("seconds").and_then(|text| text.parse().ok());
        let lifetime = lifetime.map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST)));
        let user = match field("user") {
            Some(name) => context.store.user(name, Some(&client.client_id)).map(Some),
            None => Ok(None),
        };
        let issued = user.and_then(|user| {
            issue_token(&context.store, &client, user.as_ref(), field("scope"), lifetime)
        });
        match issued {
            Ok(TokenResponse { access_token, scope, expires_in, .. }) => {
                let screen = NewTokenScreen {
                    shell: Shell::new(context, "The token is issued", PLACE),
                    number: client.id,
                    client_id: client.client_id,
                    user: field("user").map(str::to_owned),
                    token: access_token,
                    scope,
                    hours: lasting(expires_in),
                };
                document(request, 200, &screen)
            }
            Err(error) if error.kind().status() < 500 => {
                let mut screen = screen(context, client)?;
                screen.problem = Some(explanation(&error, &request.id));
                screen.user = field("user").unwrap_or_default().to_owned();
                screen.token_scope = field("scope").unwrap_or_default().to_owned();
                document(request, 400, &screen)
            }
            Err(error) => Err(error),
        }
    })
}

/// A time in words.
fn lasting(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{} minutes", seconds / 60),
        3600..172_800 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Ends a token, or all of them.
///
/// # Errors
/// `NotFound` where there is no such client; `Invalid` for what is no token; `Busy`.
pub fn revoke(context: &Context, request: &Request, number: &str) -> Result<Response> {
    for_operator(context, request, || {
        let client = find(context, number)?;
        let fields = parse_form(&request.body);
        let token = match fields.iter().find(|(name, _)| name == "token") {
            Some((_, text)) if text == "all" => None,
            Some((_, text)) => Some(bytes(text)?),
            None => return Err(Error::new(Kind::Invalid, "say which token should end")),
        };
        context.store.revoke_tokens(&client, token.as_deref())?;
        Ok(see_other(context, &format!("/access/clients/{}", client.id)))
    })
}

/// The bytes that hexadecimal digits stand for.
fn bytes(text: &str) -> Result<Vec<u8>> {
    let wrong = || Error::new(Kind::Invalid, "this is no token of the list");
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            u8::from_str_radix(pair, 16).map_err(|_| wrong())
        })
        .collect()
}

/// Removes the client.
///
/// # Errors
/// `NotFound` where there is no such client; `Invalid` without the tick that confirms; `Busy`.
pub fn remove(context: &Context, request: &Request, number: &str) -> Result<Response> {
    for_operator(context, request, || {
        let client = find(context, number)?;
        if !parse_form(&request.body).iter().any(|(name, _)| name == "sure") {
            let what = "tick the box to say that the client should be removed; nothing was changed";
            return Err(Error::new(Kind::Invalid, what));
        }
        context.store.remove_client(client.id)?;
        Ok(see_other(context, "/access"))
    })
}
