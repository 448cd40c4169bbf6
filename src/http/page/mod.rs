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
//! | `timeline`, `timeline_read`, `timeline_lanes`, `plot_series`, `plot`, `time_axis`, `svg_text`, `screen_text` | a patient's timeline and plots |
//! | `sql_screen`, `sql_chart` | SQL over the store |
//! | `views_screen`, `view_screen`, `views_shown` | views: list, preview, add, remove |

mod assets;
mod document;
mod plot;
mod plot_series;
mod rows;
mod screen_text;
mod shell;
mod sql_chart;
mod sql_screen;
mod start;
mod svg_text;
mod time_axis;
mod timeline;
mod timeline_lanes;
mod timeline_read;
mod view_screen;
mod views_screen;
mod views_shown;
mod visit;

pub use rows::{is_page, page};
