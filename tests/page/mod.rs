//! The page: what people see in a browser.

mod browse_access;
mod browse_files;
mod browse_hostile;
mod browse_html;
mod browse_lists;
mod browse_resources;
mod start;
