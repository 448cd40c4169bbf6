//! What an engine needs from the rest of `http`.

use crate::error::{Error, Result};
use crate::http::answered::AnsweredRequest;
use crate::http::message::{Request, Response};

/// Answers the requests of an engine, on many threads at once.
pub trait RequestHandler: Send + Sync + 'static {
    /// The number of bytes to read of the body of `request`; 0 where no body is wanted.
    ///
    /// # Errors
    /// Where the body must not be read. The engine answers with the error and ends the connection.
    fn body_limit(&self, request: &Request) -> Result<usize>;

    /// The headers for web pages in every answer to a request, also in a refusal by the engine; `None` stands for a
    /// message that is no request.
    fn page_headers(&self, request: Option<&Request>) -> Vec<(&'static str, String)>;

    /// True for a request that is answered at once, without a place at work: also while the server is busy.
    fn is_light(&self, request: &Request) -> bool;

    /// Answers a request.
    fn answer(&self, request: &Request) -> Response;

    /// The answer to a request that ends in an error.
    fn refuse(&self, error: &Error, request: &Request) -> Response;

    /// Reports an error that no client hears of.
    fn log(&self, error: &Error);

    /// Hears of each request that was answered or cut, and of each message that was refused.
    fn answered(&self, request: &AnsweredRequest);
}
