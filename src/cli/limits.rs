//! The options of `fhirlite serve` for what each client is granted.

use std::time::Duration;

use fhirlite::{Limits, Options};

use super::value::duration;

#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// The most connections at once; beyond them, the one that has been silent for longest is closed, of the
    /// address with the most
    #[arg(long, value_name = "N", default_value = "512", value_parser = at_least_one)]
    max_connections: usize,
    /// The most requests that are worked on at once; others wait, the clients in rotation
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    max_requests: usize,
    /// The most downloads at once to one client address
    #[arg(long, value_name = "N", default_value = "64", value_parser = at_least_one)]
    max_downloads: usize,
    /// The longest head of a request
    #[arg(long, value_name = "BYTES", default_value = "65536", value_parser = at_least_one)]
    max_head: usize,
    /// The most header fields of a request
    #[arg(long, value_name = "N", default_value = "100", value_parser = at_least_one)]
    max_headers: usize,
    /// The longest target of a request: its path and query
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = at_least_one)]
    max_target: usize,
    /// The time for the head of a request
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    head_time: Duration,
    /// The time for the body of a request
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    body_time: Duration,
    /// The least rate of a body in bytes a second, from the eleventh second on; 0 for none
    #[arg(long, value_name = "BYTES", default_value = "1000")]
    body_rate: u64,
    /// How long a connection may stay open without a request
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    idle_time: Duration,
    /// How long a client may take nothing of an answer
    #[arg(long, value_name = "TIME", default_value = "75s", value_parser = duration)]
    send_time: Duration,
    /// How long the end of the server waits for requests under way
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    grace: Duration,
    /// The most exports of one client that are accepted and not done yet; a further kick-off is a 429
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one)]
    max_jobs: usize,
    /// How long the SQL of a Library may run for $sql-run, the rows of its views included
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    sql_time: Duration,
    /// The most rows that the SQL of a Library may give
    #[arg(long, value_name = "N", default_value = "100000", value_parser = at_least_one)]
    sql_rows: usize,
}

impl LimitArgs {
    /// Adds the limits to the options of a server.
    pub fn add_to(&self, options: Options) -> Options {
        let options = options.limits(self.limits()).max_jobs(self.max_jobs);
        options.sql_time(self.sql_time).sql_rows(self.sql_rows as u64)
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        limits.connections = self.max_connections;
        limits.requests = self.max_requests;
        limits.downloads_per_client = self.max_downloads;
        limits.head_bytes = self.max_head;
        limits.header_fields = self.max_headers;
        limits.target_bytes = self.max_target;
        limits.head_time = self.head_time;
        limits.body_time = self.body_time;
        limits.body_rate = self.body_rate;
        limits.idle_time = self.idle_time;
        limits.send_time = self.send_time;
        limits.grace = self.grace;
        limits
    }
}

/// Reads a number above 0.
fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{text:?} should be a number above 0"))
}
