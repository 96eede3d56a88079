//! Signals that ask for an end in order: Ctrl-C, termination, a hang-up, and SIGUSR1, which batch systems send before the
//! time is over. A second Ctrl-C ends the program at once.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::failure::{EXIT_INTERRUPTED, Failure};

/// The flag of this process, once somebody watches.
static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A flag that is set by the first signal, which also calls `first`. Who watches later gets the same flag.
pub(crate) fn watch(first: impl Fn() + Send + Sync + 'static) -> Result<Arc<AtomicBool>, Failure> {
    if let Some(flag) = FLAG.get() {
        return Ok(flag.clone());
    }
    let flag = Arc::new(AtomicBool::new(false));
    let first = Arc::new(first);
    let (asked, begin) = (flag.clone(), first.clone());
    let on_interrupt = move || match asked.swap(true, Ordering::Relaxed) {
        true => process::exit(i32::from(EXIT_INTERRUPTED)),
        false => begin(),
    };
    ctrlc::set_handler(on_interrupt).map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))?;
    let watched = [SIGTERM, SIGHUP, SIGUSR1].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals =
        Signals::new(watched).map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
    let asked = flag.clone();
    thread::spawn(move || {
        for _ in signals.forever() {
            if !asked.swap(true, Ordering::Relaxed) {
                first();
            }
        }
    });
    Ok(FLAG.get_or_init(|| flag).clone())
}

/// Whether whoever started the program wants it to live through a signal, as `nohup` does.
fn is_ignored(signal: i32) -> bool {
    let ignored = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).ok()?;
        Some(mask >> (signal - 1) & 1 == 1)
    };
    ignored().unwrap_or(false)
}
