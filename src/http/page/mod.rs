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
//! | `access_gate`, `access_list`, `access_client` | clients and tokens, for the operator on this machine |
//! | `session`, `sign_in` | who signs in, and the cookie of the visit |
//! | `exports`, `exports_*`, `posted_form` | the form of exports, and what becomes of one |
//! | `simulate` | the form of faults |
//! | `timeline`, `timeline_read`, `timeline_lanes`, `plot_series`, `plot`, `time_axis`, `svg_text` | a patient's timeline and plots |
//! | `sql_screen`, `sql_chart` | SQL over the store |
//! | `views_screen`, `view_screen`, `views_shown` | views: list, preview, add, remove |
//! | `start`, `start_examples` | the first screen |
//! | `browse`, `browse_form`, `browse_columns`, `browse_names`, `browse_types` | the lists of resources, and the form to search them |
//! | `browse_resource`, `browse_json`, `browse_versions`, `browse_diff`, `browse_referrers` | one resource |
//! | `browse_download` | files of lists and of attachments |
//! | `words` | how screens write numbers, times, URLs and texts of others |

mod access_client;
mod access_gate;
mod access_list;
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
mod document;
mod exports;
mod exports_call;
mod exports_draft;
mod exports_job;
mod exports_lines;
mod exports_protocol;
mod exports_words;
mod plot;
mod plot_series;
mod posted_form;
mod rows;
mod session;
mod shell;
mod sign_in;
mod simulate;
mod sql_chart;
mod sql_screen;
mod start;
mod start_examples;
mod svg_text;
mod time_axis;
mod timeline;
mod timeline_lanes;
mod timeline_read;
mod view_screen;
mod views_screen;
mod views_shown;
mod visit;
mod words;

pub use rows::{form_limit, is_page, page};
