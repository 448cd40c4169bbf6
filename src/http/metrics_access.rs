//! Who may read `/metrics`. What is read there is in `metrics`.

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MetricsAccess {
    /// Whoever has an access token with the scope `system/metrics`, and programs on this machine if the
    /// server is open or listens on the loopback alone. What came through a proxy needs a token.
    #[default]
    Local,
    /// Only who has such a token.
    Token,
    /// Nobody.
    Off,
}
