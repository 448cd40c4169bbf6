//! The style sheet, the script and the icon, in the program itself. Their names say their content, so browsers keep them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::document::{protected, text_response};
use crate::http::message::{Request, Response};

/// The folder of the assets.
pub const ASSETS: &str = "assets";

/// A file of the page, under a name that changes with its content.
struct Asset {
    name: String,
    media: &'static str,
    content: &'static str,
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| named("style", "css", "text/css; charset=utf-8", include_str!("style.css")));
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    named("script", "js", "text/javascript; charset=utf-8", include_str!("script.js"))
});
static ICON: LazyLock<Asset> =
    LazyLock::new(|| named("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

fn named(stem: &str, ending: &str, media: &'static str, content: &'static str) -> Asset {
    let digest = Sha256::digest(content.as_bytes());
    let hash: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Asset { name: format!("{stem}-{hash}.{ending}"), media, content }
}

/// The name of the style sheet.
pub fn style_name() -> &'static str {
    &STYLE.name
}

/// The name of the script.
pub fn script_name() -> &'static str {
    &SCRIPT.name
}

/// The name of the picture that browsers show beside the title.
pub fn icon_name() -> &'static str {
    &ICON.name
}

/// The asset of a name; `None` for another name.
pub fn asset(request: &Request, name: &str) -> Option<Response> {
    let asset = [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name)?;
    let response = text_response(request, 200, asset.media, asset.content.as_bytes().to_vec());
    Some(protected(response.with("Cache-Control", "public, max-age=31536000, immutable")))
}
