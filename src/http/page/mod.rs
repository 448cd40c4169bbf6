//! The page: what people see when they open the server's address in a browser.
//!
//! It is rendered here, from the templates in `templates/`, on the calls that the API uses. A handler asks, a template
//! shows; neither knows SQL or FHIR. Everything works without JavaScript, except copying and the live state of an export.
//!
//! | files | job |
//! |---|---|
//! | `rows`, `visit` | which path is which screen, and who asks for it |
//! | `document`, `shell`, `assets` | a response of HTML, what every screen has, the style and the script |
//! | `start` | the first screen |

mod assets;
mod document;
mod rows;
mod shell;
mod start;
mod visit;

pub use rows::{is_page, page};
