//! `fhirlite user`

use std::path::PathBuf;

use fhirlite::clients::{Client, User, add_user, known};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};
use serde_json::json;

/// Make users of clients: they own what is imported with --user
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make a user of a client
    Add(One),
    /// Show the users that there are
    List(List),
    /// Give nobody what is a user's any more, until they are active again; their codes and tokens end
    Deactivate(One),
    /// Make a user active again
    Activate(One),
}

#[derive(clap::Args)]
struct One {
    /// The store's file
    store: PathBuf,
    /// What the client calls the user
    app_user_id: String,
    /// Whose user, where there are several clients
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

#[derive(clap::Args)]
struct List {
    /// The store's file
    store: PathBuf,
    /// Only those of this client
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
    /// Print each as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::Add(args) => {
            let store = Store::open(&args.store)?;
            let client = one_client(&store, args.client.as_deref())?;
            let User { id, app_user_id, .. } = add_user(&store, &client, &args.app_user_id)?;
            super::print(format!("app_user_id    {app_user_id}"))?;
            super::print(format!("oneup_user_id  {id}"))?;
            super::print(format!("client_id      {}", client.client_id))?;
        }
        Command::List(args) => list(args)?,
        Command::Deactivate(args) => change(args, false)?,
        Command::Activate(args) => change(args, true)?,
    }
    Ok(EXIT_OK)
}

fn change(args: &One, active: bool) -> Result<()> {
    let store = Store::open(&args.store)?;
    let user = store.user(&args.app_user_id, args.client.as_deref())?;
    store.change_user(user.id, None, Some(active))?;
    let state = if active { "active" } else { "inactive" };
    super::print(format!("{} is {state}", args.app_user_id))
}

/// The client that is named, or the only one.
fn one_client(store: &Store, client_id: Option<&str>) -> Result<Client> {
    if let Some(client_id) = client_id {
        return known(store, client_id);
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

fn list(args: &List) -> Result<()> {
    let store = Store::open_read_only(&args.store)?;
    let clients = match &args.client {
        Some(client_id) => vec![known(&store, client_id)?],
        None => store.clients()?,
    };
    if !args.json {
        super::print(format!(
            "{:<34} {:>13}  {:<6}  {}",
            "app_user_id", "oneup_user_id", "active", "client_id"
        ))?;
    }
    for Client { id, client_id, .. } in clients {
        for user in store.users(id, None, None)? {
            let User { id, app_user_id, active, .. } = user;
            if args.json {
                super::print_json(&json!({
                    "app_user_id": app_user_id,
                    "oneup_user_id": id,
                    "active": active,
                    "client_id": client_id,
                }))?;
                continue;
            }
            let active = if active { "yes" } else { "no" };
            super::print(format!("{app_user_id:<34} {id:>13}  {active:<6}  {client_id}"))?;
        }
    }
    Ok(())
}
