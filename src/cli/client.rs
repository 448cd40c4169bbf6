//! `fhirlite client`

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use fhirlite::clients::{
    Client, ClientChange, NewClient, Proof, Registration, keys_of, known, rotate,
};
use fhirlite::{EXIT_OK, Error, Kind, Result, Store};
use serde_json::json;

/// Register who may read from a server with --auth required
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Register a client: by a secret (1upHealth), or by its public keys (SMART Backend Services)
    ///
    /// A secret that is made is shown once and kept only as a hash. The store is made if it is not there.
    Add(Add),
    /// Show the clients that there are
    List(List),
    /// Give a client a new secret, or other keys; its codes and tokens end
    ///
    /// What is given takes the place of that of its kind: a secret that of the secret, keys those of the keys.
    Rotate(Rotate),
    /// Remove a client, with its codes, tokens and exports
    Remove(Remove),
}

#[derive(clap::Args)]
struct Add {
    /// The store's file
    store: PathBuf,
    /// What the client calls itself, instead of a name that is made
    #[arg(long, value_name = "CLIENT_ID")]
    client_id: Option<String>,
    #[command(flatten)]
    how: How,
    /// Print it as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct List {
    /// The store's file
    store: PathBuf,
    /// Print each as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Rotate {
    /// The store's file
    store: PathBuf,
    /// Which client
    client_id: String,
    /// Another secret is made; so it is without any option for a client that has no keys
    #[arg(long, conflicts_with_all = ["secret_file", "jwks", "jwks_url", "new_key"])]
    new_secret: bool,
    #[command(flatten)]
    how: How,
    /// It has no secret any more
    #[arg(long, conflicts_with_all = ["new_secret", "secret_file"])]
    no_secret: bool,
    /// It has no keys any more, and no scope
    #[arg(long, conflicts_with_all = ["jwks", "jwks_url", "new_key", "scope"])]
    no_keys: bool,
    /// Print it as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Remove {
    /// The store's file
    store: PathBuf,
    /// Which client
    client_id: String,
}

/// How a client shows who it is; without any of these by a secret that is made.
#[derive(clap::Args)]
struct How {
    /// By the secret in this file (- for standard input), 20 characters or more
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks", "jwks_url", "new_key"])]
    secret_file: Option<PathBuf>,
    /// By the public keys in this file, a JSON Web Key Set
    #[arg(long, value_name = "FILE", conflicts_with_all = ["jwks_url", "new_key"])]
    jwks: Option<PathBuf>,
    /// By the public keys at this URL, fetched when they are needed
    #[arg(long, value_name = "URL", conflicts_with = "new_key")]
    jwks_url: Option<String>,
    /// By a pair of keys made now: the private one goes to this new file (PEM), for the client
    #[arg(long, value_name = "FILE")]
    new_key: Option<PathBuf>,
    /// What it may read with its keys: system/*.rs, or types such as 'system/Patient.rs system/Group.rs'
    #[arg(long)]
    scope: Vec<String>,
}

pub fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::Add(args) => {
            let proof = args.how.proof()?.unwrap_or(Proof::NewSecret);
            let client_id = args.client_id.as_deref();
            // Before a store is made for it.
            let made = Registration::new(client_id, &proof, args.how.scope().as_deref())?;
            let key = args.how.new_key()?;
            let store = Store::create(&args.store)?;
            warn_of_others(&args.store);
            let made = made.add_to(&store).inspect_err(|_| args.how.drop_key())?;
            keep(key, &made)?;
            show(&made, args.json)?;
        }
        Command::Rotate(args) => {
            let store = Store::open(&args.store)?;
            let proof = match args.new_secret {
                true => Some(Proof::NewSecret),
                false => args.how.proof()?,
            };
            let key = args.how.new_key()?;
            let change = ClientChange {
                proof,
                scope: args.how.scope(),
                no_secret: args.no_secret,
                no_keys: args.no_keys,
            };
            let made = rotate(&store, &args.client_id, &change);
            let made = made.inspect_err(|_| args.how.drop_key())?;
            keep(key, &made)?;
            show(&made, args.json)?;
        }
        Command::List(args) => list(&Store::open_read_only(&args.store)?, args.json)?,
        Command::Remove(args) => {
            let store = Store::open(&args.store)?;
            let client = known(&store, &args.client_id)?;
            let users = store.remove_client(client.id)?;
            super::print(format!(
                "removed {}; what its {users} users own stays, and nobody can read it",
                args.client_id
            ))?;
        }
    }
    Ok(EXIT_OK)
}

impl How {
    fn proof(&self) -> Result<Option<Proof>> {
        Ok(if let Some(file) = &self.secret_file {
            Some(Proof::Secret(read(file)?.trim_end_matches(['\r', '\n']).to_owned()))
        } else if let Some(file) = &self.jwks {
            Some(Proof::Jwks(read(file)?))
        } else if let Some(url) = &self.jwks_url {
            Some(Proof::JwksUrl(url.clone()))
        } else {
            self.new_key.is_some().then_some(Proof::NewKey)
        })
    }

    fn scope(&self) -> Option<String> {
        (!self.scope.is_empty()).then(|| self.scope.join(" "))
    }

    /// The new file for a private key, for nobody but its owner to read.
    fn new_key(&self) -> Result<Option<File>> {
        let Some(path) = &self.new_key else { return Ok(None) };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let what = format!("{}: is there already; name a new file", path.display());
                Err(Error::new(Kind::Usage, what))
            }
            Err(error) => Err(Error::io(path.display(), error)),
        }
    }

    /// Takes it away again.
    fn drop_key(&self) {
        if let Some(path) = &self.new_key {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Writes a private key that was made.
fn keep(file: Option<File>, made: &NewClient) -> Result<()> {
    let (Some(mut file), Some(key)) = (file, &made.private_key) else { return Ok(()) };
    file.write_all(key.as_bytes()).map_err(|error| Error::io("the file for the key", error))
}

/// A store that is made here is its owner's alone; one that was there may not be.
fn warn_of_others(store: &Path) {
    #[cfg(unix)]
    if let Ok(meta) = std::fs::metadata(store)
        && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o077 != 0
    {
        eprintln!(
            "warning: others on this machine can read {0} itself; `chmod 600 {0}` ends that",
            store.display()
        );
    }
    #[cfg(not(unix))]
    let _ = store;
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let done = match file.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text).map(drop),
        _ => std::fs::read_to_string(file).map(|read| text = read),
    };
    done.map(|()| text).map_err(|error| Error::io(file.display(), error))
}

fn show(made: &NewClient, json: bool) -> Result<()> {
    let NewClient { client, secret, .. } = made;
    let (keys, scope) = (keys_of(client), &client.credentials.scope);
    if json {
        return super::print_json(&json!({
            "client_id": client.client_id,
            "client_secret": secret,
            "keys": keys,
            "scope": scope,
        }));
    }
    super::print(format!("client_id      {}", client.client_id))?;
    if let Some(secret) = secret {
        super::print(format!("client_secret  {secret}"))?;
        eprintln!("the secret is shown only now; `fhirlite client rotate` makes another");
    }
    if let Some(keys) = keys {
        super::print(format!("keys           {keys}"))?;
    }
    match scope {
        Some(scope) => super::print(format!("scope          {scope}")),
        None => Ok(()),
    }
}

fn list(store: &Store, json: bool) -> Result<()> {
    let clients = store.clients()?;
    if !json {
        super::print(format!(
            "{:<34} {:>6}  {:<6}  {:<24}  {}",
            "client_id", "users", "secret", "since", "keys and scope"
        ))?;
    }
    for client in clients {
        let users = store.users(client.id, None, None)?.len();
        let Client { client_id, credentials, created_at, .. } = &client;
        let (keys, has_secret) = (keys_of(&client), credentials.secret_hash.is_some());
        if json {
            super::print_json(&json!({
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
        super::print(line.trim_end())?;
    }
    Ok(())
}
