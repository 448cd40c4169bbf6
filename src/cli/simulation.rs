//! The options of `fhirlite serve` for tests of clients: faults on purpose, and a seed.

use std::path::PathBuf;

use fhirlite::{Error, FaultRules, Kind, Options, Result, fix_randomness};

use super::output::tell;

#[derive(clap::Args)]
pub struct SimulationArgs {
    /// Misbehave on purpose, for tests of clients: serve a copy of the store in memory to this machine alone, with
    /// faults that --faults, /faults and paths ask for (docs/simulate.md)
    #[arg(long)]
    simulate: bool,
    /// The faults from the start: rules such as `file: cut_bytes=1000; times=1`, one a line, or a JSON array
    #[arg(long, value_name = "FILE", requires = "simulate")]
    faults: Option<PathBuf>,
    /// Let the ids of jobs, the tokens and the keys of file names follow from this number
    #[arg(long, value_name = "N", requires = "simulate")]
    seed: Option<u64>,
}

impl SimulationArgs {
    /// Whether faults are simulated.
    pub fn is_on(&self) -> bool {
        self.simulate
    }

    /// Adds the faults to the options, and fixes what is random.
    ///
    /// # Errors
    /// `NotFound`, `Io` or `Usage` for a file of faults that is none.
    pub fn add_to(&self, options: Options) -> Result<Options> {
        if !self.simulate {
            return Ok(options);
        }
        if let Some(seed) = self.seed {
            fix_randomness(seed);
        }
        let Some(path) = &self.faults else { return Ok(options.simulate(FaultRules::default())) };
        let text =
            std::fs::read_to_string(path).map_err(|error| Error::io(path.display(), error))?;
        let rules = FaultRules::parse(&text)
            .map_err(|error| Error::new(Kind::Usage, format!("{}: {error}", path.display())))?;
        Ok(options.simulate(rules))
    }

    /// Says loudly that answers may be wrong.
    pub fn announce(&self, store: &str) {
        if self.simulate {
            tell(format_args!(
                "SIMULATION: this server misbehaves on purpose, for tests of clients. It serves a copy in memory; {store} \
                 itself is not changed."
            ));
        }
    }
}
