//! Signals that ask for an end in order: Ctrl-C, termination, a hang-up, and SIGUSR1, which batch systems send before the
//! time is over. What a second Ctrl-C does depends on the verb; the other signals ask once, however often they come.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::failure::{EXIT_INTERRUPTED, Failure};

/// The flag of this process, once somebody watches.
static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// How often this process was asked, once somebody counts.
static COUNT: OnceLock<Arc<AtomicU8>> = OnceLock::new();

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Somebody at a terminal, who may ask again.
    ByCtrlC,
    /// Another signal.
    BySystem,
}

/// A flag that is set by the first signal, which also calls `first`; a second Ctrl-C ends the program at once. Who watches
/// later gets the same flag.
pub(crate) fn watch(first: impl Fn() + Send + Sync + 'static) -> Result<Arc<AtomicBool>, Failure> {
    if let Some(flag) = FLAG.get() {
        return Ok(flag.clone());
    }
    let flag = Arc::new(AtomicBool::new(false));
    let in_handler = flag.clone();
    on_signal(move |asked| match (in_handler.swap(true, Ordering::Relaxed), asked) {
        (false, _) => first(),
        (true, Asked::ByCtrlC) => process::exit(i32::from(EXIT_INTERRUPTED)),
        (true, Asked::BySystem) => {}
    })?;
    Ok(FLAG.get_or_init(|| flag).clone())
}

/// How often an end was asked for; the first time also calls `first`. For who has more to end than itself. Who counts later
/// gets the same count.
pub(crate) fn count(first: impl Fn() + Send + Sync + 'static) -> Result<Arc<AtomicU8>, Failure> {
    if let Some(count) = COUNT.get() {
        return Ok(count.clone());
    }
    let count = Arc::new(AtomicU8::new(0));
    let in_handler = count.clone();
    on_signal(move |asked| {
        let next = |before: u8| match asked {
            Asked::ByCtrlC => Some(before.saturating_add(1)),
            Asked::BySystem => Some(before.max(1)),
        };
        if in_handler.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next) == Ok(0) {
            first();
        }
    })?;
    Ok(COUNT.get_or_init(|| count).clone())
}

/// Calls this for every signal.
fn on_signal(handle: impl Fn(Asked) + Send + Sync + 'static) -> Result<(), Failure> {
    let handle = Arc::new(handle);
    let of_ctrl_c = handle.clone();
    ctrlc::set_handler(move || of_ctrl_c(Asked::ByCtrlC))
        .map_err(|error| Failure::new(format!("cannot watch for Ctrl-C: {error}")))?;
    let watched = [SIGTERM, SIGHUP, SIGUSR1].into_iter().filter(|signal| !is_ignored(*signal));
    let mut signals =
        Signals::new(watched).map_err(|error| Failure::new(format!("cannot watch for signals: {error}")))?;
    thread::spawn(move || signals.forever().for_each(|_| handle(Asked::BySystem)));
    Ok(())
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
