//! The options of `fhirlite serve` for how clients share the work on exports.

use fhirlite::Options;

use super::limits::at_least_one;

#[derive(clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct TurnArgs {
    /// The most exports of one client that are accepted and not done yet; a further kick-off is a 429
    #[arg(long, value_name = "N", default_value = "16", value_parser = at_least_one)]
    max_jobs: usize,
}

impl TurnArgs {
    /// Adds the options to those of a server.
    pub fn add_to(&self, options: Options) -> Options {
        options.max_jobs(self.max_jobs)
    }
}
