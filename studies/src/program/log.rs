//! `log.txt`: what a program prints, up to a limit. Of a log that is too long the beginning and the end are kept, as a reason
//! stands at one of them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A log that is written.
#[derive(Debug)]
pub(super) struct ProgramLog {
    path: PathBuf,
    file: File,
    length: u64,
    limit: u64,
    left_out: u64,
    /// Why it is not whole.
    error: Option<io::Error>,
}

impl ProgramLog {
    /// The log of earlier attempts is continued.
    pub(super) fn open(path: &Path, limit: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, length, limit, left_out: 0, error: None })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        let written = self.file.write_all(bytes).and_then(|()| {
            self.length += bytes.len() as u64;
            if self.length > self.limit { self.shorten() } else { Ok(()) }
        });
        // The run can go on without it.
        self.error = self.error.take().or(written.err());
    }

    /// What is to be said of the log, if it could not be written.
    pub(super) fn warning(&self) -> Option<String> {
        self.error.as_ref().map(|error| format!("cannot write log.txt: {error}"))
    }

    /// Leaves out the middle: half of the limit stays.
    fn shorten(&mut self) -> io::Result<()> {
        let part = self.limit / 4;
        let mut old = File::open(&self.path)?;
        let (mut first, mut last) = (Vec::new(), Vec::new());
        (&mut old).take(part).read_to_end(&mut first)?;
        old.seek(SeekFrom::End(-i64::try_from(part).unwrap_or(i64::MAX)))?;
        old.take(part).read_to_end(&mut last)?;
        let first_end = first.iter().rposition(|byte| *byte == b'\n').map_or(first.len(), |at| at + 1);
        let last_begin = last.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let (first, last) = (&first[..first_end], &last[last_begin..]);
        self.left_out += self.length.saturating_sub((first.len() + last.len()) as u64);
        let note = format!("[... {} bytes left out: the log may have {} bytes ...]\n", self.left_out, self.limit);
        let shorter = self.path.with_extension("txt.new");
        fs::write(&shorter, [first, note.as_bytes(), last].concat())?;
        fs::rename(&shorter, &self.path)?;
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        self.length = self.file.metadata()?.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let mut log = ProgramLog::open(&path, 4_000).unwrap();
        (0..2_000).for_each(|number| log.write(format!("line {number}\n").as_bytes()));
        assert_eq!(log.warning(), None);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.len() <= 4_000, "{}", text.len());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.starts_with(&["line 0", "line 1"]) && lines.ends_with(&["line 1998", "line 1999"]), "{text}");
        assert!(lines.iter().all(|line| line.starts_with("line ") || line.contains("bytes left out")), "{text}");
        // It goes on in the next attempt.
        ProgramLog::open(&path, 4_000).unwrap().write(b"again\n");
        assert!(fs::read_to_string(&path).unwrap().ends_with("line 1999\nagain\n"));
    }
}
