//! Ctrl-C and the termination signal: the first asks for an end in order; what the second does depends on the verb.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::failure::{EXIT_INTERRUPTED, Failure};

/// A flag that is set by the first signal, which also calls `first`. The second ends the program at once.
pub(crate) fn watch(first: impl Fn() + Send + 'static) -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let in_handler = flag.clone();
    on_signal(move || {
        if in_handler.swap(true, Ordering::Relaxed) {
            process::exit(i32::from(EXIT_INTERRUPTED));
        }
        first();
    })?;
    Ok(flag)
}

/// How often a signal came; the first also calls `first`. For who has more to end than itself.
pub(crate) fn count(first: impl Fn() + Send + 'static) -> Result<Arc<AtomicU8>, Failure> {
    let count = Arc::new(AtomicU8::new(0));
    let in_handler = count.clone();
    on_signal(move || {
        let before = in_handler.load(Ordering::Relaxed);
        in_handler.store(before.saturating_add(1), Ordering::Relaxed);
        if before == 0 {
            first();
        }
    })?;
    Ok(count)
}

fn on_signal(handle: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    ctrlc::set_handler(handle).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))
}
