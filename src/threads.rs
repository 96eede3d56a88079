//! The threads that the CPU engine computes on: rayon's global pool, or a pool of each run of a worker.

use aees_run::settings::RunConfig;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::failure::Failure;

/// As much as the first thread of a process has.
pub(crate) const STACK_BYTES: usize = 8 << 20;

/// Starts the global pool with as many threads as were asked for, but no more than there are cores: more only wait for each
/// other.
pub(crate) fn use_threads(config: &RunConfig) -> Result<(), Failure> {
    let Some(count) = asked(config, |text| eprintln!("warning: {text}")) else { return Ok(()) };
    let started = ThreadPoolBuilder::new().num_threads(count).build_global();
    started.map_err(|error| Failure::new(format!("cannot start {count} threads: {error}")))
}

/// A pool for one run, which itself works in it; none where nothing was asked for.
pub(crate) fn pool(config: &RunConfig, warn: impl FnOnce(&str)) -> Result<Option<ThreadPool>, String> {
    let Some(count) = asked(config, warn) else { return Ok(None) };
    let pool = ThreadPoolBuilder::new().num_threads(count).stack_size(STACK_BYTES).build();
    pool.map(Some).map_err(|error| format!("cannot start {count} threads: {error}"))
}

fn asked(config: &RunConfig, warn: impl FnOnce(&str)) -> Option<usize> {
    let asked = config.threads?;
    let cores = std::thread::available_parallelism().unwrap_or(asked);
    if asked > cores {
        warn(&format!("--threads {asked}: this process may use {cores} cores, so it uses {cores} threads"));
    }
    Some(asked.min(cores).get())
}
