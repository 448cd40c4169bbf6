//! The page at `/`: what it shows, to whom, and what keeps other sites away from it.

mod exports;
mod exports_jobs;
mod exports_rights;
mod simulate;
