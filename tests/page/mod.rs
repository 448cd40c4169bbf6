//! The page at `/`: what it shows, to whom, and what keeps other sites away from it.

mod access;
mod safety;
mod sign_in;
mod visits;
