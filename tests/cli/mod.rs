//! The command line: help, exit codes, output, and exports into a folder.

mod commands;
mod export;
mod export_follow;
mod export_like_server;
mod export_threads;
mod interrupt;
mod list;
mod search;
mod serve;
mod terminal;
mod view;
mod view_export;
