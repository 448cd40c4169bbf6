//! Stands in for `page/` in builds without the cargo feature `page`: there are no screens.

use super::context::Context;
use super::message::Request;
use super::row::Route;

/// No path is a screen.
pub fn page<'p>(_path: &[&'p str]) -> Option<Route<'p>> {
    None
}

/// No request is for a screen.
pub fn is_page(_request: &Request) -> bool {
    false
}

/// No body is the form of a screen.
pub fn form_limit(_context: &Context, _request: &Request, limit: usize) -> usize {
    limit
}
