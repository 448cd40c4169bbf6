//! The options of `fhirlite serve` about web pages.

use fhirlite::Options;

#[derive(clap::Args)]
#[command(next_help_heading = "Web pages")]
pub struct WebPageArgs {
    /// A further name by which an open server on this machine may be asked, beside localhost and that of --base-url;
    /// may be given several times
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Let web pages of this origin read: https://app.example.org, any, or none; may be given several times; by
    /// default pages of this machine, with --auth required pages of any
    #[arg(long, value_name = "ORIGIN")]
    cors: Vec<String>,
    /// Show no page at /: the server answers programs alone
    #[arg(long)]
    no_page: bool,
}

impl WebPageArgs {
    /// Adds the options to those of a server.
    pub fn add_to(&self, mut options: Options) -> Options {
        for name in &self.allow_host {
            options = options.allow_host(name);
        }
        for origin in &self.cors {
            options = options.cors(origin);
        }
        options.page(!self.no_page)
    }
}
