//! The page at `/`: what it shows, to whom, and what keeps other sites away from it.

mod sql;
mod timeline;
mod views;
