//! The page: what people see when they open the server's address in a browser.
//!
//! It is rendered here, from the templates in `templates/`, on the calls that the API uses. A handler asks, a template
//! shows; neither knows SQL or FHIR. Everything works without JavaScript, except copying and the live state of an export.
//!
//! | files | job |
//! |---|---|
//! | `rows`, `visit` | which path is which screen, and who asks for it |
//! | `document`, `shell`, `assets` | a response of HTML, what every screen has, the style and the script |
//! | `start`, `start_examples` | the first screen |
//! | `browse`, `browse_form`, `browse_columns`, `browse_names`, `browse_types` | the lists of resources, and the form to search them |
//! | `browse_resource`, `browse_json`, `browse_versions`, `browse_diff`, `browse_referrers` | one resource |
//! | `browse_download`, `browse_words` | files, and how screens write numbers, times and texts of others |

mod assets;
mod browse;
mod browse_columns;
mod browse_diff;
mod browse_download;
mod browse_form;
mod browse_json;
mod browse_names;
mod browse_referrers;
mod browse_resource;
mod browse_types;
mod browse_versions;
mod browse_words;
mod document;
mod rows;
mod shell;
mod start;
mod start_examples;
mod visit;

pub use rows::{is_page, page};
