//! Ctrl-C and the termination signal: the first asks for an end in order, the second ends the program at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::failure::{EXIT_INTERRUPTED, Failure};

/// The flag of this process, once somebody watches.
static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A flag that is set by the first signal, which also calls `first`. Who watches later gets the same flag.
pub(crate) fn watch(first: impl Fn() + Send + 'static) -> Result<Arc<AtomicBool>, Failure> {
    if let Some(flag) = FLAG.get() {
        return Ok(flag.clone());
    }
    let flag = Arc::new(AtomicBool::new(false));
    let in_handler = flag.clone();
    let handle = move || {
        if in_handler.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(EXIT_INTERRUPTED));
        }
        first();
    };
    ctrlc::set_handler(handle).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))?;
    Ok(FLAG.get_or_init(|| flag).clone())
}
