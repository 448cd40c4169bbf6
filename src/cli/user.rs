//! `fhirlite user`: the users of clients.

use std::path::PathBuf;

use fhirlite::clients::{Client, User, add_user, find_client, set_user_active};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};
use serde_json::json;

use super::output::{opened, print, print_json};
use super::upgrade::announced;

/// Manage the users of clients; a user owns what is imported with --user
#[derive(clap::Args)]
pub struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(clap::Subcommand)]
enum UserCommand {
    /// Add a user to a client
    Add(NamedUser),
    /// List the users
    List(ListUsers),
    /// Let nobody read a user's data until the user is active again; their codes and tokens end
    Deactivate(NamedUser),
    /// Make a user active again
    Activate(NamedUser),
}

#[derive(clap::Args)]
struct NamedUser {
    /// The store's file
    store: PathBuf,
    /// The client's name for the user
    app_user_id: String,
    /// The user's client, if there are several
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

#[derive(clap::Args)]
struct ListUsers {
    /// The store's file
    store: PathBuf,
    /// List only the users of this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Print one JSON object per user
    #[arg(long)]
    json: bool,
}

pub fn run(args: &UserArgs) -> Result<u8> {
    match &args.command {
        UserCommand::Add(args) => {
            let store = opened(Store::open(announced(&args.store))?);
            let client = one_client(&store, args.client.as_deref())?;
            let User { id, app_user_id, .. } = add_user(&store, &client, &args.app_user_id)?;
            print(format!("app_user_id    {app_user_id}"))?;
            print(format!("oneup_user_id  {id}"))?;
            print(format!("client_id      {}", client.client_id))?;
        }
        UserCommand::List(args) => list(args)?,
        UserCommand::Deactivate(args) => change(args, false)?,
        UserCommand::Activate(args) => change(args, true)?,
    }
    Ok(EXIT_OK)
}

fn change(args: &NamedUser, active: bool) -> Result<()> {
    let store = opened(Store::open(announced(&args.store))?);
    let user = store.user(&args.app_user_id, args.client.as_deref())?;
    set_user_active(&store, &user, active)?;
    let state = if active { "active" } else { "inactive" };
    print(format!("{} is {state}", args.app_user_id))
}

/// The client with this name, or the only client.
fn one_client(store: &Store, client_id: Option<&str>) -> Result<Client> {
    if let Some(client_id) = client_id {
        return find_client(store, client_id);
    }
    let mut clients = store.clients()?;
    match clients.len() {
        1 => Ok(clients.remove(0)),
        0 => {
            let what = format!(
                "there is no client; `fhirlite client add {}` makes one",
                store.path().display()
            );
            Err(Error::new(Kind::NotFound, what))
        }
        _ => Err(Error::new(Kind::Usage, "there are several clients; say which with --client")),
    }
}

fn list(args: &ListUsers) -> Result<()> {
    let store = opened(Store::open_read_only(&args.store)?);
    let clients = match &args.client {
        Some(client_id) => vec![find_client(&store, client_id)?],
        None => store.clients()?,
    };
    if !args.json {
        print(format!(
            "{:<34} {:>13}  {:<6}  {}",
            "app_user_id", "oneup_user_id", "active", "client_id"
        ))?;
    }
    for Client { id, client_id, .. } in clients {
        for user in store.users(id, None, None)? {
            let User { id, app_user_id, active, .. } = user;
            if args.json {
                print_json(&json!({
                    "app_user_id": app_user_id,
                    "oneup_user_id": id,
                    "active": active,
                    "client_id": client_id,
                }))?;
                continue;
            }
            let active = if active { "yes" } else { "no" };
            print(format!("{app_user_id:<34} {id:>13}  {active:<6}  {client_id}"))?;
        }
    }
    Ok(())
}
