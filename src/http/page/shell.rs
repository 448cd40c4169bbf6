//! What every screen has: its title, where it stands, and the links to the other screens.

use super::assets::{icon_name, script_name, style_name};
use crate::http::context::Context;
use crate::http::message::Response;

/// The frame around a screen; `layout.html` draws it.
pub struct Shell {
    /// The path in front of all paths, such as `/demo` where a proxy serves this server there; usually empty.
    pub root: String,
    /// The title of the screen.
    pub title: String,
    /// The key of the entry in the menu that the screen belongs to.
    pub place: &'static str,
    /// The name of the store.
    pub store: String,
    /// The menu.
    pub menu: Vec<MenuEntry>,
    /// The name of the style sheet.
    pub style: &'static str,
    /// The name of the script.
    pub script: &'static str,
    /// The name of the icon.
    pub icon: &'static str,
    /// The version of the program.
    pub version: &'static str,
}

/// A link in the menu.
pub struct MenuEntry {
    /// Tells the entries apart.
    pub key: &'static str,
    /// What the link says.
    pub label: &'static str,
    /// The path, below the root.
    pub path: &'static str,
}

impl Shell {
    /// The frame of a screen that belongs to the entry `place` of the menu.
    pub fn new(context: &Context, title: impl Into<String>, place: &'static str) -> Shell {
        let path = context.store.path();
        let store = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Shell {
            root: root(context),
            title: title.into(),
            place,
            store,
            menu: menu(context),
            style: style_name(),
            script: script_name(),
            icon: icon_name(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

impl Shell {
    /// The frame of a screen for somebody whom a protected server does not know: it names neither the store nor other
    /// screens.
    pub fn for_stranger(self) -> Shell {
        Shell { store: String::new(), menu: Vec::new(), ..self }
    }
}

/// The path in front of all paths, by the operator's base of URLs.
pub fn root(context: &Context) -> String {
    let base = context.base_url.as_deref().unwrap_or_default();
    let rest = base.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or(String::new(), |at| rest[at..].to_owned())
}

/// Sends the browser on to a path of this server.
pub fn see_other(context: &Context, path: &str) -> Response {
    Response::empty(303)
        .with("Location", format!("{}{path}", root(context)))
        .with("Cache-Control", "no-store")
}

fn menu(context: &Context) -> Vec<MenuEntry> {
    let entry = |key, label, path| MenuEntry { key, label, path };
    let mut menu = vec![entry("start", "Start", "/")];
    menu.push(entry("browse", "Browse", "/browse"));
    // Exports.
    menu.push(entry("exports", "Export", "/exports"));
    if context.is_simulated {
        menu.push(entry("simulate", "Simulate", "/simulate"));
    }
    // Clients and tokens.
    if context.is_private && !context.is_simulated {
        menu.push(entry("access", "Clients", "/access"));
    }
    // SQL and views: where a request may use them.
    if context.is_private && !context.access.is_required() {
        menu.push(entry("sql", "SQL", "/sql"));
        menu.push(entry("views", "Views", "/views"));
    }
    menu
}
