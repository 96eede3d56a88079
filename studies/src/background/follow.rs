//! The log of a launch as it grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use aees_run::artifact::FileError;

use super::error::BackgroundError;
use super::record::{Launch, LaunchState};
use crate::process::Liveness;

/// How much of what was printed before is shown.
const PAST: u64 = 64 * 1024;

/// Why a log is not followed any more.
#[derive(Debug, PartialEq, Eq)]
pub enum Followed {
    /// The launch ended with this code.
    Ended(u8),
    /// The launch is gone without a word.
    Died,
    /// The user has seen enough, or the reader of the output went away.
    Left,
}

/// Writes the end of the log of a launch and what is added to it, until the launch ends or `leave` is set.
///
/// # Errors
/// When the log cannot be read.
pub fn follow(launch: &Launch, out: &mut impl Write, leave: &AtomicBool) -> Result<Followed, BackgroundError> {
    let path = launch.log();
    let read_error = || FileError::at("read", &path);
    let mut log = File::open(&path).map_err(read_error())?;
    skip_to_the_end(&mut log).map_err(read_error())?;
    loop {
        // Asked before the log is read: all that a gone process wrote is then in it.
        let dead = launch.record.process.liveness() == Liveness::Dead;
        let mut bytes = Vec::new();
        log.read_to_end(&mut bytes).map_err(read_error())?;
        if leave.load(Ordering::Relaxed) || out.write_all(&bytes).and_then(|()| out.flush()).is_err() {
            return Ok(Followed::Left);
        }
        if dead {
            return Ok(match launch.state() {
                LaunchState::Ended { exit_code, .. } => Followed::Ended(exit_code),
                LaunchState::Running | LaunchState::Died => Followed::Died,
            });
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// Passes over all but the last lines of a long log.
fn skip_to_the_end(log: &mut File) -> io::Result<()> {
    let length = log.metadata()?.len();
    if length <= PAST {
        return Ok(());
    }
    // One byte earlier: if that ends a line, a whole line follows.
    let begin = log.seek(SeekFrom::Start(length - PAST - 1))?;
    let mut bytes = vec![0; 4096];
    let read = log.read(&mut bytes)?;
    let line = bytes[..read].iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    log.seek(SeekFrom::Start(begin + line as u64))?;
    Ok(())
}
