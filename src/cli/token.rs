//! `fhirlite token`: access tokens for demos.

use std::path::PathBuf;
use std::time::Duration;

use fhirlite::clients::{Client, TokenResponse, find_client, issue_operator_token, issue_token};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};

use super::output::{opened, print, print_json};
use super::upgrade::announced;
use super::value::duration;

/// Issue access tokens without credentials, for demos
#[derive(clap::Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(clap::Subcommand)]
enum TokenCommand {
    /// Print an access token for a user, for a client, or for the operator
    Issue(IssueToken),
}

#[derive(clap::Args)]
struct IssueToken {
    /// The store's file
    store: PathBuf,
    /// Issue the token for this user's data (app_user_id)
    #[arg(long, value_name = "APP_USER_ID", required_unless_present_any = ["client", "operator"])]
    user: Option<String>,
    /// Issue the token for this client; with --user, for its user
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Issue the token that opens Clients and tokens on the page of a server on this machine, and gives no resources
    #[arg(long, conflicts_with_all = ["user", "client", "scope"])]
    operator: bool,
    /// Grant only these of the client's registered scopes
    #[arg(long)]
    scope: Option<String>,
    /// How long the token is valid: 90s, 15m, 24h (default: 2h for users, 5m for clients with keys,
    /// 1h for the operator)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    ttl: Option<Duration>,
    /// Print the response of the token endpoint
    #[arg(long)]
    json: bool,
}

pub fn run(args: &TokenArgs) -> Result<u8> {
    let TokenCommand::Issue(args) = &args.command;
    let store = opened(Store::open(announced(&args.store))?);
    if args.operator {
        return show(&issue_operator_token(&store, args.ttl)?, args.json);
    }
    let user = match &args.user {
        Some(name) => Some(store.user(name, args.client.as_deref())?),
        None => None,
    };
    let client = match &args.client {
        Some(client_id) => Some(find_client(&store, client_id)?),
        None => {
            let is_theirs =
                |client: &Client| user.as_ref().is_some_and(|user| user.client == client.id);
            store.clients()?.into_iter().find(is_theirs)
        }
    };
    let client =
        client.ok_or_else(|| Error::new(Kind::NotFound, "the user's client is removed"))?;
    let response = issue_token(&store, &client, user.as_ref(), args.scope.as_deref(), args.ttl)?;
    show(&response, args.json)
}

fn show(response: &TokenResponse, json: bool) -> Result<u8> {
    if json {
        print_json(response)?;
    } else {
        print(&response.access_token)?;
    }
    Ok(EXIT_OK)
}
