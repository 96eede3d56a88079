//! The threads that the CPU engine computes on: rayon's global pool.

use aees_run::settings::RunConfig;

use crate::failure::Failure;

/// Starts the pool with as many threads as were asked for, but no more than there are cores: more only wait for each other.
pub(crate) fn use_threads(config: &RunConfig) -> Result<(), Failure> {
    let Some(asked) = config.threads else { return Ok(()) };
    let cores = std::thread::available_parallelism().unwrap_or(asked);
    if asked > cores {
        eprintln!("warning: --threads {asked}: this process may use {cores} cores, so it uses {cores} threads");
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(asked.min(cores).get())
        .build_global()
        .map_err(|error| Failure::new(format!("cannot start {asked} threads: {error}")))
}
