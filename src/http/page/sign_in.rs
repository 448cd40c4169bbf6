//! `/sign-in` and `/sign-out`, of a server that requires authentication.

use askama::Template;

use super::document::document;
use super::posted_form::filled;
use super::session::{VISITOR, cookie, set_cookie};
use super::shell::{Shell, see_other};
use crate::access::{SignIn, TokenResponse};
use crate::error::{Error, Kind, Result};
use crate::http::context::Context;
use crate::http::form::parse_form;
use crate::http::header::BEARER;
use crate::http::message::{Request, Response, explanation};

/// The most bytes of the path to go to after signing in.
const LONGEST_PATH: usize = 2000;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInScreen {
    shell: Shell,
    /// Why the last try did not succeed.
    problem: Option<String>,
    /// Whether a visit has ended.
    has_ended: bool,
    then: String,
    client_id: String,
    user: String,
}

/// Answers with the form, or signs in.
///
/// # Errors
/// Faults of the server.
pub fn sign_in(context: &Context, request: &Request) -> Result<Response> {
    if !context.access.is_required() {
        return Ok(see_other(context, "/"));
    }
    let posted = parse_form(&request.body);
    let fields = if request.method == "POST" { &posted } else { &request.query };
    let field = |name: &str| filled(fields, name);
    let then = field("then").filter(|path| is_own_path(path)).unwrap_or("/");
    let mut screen = SignInScreen {
        shell: Shell::new(context, "Sign in", "sign-in").for_stranger(),
        problem: None,
        has_ended: cookie(request, VISITOR).is_some(),
        then: then.to_owned(),
        client_id: String::new(),
        user: String::new(),
    };
    if request.method != "POST" {
        return document(request, 200, &screen);
    }
    let granted = match (field("token"), field("client_id"), field("client_secret")) {
        (Some(token), None, None) => context.access.sign_in_with_token(token, request.peer),
        (None, Some(client_id), Some(client_secret)) => {
            let who = SignIn { client_id, client_secret, user: field("user") };
            context.access.sign_in(&who, request.peer)
        }
        _ => Err(Error::new(
            Kind::Invalid,
            "fill in the client and its secret, or the access token, but not both",
        )),
    };
    match granted {
        Ok(TokenResponse { access_token, expires_in, .. }) => {
            let cookie = set_cookie(context, request, VISITOR, &access_token, expires_in);
            Ok(see_other(context, then).with("Set-Cookie", cookie))
        }
        Err(error) if error.kind().status() < 500 => {
            screen.problem = Some(explanation(&error, &request.id));
            screen.has_ended = false;
            screen.client_id = field("client_id").unwrap_or_default().to_owned();
            screen.user = field("user").unwrap_or_default().to_owned();
            let response = document(request, error.kind().status(), &screen)?.retry(&error);
            Ok(challenged(response))
        }
        Err(error) => Err(error),
    }
}

/// Ends the visit: the token that was issued for it, and the cookie.
///
/// # Errors
/// `Busy` where an import keeps the store to itself for too long: then the visit goes on.
pub fn sign_out(context: &Context, request: &Request) -> Result<Response> {
    if let Some(token) = cookie(request, VISITOR) {
        context.access.sign_out(&token)?;
    }
    let gone = set_cookie(context, request, VISITOR, "", 0);
    Ok(see_other(context, "/").with("Set-Cookie", gone))
}

/// The way to the form, for who asked for a screen.
pub fn to_sign_in(context: &Context, request: &Request) -> Response {
    let then = form_urlencoded::byte_serialize(request.target.as_bytes()).collect::<String>();
    match request.target.as_str() {
        "/" => see_other(context, "/sign-in"),
        _ => see_other(context, &format!("/sign-in?then={then}")),
    }
}

/// Adds the challenge that a 401 needs. Browsers ask nobody because of this one.
pub fn challenged(response: Response) -> Response {
    match response.status {
        401 => response.with("WWW-Authenticate", BEARER),
        _ => response,
    }
}

/// True for a path of this server. `//host` and `/\host` are URLs of other servers.
fn is_own_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.len() <= LONGEST_PATH
        && path.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_to() {
        for path in ["/", "/patients/a?x=y&z=%22", "/a//b"] {
            assert!(is_own_path(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(LONGEST_PATH));
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "evil",
            "/a\r\nSet-Cookie: a=b",
            "/\t/evil.example",
            "/é",
            &long,
        ] {
            assert!(!is_own_path(path), "{path}");
        }
    }
}
