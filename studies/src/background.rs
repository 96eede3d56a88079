//! Launches in the background: this program again, cut loose from the terminal, and what became of it.
//!
//! A launch has a folder below `launches/` of the root: `launch.json`, who it is, written by the launched process itself
//! once it leads its own session; `log.txt`, what it prints; `ended.json`, its exit code, its last act. Nothing else is
//! believed: whether it runs is asked of the kernel, by number, start time and boot, so a killed launch is known as such and
//! a recycled number or another boot is never taken for it.
//!
//! Its processes are a [`Family`](crate::process::Family): they are found by their parents, by their session and by a variable
//! of their environment.

mod error;
mod follow;
mod record;
mod start;
mod stop;
#[cfg(test)]
mod tests;

pub use self::error::BackgroundError;
pub use self::follow::{Followed, follow};
pub use self::record::{Launch, LaunchRecord, LaunchState, find_launches, read_launches};
pub use self::start::{become_detached, launch_detached};
pub use self::stop::{Stopped, Waiting, stop};
