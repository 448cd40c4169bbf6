//! The page at `/`: what it shows, to whom, and what keeps other sites away from it.

mod access;
mod browse_access;
mod browse_files;
mod browse_hostile;
mod browse_html;
mod browse_lists;
mod browse_resources;
mod exports;
mod exports_jobs;
mod exports_rights;
mod safety;
mod sign_in;
mod simulate;
mod sql;
mod start;
mod timeline;
mod views;
mod visits;
