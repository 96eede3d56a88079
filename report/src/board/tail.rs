//! A `metrics.jsonl` that grows, read from where it was left. One that was written anew, cut, or set aside is begun again.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use aees_run::input;

use super::curves::LiveCurves;

/// What is read of a file at once: others come in between.
const TURN: u64 = 4 << 20;
/// No line is so long; what follows is passed over up to its end.
const LONGEST_LINE: usize = 1 << 20;
/// So many of the bytes before the place are looked at again: other ones mean another file.
const REMEMBERED: usize = 64;

/// What a file looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct FileStamp {
    pub(super) length: u64,
    changed: (i64, i64),
    pub(super) place: (u64, u64),
}

impl FileStamp {
    /// How a file looks now; none if it is not there.
    pub(super) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|found| Self::from_metadata(&found))
    }

    fn from_metadata(found: &Metadata) -> Self {
        let changed = (found.mtime(), found.mtime_nsec());
        Self { length: found.len(), changed, place: (found.dev(), found.ino()) }
    }

    /// When it was last written, in milliseconds UTC.
    pub(super) fn written_at(&self) -> i64 {
        self.changed.0 * 1_000 + self.changed.1 / 1_000_000
    }
}

/// The curves of a file, and how far it was read.
#[derive(Debug, Default)]
pub(super) struct MetricsTail {
    pub(super) curves: LiveCurves,
    pub(super) stamp: FileStamp,
    offset: u64,
    /// The last bytes before the place.
    before: Vec<u8>,
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
}

impl MetricsTail {
    /// Reads what is new. Gives whether there is more to read.
    pub(super) fn advance(&mut self, path: &Path) -> io::Result<bool> {
        let mut file = input::open(path)?;
        let stamp = FileStamp::from_metadata(&file.metadata()?);
        if stamp.place != self.stamp.place || stamp.length < self.offset || !self.follows(&mut file)? {
            *self = Self::default();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(TURN).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        self.remember(&bytes);
        self.take(&bytes);
        let more = self.offset < stamp.length;
        self.stamp = if more { FileStamp { place: stamp.place, ..FileStamp::default() } } else { stamp };
        Ok(more)
    }

    /// Whether what was read is still what stands before the place.
    fn follows(&self, file: &mut File) -> io::Result<bool> {
        file.seek(SeekFrom::Start(self.offset - self.before.len() as u64))?;
        let mut found = vec![0; self.before.len()];
        match file.read_exact(&mut found) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            read => read.map(|()| found == self.before),
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.before.extend_from_slice(&bytes[bytes.len().saturating_sub(REMEMBERED)..]);
        self.before.drain(..self.before.len().saturating_sub(REMEMBERED));
    }

    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            // A line that grew too long is dropped when its end comes: its beginning alone is no JSON.
            if self.begun.len() < LONGEST_LINE {
                self.begun.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                self.curves.take(&self.begun);
                self.begun.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    fn line(epoch: u64, accuracy: f64) -> String {
        format!("{{\"kind\":\"epoch\",\"epoch\":{epoch},\"val_accuracy\":{accuracy}}}\n")
    }

    fn accuracies(tail: &MetricsTail) -> Vec<f64> {
        tail.curves.by_name.get("val_accuracy").into_iter().flatten().copied().flatten().collect()
    }

    #[test]
    fn a_file_is_read_as_it_grows_and_begun_again_when_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut tail = MetricsTail::default();
        assert!(tail.advance(&path).is_err(), "it is not there yet");
        fs::write(&path, line(1, 0.1) + &line(2, 0.2)[..20]).unwrap();
        tail.advance(&path).unwrap();
        assert_eq!(accuracies(&tail), [0.1], "half a line is no line");
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&line(2, 0.2).as_bytes()[20..]).unwrap();
        tail.advance(&path).unwrap();
        assert_eq!(accuracies(&tail), [0.1, 0.2]);
        fs::write(&path, line(1, 0.3)).unwrap();
        tail.advance(&path).unwrap();
        assert_eq!(accuracies(&tail), [0.3], "cut in its place");
        fs::write(&path, line(1, 0.4) + &line(2, 0.5)).unwrap();
        tail.advance(&path).unwrap();
        assert_eq!(accuracies(&tail), [0.4, 0.5], "written anew in its place, and longer");
        fs::write(folder.path().join("new"), line(1, 0.4) + &line(2, 0.5) + &line(3, 0.6)).unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        tail.advance(&path).unwrap();
        assert_eq!(accuracies(&tail), [0.4, 0.5, 0.6], "another file of its name");
        fs::remove_file(&path).unwrap();
        assert!(tail.advance(&path).is_err());
        assert_eq!(accuracies(&tail).len(), 3, "what was read stays");
    }

    #[test]
    fn an_endless_line_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "x".repeat(3 * LONGEST_LINE) + "\n" + &line(1, 0.5)).unwrap();
        let mut tail = MetricsTail::default();
        while tail.advance(&path).unwrap() {}
        assert_eq!(accuracies(&tail), [0.5]);
        assert!(tail.begun.capacity() <= 2 * TURN as usize);
    }
}
