//! `fhirlite client`: registers clients and changes their credentials.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use fhirlite::clients::{
    Client, ClientAuthentication, ClientChange, NewClient, Registration, describe_keys,
    find_client, rotate,
};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};
use serde_json::json;

use super::output::{opened, print, print_json, tell};
use super::upgrade::announced;

/// Register the clients that may read from a server with --auth required
#[derive(clap::Args)]
pub struct ClientArgs {
    #[command(subcommand)]
    command: ClientCommand,
}

#[derive(clap::Subcommand)]
enum ClientCommand {
    /// Register a client with a secret (1upHealth) or with public keys (SMART Backend Services)
    ///
    /// A new secret is shown once; the store keeps only its hash. Makes the store if there is none.
    Add(AddClient),
    /// List the clients
    List(ListClients),
    /// Replace a client's secret or keys; its codes and tokens end
    ///
    /// A new secret replaces the secret, new keys replace the keys. The other kind stays.
    Rotate(RotateClient),
    /// Remove a client with its codes, tokens and exports
    Remove(RemoveClient),
}

#[derive(clap::Args)]
struct AddClient {
    /// The store's file
    store: PathBuf,
    /// The client's name; without this option it gets a random one
    #[arg(long, value_name = "CLIENT_ID")]
    client_id: Option<String>,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Print the client as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct ListClients {
    /// The store's file
    store: PathBuf,
    /// Print one JSON object per client
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct RotateClient {
    /// The store's file
    store: PathBuf,
    /// The client's name
    client_id: String,
    /// Make a new secret; the default for a client without keys
    #[arg(long, conflicts_with_all = ["secret_file", "jwks", "jwks_url", "new_key"])]
    new_secret: bool,
    #[command(flatten)]
    credentials: CredentialArgs,
    /// Remove the secret
    #[arg(long, conflicts_with_all = ["new_secret", "secret_file"])]
    no_secret: bool,
    /// Remove the keys and their scopes
    #[arg(long, conflicts_with_all = ["jwks", "jwks_url", "new_key", "scope"])]
    no_keys: bool,
    /// Print the client as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct RemoveClient {
    /// The store's file
    store: PathBuf,
    /// The client's name
    client_id: String,
}

/// How a client authenticates; without any of these options with a new secret.
#[derive(clap::Args)]
struct CredentialArgs {
    /// Use the secret in this file (- for standard input), 20 characters or more
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks", "jwks_url", "new_key"])]
    secret_file: Option<PathBuf>,
    /// Use the public keys in this file, a JSON Web Key Set
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks_url", "new_key"])]
    jwks: Option<PathBuf>,
    /// Use the public keys at this URL, fetched when they are needed
    #[arg(long, value_name = "URL", conflicts_with = "new_key")]
    jwks_url: Option<String>,
    /// Make a pair of keys and write the private key to this new file (PEM), for the client
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// The scopes that the keys may be granted: system/*.rs, or types such as 'system/Patient.rs system/Group.rs'
    #[arg(long)]
    scope: Vec<String>,
}

pub fn run(args: &ClientArgs) -> Result<u8> {
    match &args.command {
        ClientCommand::Add(args) => add(args)?,
        ClientCommand::Rotate(args) => change(args)?,
        ClientCommand::List(args) => list(&opened(Store::open_read_only(&args.store)?), args.json)?,
        ClientCommand::Remove(args) => {
            let store = opened(Store::open(announced(&args.store))?);
            let client = find_client(&store, &args.client_id)?;
            let users = store.remove_client(client.id)?;
            print(format!(
                "removed {}; what its {users} users own stays, and nobody can read it",
                args.client_id
            ))?;
        }
    }
    Ok(EXIT_OK)
}

fn add(args: &AddClient) -> Result<()> {
    let AddClient { credentials, client_id, .. } = args;
    let authentication = credentials.authentication()?.unwrap_or(ClientAuthentication::NewSecret);
    let scope = credentials.scope();
    // Checked first: a wrong option makes no store.
    let registration = Registration::new(client_id.as_deref(), &authentication, scope.as_deref())?;
    let key_file = credentials.create_key_file()?;
    let store = opened(Store::create(announced(&args.store))?);
    warn_if_others_can_read(&args.store);
    let new = registration.add_to(&store).inspect_err(|_| credentials.remove_key_file())?;
    write_key(key_file, &new)?;
    show(&new, args.json)
}

fn change(args: &RotateClient) -> Result<()> {
    let credentials = &args.credentials;
    let store = opened(Store::open(announced(&args.store))?);
    let mut change = ClientChange::default();
    change.authentication = if args.new_secret {
        Some(ClientAuthentication::NewSecret)
    } else {
        credentials.authentication()?
    };
    change.scope = credentials.scope();
    (change.no_secret, change.no_keys) = (args.no_secret, args.no_keys);
    let key_file = credentials.create_key_file()?;
    let new = rotate(&store, &args.client_id, &change);
    let new = new.inspect_err(|_| credentials.remove_key_file())?;
    write_key(key_file, &new)?;
    show(&new, args.json)
}

impl CredentialArgs {
    /// What the options say about authentication; `None` without such an option.
    fn authentication(&self) -> Result<Option<ClientAuthentication>> {
        Ok(if let Some(file) = &self.secret_file {
            let secret = read(file)?.trim_end_matches(['\r', '\n']).to_owned();
            Some(ClientAuthentication::Secret(secret))
        } else if let Some(file) = &self.jwks {
            Some(ClientAuthentication::Jwks(read(file)?))
        } else if let Some(url) = &self.jwks_url {
            Some(ClientAuthentication::JwksUrl(url.clone()))
        } else {
            self.new_key.is_some().then_some(ClientAuthentication::NewKey)
        })
    }

    fn scope(&self) -> Option<String> {
        (!self.scope.is_empty()).then(|| self.scope.join(" "))
    }

    /// Creates the file for a private key, which only its owner can read.
    fn create_key_file(&self) -> Result<Option<File>> {
        let Some(path) = &self.new_key else { return Ok(None) };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let what = format!("{}: the file is there already; name a new one", path.display());
                Err(Error::new(Kind::Usage, what))
            }
            Err(error) => Err(Error::io(path.display(), error)),
        }
    }

    /// Removes the file for a private key after an error.
    fn remove_key_file(&self) {
        if let Some(path) = &self.new_key {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes a new private key to its file.
fn write_key(file: Option<File>, new: &NewClient) -> Result<()> {
    let (Some(mut file), Some(key)) = (file, &new.private_key) else { return Ok(()) };
    file.write_all(key.as_bytes()).map_err(|error| Error::io("the file for the key", error))
}

/// Warns if other users of this machine can read the store. A new store is its owner's alone.
fn warn_if_others_can_read(store: &Path) {
    #[cfg(unix)]
    if let Ok(meta) = std::fs::metadata(store)
        && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
    {
        tell(format_args!(
            "warning: other users of this machine can read {0} itself; `chmod 600 {0}` ends that",
            store.display()
        ));
    }
    #[cfg(not(unix))]
    let _ = store;
}

/// Reads a file, or standard input for `-`.
fn read(file: &Path) -> Result<String> {
    let text = if file.to_str() == Some("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    text.map_err(|error| Error::io(file.display(), error))
}

fn show(new: &NewClient, json: bool) -> Result<()> {
    let NewClient { client, secret, .. } = new;
    let (keys, scope) = (describe_keys(client), &client.credentials.scope);
    if json {
        return print_json(&json!({
            "client_id": client.client_id,
            "client_secret": secret,
            "keys": keys,
            "scope": scope,
        }));
    }
    print(format!("client_id      {}", client.client_id))?;
    if let Some(secret) = secret {
        print(format!("client_secret  {secret}"))?;
        tell("the secret is shown only now; `fhirlite client rotate` makes another");
    }
    if let Some(keys) = keys {
        print(format!("keys           {keys}"))?;
    }
    match scope {
        Some(scope) => print(format!("scope          {scope}")),
        None => Ok(()),
    }
}

fn list(store: &Store, json: bool) -> Result<()> {
    let clients = store.clients()?;
    if !json {
        print(format!(
            "{:<34} {:>6}  {:<6}  {:<24}  {}",
            "client_id", "users", "secret", "since", "keys and scope"
        ))?;
    }
    for client in clients {
        let users = store.users(client.id, None, None)?.len();
        let Client { client_id, credentials, created_at, .. } = &client;
        let (keys, has_secret) = (describe_keys(&client), credentials.secret_hash.is_some());
        if json {
            print_json(&json!({
                "client_id": client_id,
                "users": users,
                "secret": has_secret,
                "keys": keys,
                "scope": credentials.scope,
                "since": created_at.to_string(),
            }))?;
            continue;
        }
        let secret = if has_secret { "yes" } else { "no" };
        let keys = [keys, credentials.scope.clone()].into_iter().flatten().collect::<Vec<_>>();
        let line = format!(
            "{client_id:<34} {users:>6}  {secret:<6}  {:<24}  {}",
            created_at.to_string(),
            keys.join(": ")
        );
        print(line.trim_end())?;
    }
    Ok(())
}
