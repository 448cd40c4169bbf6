//! `fhirlite token`

use std::path::PathBuf;
use std::time::Duration;

use fhirlite::clients::{Client, Tokens, issue, known};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};

/// Issue access tokens without a client asking for them: for demos
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print an access token for a user's data, or for what a client may read
    Issue(Issue),
}

#[derive(clap::Args)]
struct Issue {
    /// The store's file
    store: PathBuf,
    /// For the data of this user (app_user_id)
    #[arg(long, value_name = "APP_USER_ID", required_unless_present = "client")]
    user: Option<String>,
    /// For this client, or its user where --user is given too
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Only these of the scopes that the client is registered with
    #[arg(long)]
    scope: Option<String>,
    /// How long it is good: 90s, 15m, 24h (2h for users, 5m for clients with keys)
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    ttl: Option<Duration>,
    /// Print what the token endpoint would answer
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    let Command::Issue(args) = &args.command;
    let store = Store::open(&args.store)?;
    let user = match &args.user {
        Some(name) => Some(store.user(name, args.client.as_deref())?),
        None => None,
    };
    let client = match &args.client {
        Some(client_id) => Some(known(&store, client_id)?),
        None => {
            let is_theirs =
                |client: &Client| user.as_ref().is_some_and(|user| user.client == client.id);
            store.clients()?.into_iter().find(is_theirs)
        }
    };
    let client =
        client.ok_or_else(|| Error::new(Kind::NotFound, "the user's client is removed"))?;
    let tokens: Tokens = issue(&store, &client, user.as_ref(), args.scope.as_deref(), args.ttl)?;
    match args.json {
        true => super::print_json(&tokens)?,
        false => super::print(tokens.access_token)?,
    }
    Ok(EXIT_OK)
}
