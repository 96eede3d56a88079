//! The end of a log, where the reason of an end stands.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use aees_run::input;

/// The last `most` bytes of a file as text; empty when it cannot be read.
pub fn log_end(path: &Path, most: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = input::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
        let mut bytes = Vec::new();
        // It may grow meanwhile.
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
