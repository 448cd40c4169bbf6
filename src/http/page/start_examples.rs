//! How to get at the data with other programs: commands and configurations that work as they stand.
//!
//! `docs/bulk-data.md`, `docs/oneup.md` and `docs/access.md` explain them; tests run the clients.

use crate::error::Result;
use crate::http::authenticated::AuthenticatedRequest;
use crate::http::context::{FHIR, TOKEN, export_path};

/// An address that programs need.
pub struct Address {
    /// What it is.
    pub name: &'static str,
    /// The URL.
    pub url: String,
}

/// A text to copy.
pub struct CopiedText {
    /// What it is for.
    pub title: &'static str,
    /// What to know about it.
    pub about: &'static str,
    /// The text.
    pub text: String,
}

/// The addresses of a server.
///
/// # Errors
/// Where the store cannot be read.
pub fn addresses(request: &AuthenticatedRequest<'_>) -> Result<Vec<Address>> {
    let base = request.base();
    let export = export_path(request.fhir_version()?);
    let mut addresses = vec![
        Address { name: "FHIR base", url: format!("{base}{FHIR}") },
        Address { name: "Bulk Data export", url: format!("{base}{FHIR}/$export") },
        Address { name: "Export in one request", url: format!("{base}{export}") },
    ];
    if request.context.access.is_required() {
        addresses.push(Address { name: "Token endpoint", url: token_url(request) });
    }
    Ok(addresses)
}

fn token_url(request: &AuthenticatedRequest<'_>) -> String {
    let [_, endpoint] = TOKEN;
    format!("{}{endpoint}", request.context.token_base(request))
}

/// The examples, for resources of a type that the store has.
///
/// # Errors
/// Where the store cannot be read.
pub fn examples(
    request: &AuthenticatedRequest<'_>,
    resource_type: &str,
) -> Result<Vec<CopiedText>> {
    let base = request.base();
    let export = export_path(request.fhir_version()?);
    let is_protected = request.context.access.is_required();
    let (curl_token, python_token) = match is_protected {
        true => (
            " -H \"Authorization: Bearer $TOKEN\"",
            ", storage_options={\"Authorization\": f\"Bearer {token}\"}",
        ),
        false => ("", ""),
    };
    let curl = format!(
        "curl -s{curl_token} '{base}{export}?_type={resource_type}' > manifest.json\n\
         grep -o 'http.*ndjson' manifest.json | xargs -n 1 curl -s{curl_token} > {resource_type}.ndjson"
    );
    let smart_token =
        if is_protected { " --smart-client-id CLIENT --smart-key key.pem" } else { "" };
    let smart_fetch = format!(
        "pip install smart-fetch\n\
         smart-fetch bulk --fhir-url {base}{FHIR}{smart_token} --no-default-filters fetched"
    );
    let begin = if is_protected {
        "import pandas\n\ntoken = open(\"token\").read().strip()\n"
    } else {
        "import pandas\n\n"
    };
    let pandas = format!(
        "{begin}rows = pandas.read_csv(\"{base}/browse/{resource_type}.csv\"{python_token})\n\
         resources = pandas.read_json(\"{base}/browse/{resource_type}.ndjson\", lines=True{python_token})\n\
         print(rows)"
    );
    let client = match is_protected {
        true => format!(
            "  tokenUrl: \"{}\",\n  clientId: \"CLIENT\",\n  privateKey: require(\"./key.jwk.json\"),\n",
            token_url(request)
        ),
        false => "  tokenUrl: \"none\",\n".to_owned(),
    };
    let configuration = format!(
        "module.exports = {{\n  fhirUrl: \"{base}{FHIR}\",\n{client}  global: true,\n  reporter: \"text\",\n  destination: \"./downloads\"\n}}"
    );
    Ok(vec![
        CopiedText {
            title: "curl",
            about: "The manifest names the files; the second command downloads them.",
            text: curl,
        },
        CopiedText {
            title: "smart-fetch",
            about: "Exports the types that it knows into the folder fetched.",
            text: smart_fetch,
        },
        CopiedText {
            title: "Python with pandas",
            about: "The table of a list, and the resources themselves.",
            text: pandas,
        },
        CopiedText {
            title: "bulk-data-client",
            about: "A configuration: save it as config.js and run node . --config config.js.",
            text: configuration,
        },
    ])
}
