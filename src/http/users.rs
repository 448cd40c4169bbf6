//! `/user-management/v1/user`: the users of a 1upHealth client and their codes.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use super::context::Context;
use super::message::{Request, Response, explanation};
use super::request_parameters::{RequestParameters, challenged};
use crate::access::{UserSelector, UserWithCode};
use crate::error::{Error, Kind, Result};
use crate::store::{Client, User};

/// A user in an answer, with the members in the order of 1upHealth.
#[derive(Serialize)]
struct UserEntry {
    #[serde(skip_serializing_if = "Option::is_none")]
    success: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    oneup_user_id: i64,
    app_user_id: String,
    active: bool,
}

impl UserEntry {
    /// A user in a list.
    fn listed(user: User) -> UserEntry {
        let User { id, app_user_id, active, .. } = user;
        UserEntry { success: None, code: None, oneup_user_id: id, app_user_id, active }
    }

    /// A user that the request changed.
    fn changed(user: User) -> UserEntry {
        UserEntry { success: Some(true), ..UserEntry::listed(user) }
    }

    /// A user with a new code.
    fn with_code(UserWithCode { user, code }: UserWithCode) -> UserEntry {
        UserEntry { code: Some(code), ..UserEntry::changed(user) }
    }
}

/// `/user-management/v1/user`: lists, adds or changes users.
pub fn users(context: &Context, request: &Request) -> Response {
    answered(context, request, |client, parameters| match request.method.as_str() {
        "POST" => add(context, client, parameters),
        "PUT" => change(context, client, parameters),
        _ => list(context, client, parameters),
    })
}

/// `POST …/auth-code`: a new code for a user.
pub fn code(context: &Context, request: &Request) -> Response {
    answered(context, request, |client, parameters| {
        let new = context.access.code_for(client, &which(parameters)?)?;
        Ok(Response::json(200, &UserEntry::with_code(new)))
    })
}

/// Answers a client; errors become JSON of this dialect.
fn answered(
    context: &Context,
    request: &Request,
    answer: impl FnOnce(&Client, &RequestParameters) -> Result<Response>,
) -> Response {
    let answered = RequestParameters::read(request).and_then(|parameters| {
        let client = parameters.client(context, request.peer)?;
        request.noted.note_caller(Some(&client.client_id), None);
        answer(&client, &parameters)
    });
    let response = answered.unwrap_or_else(|error| {
        context.log_fault(&error, request);
        let what = explanation(&error, &request.id);
        challenged(refused(error.kind().status(), &what)).retry(&error)
    });
    response.with("Cache-Control", "no-store")
}

fn refused(status: u16, error: &str) -> Response {
    Response::json(status, &json!({"success": false, "error": error}))
}

fn add(context: &Context, client: &Client, parameters: &RequestParameters) -> Result<Response> {
    let Some(app_user_id) = parameters.get("app_user_id") else {
        return Err(Error::new(Kind::Invalid, "app_user_id is missing"));
    };
    Ok(match context.access.add_user(client, app_user_id)? {
        Some(new) => Response::json(200, &UserEntry::with_code(new)),
        // 1upHealth answers 200 here: "The request won't fail".
        None => refused(200, "this user already exists"),
    })
}

fn list(context: &Context, client: &Client, parameters: &RequestParameters) -> Result<Response> {
    let found = context.access.users(client, &which(parameters)?)?;
    let entry: Vec<UserEntry> = found.into_iter().map(UserEntry::listed).collect();
    Ok(Response::json(200, &BTreeMap::from([("entry", entry)])))
}

fn change(context: &Context, client: &Client, parameters: &RequestParameters) -> Result<Response> {
    let active = match parameters.get("active") {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Error::new(Kind::Invalid, "active should be true or false")),
    };
    let user = context.access.change_user(client, &which(parameters)?, active)?;
    Ok(Response::json(200, &UserEntry::changed(user)))
}

/// The user that a request names.
fn which(parameters: &RequestParameters) -> Result<UserSelector> {
    let number = |text: &str| {
        text.parse().map_err(|_| Error::new(Kind::Invalid, "oneup_user_id should be a number"))
    };
    Ok(UserSelector {
        app_user_id: parameters.get("app_user_id").map(str::to_owned),
        oneup_user_id: parameters.get("oneup_user_id").map(number).transpose()?,
    })
}
