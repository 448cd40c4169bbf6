//! Clients and users of the 1upHealth dialect.

use serde_json::Value;

use super::client::{Answer, get, send};
use super::{Dir, Served};

pub const USER: &str = "/user-management/v1/user";
pub const CODE: &str = "/user-management/v1/user/auth-code";
pub const TOKEN: &str = "/oauth2/token";
pub const EXPORT: &str = "/bulk-data/r4/$export";

/// A registered client and its secret.
pub struct Client {
    pub id: String,
    pub secret: String,
}

/// An access token and the refresh token that came with it.
pub struct Pair {
    pub access: String,
    pub refresh: String,
}

impl Client {
    /// Registers a client in the store.
    pub fn add(dir: &Dir, store: &str, id: &str) -> Client {
        let ran = dir.run(["client", "add", store, "--client-id", id, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let added: Value = serde_json::from_str(&ran.stdout).expect("one JSON object");
        let secret = added["client_secret"].as_str().expect("a secret").to_owned();
        Client { id: id.to_owned(), secret }
    }

    /// The headers that authenticate the client and name a user, or `client` for all its users.
    pub fn headers(&self, user: &str) -> String {
        format!("{}x-oneup-user-id: {user}\r\n", self.credentials())
    }

    /// The headers that authenticate the client.
    pub fn credentials(&self) -> String {
        format!("client_id: {}\r\nclient_secret: {}\r\n", self.id, self.secret)
    }

    /// Sends a form with these parameters and the client's credentials.
    pub fn form(&self, to: &str, method: &str, path: &str, more: &[(&str, &str)]) -> Answer {
        let own = [("client_id", &*self.id), ("client_secret", &*self.secret)];
        form(to, method, path, &[&own[..], more].concat())
    }

    /// Creates a user; the answer.
    pub fn add_user(&self, to: &str, app_user_id: &str) -> Value {
        let answer = self.form(to, "POST", USER, &[("app_user_id", app_user_id)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    /// Requests an authorization code for a user.
    pub fn code(&self, to: &str, app_user_id: &str) -> String {
        let answer = self.form(to, "POST", CODE, &[("app_user_id", app_user_id)]);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["code"].as_str().expect("a code").to_owned()
    }

    /// Exchanges an authorization code for tokens.
    pub fn exchange(&self, to: &str, code: &str) -> Answer {
        self.form(to, "POST", TOKEN, &[("grant_type", "authorization_code"), ("code", code)])
    }

    /// Exchanges a refresh token for new tokens.
    pub fn refresh(&self, to: &str, token: &str) -> Answer {
        let asked = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.form(to, "POST", TOKEN, &asked)
    }

    /// The tokens for a new authorization code of a user.
    pub fn tokens(&self, to: &str, app_user_id: &str) -> Pair {
        pair(&self.exchange(to, &self.code(to, app_user_id)))
    }

    /// The `oneup_user_id` of a user.
    pub fn user(&self, to: &str, app_user_id: &str) -> i64 {
        let answer = self.form(to, "GET", USER, &[("app_user_id", app_user_id)]);
        answer.json()["entry"][0]["oneup_user_id"].as_i64().expect("a number")
    }
}

/// The tokens in an answer.
pub fn pair(answer: &Answer) -> Pair {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let of = |name: &str| answer.json()[name].as_str().expect("a token").to_owned();
    Pair { access: of("access_token"), refresh: of("refresh_token") }
}

/// Encodes names and values as a query or a form.
pub fn encoded(parameters: &[(&str, &str)]) -> String {
    let escaped = |text: &str| {
        let byte = |byte: u8| match byte {
            b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        };
        text.bytes().map(byte).collect::<String>()
    };
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Sends a form.
pub fn form(to: &str, method: &str, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let kind = "application/x-www-form-urlencoded";
    body(to, method, path, kind, encoded(parameters).as_bytes())
}

/// Sends a body with this media type.
pub fn body(to: &str, method: &str, path: &str, kind: &str, bytes: &[u8]) -> Answer {
    let headers = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", bytes.len());
    send(to, method, path, &headers, bytes)
}

/// The header that presents an access token.
pub fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Runs an export with these headers; the types and texts of its files, sorted by type.
pub fn exported(to: &str, headers: &str) -> Vec<(String, String)> {
    let answer = get(to, EXPORT, headers);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let manifest = answer.json();
    let files = manifest["output"].as_array().expect("a list").iter().map(|file| {
        let url = file["url"].as_str().expect("a url");
        let answer = get(to, super::bulk::path(url), headers);
        assert_eq!(answer.status, 200, "{url}: {}", answer.text());
        (file["type"].as_str().expect("a type").to_owned(), answer.text())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// The resources of these owners, read by SQLite, as the files of an export would hold them.
pub fn stored(dir: &Dir, store: &str, owners: &[i64]) -> Vec<(String, String)> {
    let db = dir.open(store);
    let owners: Vec<String> = owners.iter().map(i64::to_string).collect();
    let sql = format!(
        "SELECT type, group_concat(body, char(10)) || char(10) FROM
           (SELECT type, body FROM resource WHERE owner IN ({}) ORDER BY type, seq)
          GROUP BY type ORDER BY type",
        owners.join(", ")
    );
    let mut statement = db.prepare(&sql).expect("the table resource");
    let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

/// A server for two clients, `app` with the users anna and ben, and `else` with carl. Each user owns resources, and some
/// have no owner.
pub struct Tenants {
    pub dir: Dir,
    pub served: Served,
    pub app: Client,
    pub other: Client,
    pub anna: i64,
    pub ben: i64,
    pub carl: i64,
}

impl Tenants {
    pub fn new() -> Tenants {
        let dir = Dir::new();
        let app = Client::add(&dir, "s.db", "app");
        let other = Client::add(&dir, "s.db", "else");
        let made = [("anna", "app"), ("ben", "app"), ("carl", "else")].map(|(name, client)| {
            let ran = dir.run(["user", "add", "s.db", name, "--client", client]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            dir.write(&format!("{name}.ndjson"), data(name));
            dir.import(0, &["s.db", &format!("{name}.ndjson"), "--user", name]);
            dir.count("s.db", &format!("SELECT id FROM user WHERE app_user_id = '{name}'"))
        });
        dir.write("nobody.ndjson", data("nobody"));
        dir.import(0, &["s.db", "nobody.ndjson"]);
        let served = dir.serve(&["s.db", "--auth", "required"]);
        let [anna, ben, carl] = made;
        Tenants { dir, served, app, other, anna, ben, carl }
    }

    pub fn to(&self) -> &str {
        self.served.authority()
    }

    pub fn stored(&self, owners: &[i64]) -> Vec<(String, String)> {
        stored(&self.dir, "s.db", owners)
    }

    pub fn get(&self, path: &str, headers: &str) -> Answer {
        get(self.to(), path, headers)
    }

    /// Lets every token of this kind expire.
    pub fn expire(&self, kind: &str) {
        let sql = "UPDATE token SET expires_at = issued_at WHERE kind = ?1";
        assert!(self.dir.open("s.db").execute(sql, [kind]).expect("an update") > 0);
    }

    /// Ends the server, which must succeed, and checks the store.
    pub fn end(self) {
        assert_eq!(self.served.end("-TERM"), 0);
        self.dir.check("s.db");
    }
}

/// A Patient with this id and twenty Observations of the patient.
pub fn data(name: &str) -> String {
    let observation = |number: u32| {
        format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"{name}-{number}\",\"subject\":{{\"reference\":\"Patient/{name}\"}}}}\n"
        )
    };
    let patient = format!("{{\"resourceType\":\"Patient\",\"id\":\"{name}\"}}\n");
    patient + &(0..20).map(observation).collect::<String>()
}
