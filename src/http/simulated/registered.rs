//! `POST /clients` and `POST /users`: clients and users of a server that simulates, each made by one request.
//!
//! They are registered in the store that is served, so a reset takes them away. They get nothing that the commands of
//! the operator and the routes of 1upHealth do not give.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use crate::access::{
    ClientAuthentication, GrantTerms, NewClient, TokenError, UserSelector, register,
};
use crate::error::{Error, Kind, Result};
use crate::http::context::{Context, TOKEN};
use crate::http::message::{Request, Response};
use crate::store::{Client, TokenKind, User};

/// The parameter that says whose the imported resources are.
const OWNER: &str = "oneup_user_id";

/// The body of `POST /clients`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClientBody {
    client_id: Option<String>,
    scope: Option<String>,
}

/// The body of `POST /users`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserBody {
    client_id: Option<String>,
    app_user_id: Option<String>,
}

/// Registers a client: with a scope a SMART Backend Services client with a new key, else a 1upHealth client with a
/// new secret.
///
/// # Errors
/// `Invalid` for a body that says something else, and a name that is taken; `Usage` for a name that is not allowed, and
/// a scope that is none.
pub(super) fn add_client(context: &Context, request: &Request) -> Result<Response> {
    let ClientBody { client_id, scope } = body_of(request, r#"{"scope": "system/*.rs"}"#)?;
    let authentication = match scope {
        Some(_) => ClientAuthentication::NewKey,
        None => ClientAuthentication::NewSecret,
    };
    if let Some(client_id) = &client_id
        && context.store.client(client_id)?.is_some()
    {
        let what = format!("there is a client {client_id:?} already; choose another client_id");
        return Err(Error::new(Kind::Invalid, what));
    }
    let new = register(&context.store, client_id.as_deref(), &authentication, scope.as_deref())?;
    let mut said = Map::new();
    said.insert("client_id".to_owned(), new.client.client_id.clone().into());
    let path = match scope {
        Some(_) => TOKEN[1],
        None => TOKEN[0],
    };
    let token_url = format!("{}{path}", context.token_base(request));
    said.insert("token_url".to_owned(), token_url.into());
    add_credentials(&mut said, new)?;
    Ok(Response::json(201, &said))
}

/// Adds the credentials of a new client to an answer.
fn add_credentials(said: &mut Map<String, Json>, new: NewClient) -> Result<()> {
    let NewClient { client, secret, private_key, private_jwk } = new;
    let json = |text: String| {
        serde_json::from_str::<Json>(&text)
            .map_err(|error| Error::new(Kind::Internal, format!("a key is no JSON: {error}")))
    };
    let members = [
        ("client_secret", secret.map(Json::from)),
        ("scope", client.credentials.scope.map(Json::from)),
        ("key", private_jwk.map(json).transpose()?),
        ("jwks", client.credentials.jwks.map(json).transpose()?),
        ("private_key_pem", private_key.map(Json::from)),
    ];
    for (name, value) in members {
        said.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(())
}

/// Adds a user of a 1upHealth client, which is a new one where the request names none, and gives the user's tokens and a
/// code that can be exchanged for others.
///
/// # Errors
/// `Invalid` for a body that says something else, a client that is not known, and a user that is there already.
pub(super) fn add_user(context: &Context, request: &Request) -> Result<Response> {
    let UserBody { client_id, app_user_id } = body_of(request, r#"{"app_user_id": "alice"}"#)?;
    let Some(app_user_id) = app_user_id else {
        let what = r#"app_user_id is missing; name the user, as in {"app_user_id": "alice"}"#;
        return Err(Error::new(Kind::Invalid, what));
    };
    let mut said = Map::new();
    let client = match client_id {
        Some(client_id) => known_client(context, &client_id)?,
        None => {
            let new = register(&context.store, None, &ClientAuthentication::NewSecret, None)?;
            let client = new.client.clone();
            add_credentials(&mut said, new)?;
            client
        }
    };
    let Some(new) = context.access.add_user(&client, &app_user_id)? else {
        let what = format!("client {:?} has a user {app_user_id:?} already", client.client_id);
        return Err(Error::new(Kind::Invalid, what));
    };
    let (code, terms) = (TokenKind::Code, GrantTerms::default());
    let tokens = context.access.exchange(&client, code, &new.code, request.peer, terms);
    let tokens = tokens.map_err(|error| match error {
        TokenError::OAuth { description, .. } => Error::new(Kind::Internal, description),
        TokenError::Other(error) => error,
    })?;
    let by_number = UserSelector { oneup_user_id: Some(new.user.id), ..UserSelector::default() };
    let other = context.access.code_for(&client, &by_number)?;
    let members = json!({
        "client_id": client.client_id,
        "app_user_id": app_user_id,
        "oneup_user_id": new.user.id,
        "code": other.code,
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "expires_in": tokens.expires_in,
        "token_url": format!("{}{}", context.token_base(request), TOKEN[0]),
    });
    if let Json::Object(members) = members {
        said.extend(members);
    }
    Ok(Response::json(201, &said))
}

fn known_client(context: &Context, client_id: &str) -> Result<Client> {
    context.store.client(client_id)?.ok_or_else(|| {
        let what = format!(
            "there is no client {client_id:?}; POST /clients makes one, and without client_id POST /users does"
        );
        Error::new(Kind::Invalid, what)
    })
}

/// The user whose resources a request brings: `?oneup_user_id=NUMBER`; `None` where it says none.
///
/// # Errors
/// `Invalid` for another parameter, and for a user that is not there.
pub(super) fn owner(context: &Context, request: &Request) -> Result<Option<User>> {
    let mut owner = None;
    for (name, value) in &request.query {
        if name != OWNER {
            let what = format!("{name:?} means nothing here; {OWNER} says whose the resources are");
            return Err(Error::new(Kind::Invalid, what));
        }
        let user = value.parse().ok().map(|number| context.store.user_numbered(number));
        owner = user.transpose()?.flatten();
        if owner.is_none() {
            let what = format!("there is no user with {OWNER} {value:?}; POST /users makes one");
            return Err(Error::new(Kind::Invalid, what));
        }
    }
    Ok(owner)
}

/// Reads the body of a request; one without a body says nothing.
fn body_of<T: Default + DeserializeOwned>(request: &Request, example: &str) -> Result<T> {
    if request.body.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&request.body).map_err(|error| {
        let what = format!("the body is not as it should be ({error}); give {example}");
        Error::new(Kind::Invalid, what)
    })
}
