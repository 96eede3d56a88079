//! Ctrl-C and the termination signal: the first asks the run to stop after its step, the second ends the program at once.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{EXIT_INTERRUPTED, Failure};

/// A flag that is set by the first signal; the user is told.
pub(crate) fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    watch(|| eprintln!("stopping after this step and writing a checkpoint; press Ctrl-C again to stop at once"))
}

/// The same for a process that has no user.
pub(crate) fn quiet_stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    watch(|| {})
}

/// A flag that is set by the first signal, which also calls `first`.
pub(crate) fn watch(first: impl Fn() + Send + 'static) -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let in_handler = flag.clone();
    let handle = move || {
        if in_handler.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(EXIT_INTERRUPTED));
        }
        first();
    };
    ctrlc::set_handler(handle).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}"), None))?;
    Ok(flag)
}
