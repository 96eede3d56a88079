//! `history.jsonl`: a line for each iteration, each with a digest of itself and all before it, so that an edited history is known
//! as such; and `results.tsv`, the same as a table, written whole each time.
//!
//! The state says how long the history is: what a kill left behind that is cut off by the next line.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use aees_run::artifact::{FileError, if_there, write_atomically};
use aees_run::hexadecimal::sha256;
use serde::{Deserialize, Serialize};

use super::error::LoopError;
use super::folder::LoopFolder;
use super::iteration::IterationRecord;
use crate::disk::{RecordError, read_json, write_json};

/// Letters of a digest.
const DIGEST: usize = 16;

/// What stands between a record and its digest.
const MARK: &str = ",\"chain\":\"";

/// The longest description in the table.
const DESCRIPTION: usize = 200;

/// How long the history is, as the state knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEnd {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// The digest of the last line.
    pub chain: String,
}

impl HistoryEnd {
    /// The record of a line, whose digest must be right; the end moves on.
    fn take(&mut self, line: &[u8]) -> Result<IterationRecord, &'static str> {
        const WRONG: &str = "the line is not what the loop wrote";
        let text = str::from_utf8(line).map_err(|_| WRONG)?;
        let (body, digest) = text.rsplit_once(MARK).ok_or(WRONG)?;
        let body = format!("{body}}}");
        let chain = chain(&self.chain, &body);
        if digest.strip_suffix("\"}") != Some(chain.as_str()) {
            return Err(WRONG);
        }
        let record = serde_json::from_str(&body).map_err(|_| "it is of another version of this program")?;
        *self = Self { lines: self.lines + 1, bytes: self.bytes + line.len() as u64 + 1, chain };
        Ok(record)
    }
}

/// The history of a loop, in memory and on disk.
#[derive(Debug)]
pub struct LoopHistory {
    path: PathBuf,
    results: PathBuf,
    /// What happened, oldest first.
    pub records: Vec<IterationRecord>,
    /// Its end.
    pub end: HistoryEnd,
}

impl LoopHistory {
    /// A history without a line.
    pub(super) fn new(folder: &LoopFolder) -> Self {
        let (records, end) = (Vec::new(), HistoryEnd::default());
        Self { path: folder.history(), results: folder.results(), records, end }
    }

    /// Reads the history that a state knows.
    ///
    /// # Errors
    /// When it is not what the loop wrote, with the line.
    pub fn read(folder: &LoopFolder, end: &HistoryEnd) -> Result<Self, LoopError> {
        let mut history = Self::new(folder);
        let text = if_there(fs::read(&history.path)).map_err(FileError::at("read", &history.path))?.unwrap_or_default();
        let edited =
            |line: u64, reason: &str| LoopError::Edited { path: folder.history(), line, reason: reason.to_owned() };
        let mut rest = text.as_slice();
        while history.end.lines < end.lines {
            let line = history.end.lines + 1;
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                return Err(edited(line, "lines are missing"));
            };
            let (written, after) = rest.split_at(length + 1);
            let record = history.end.take(&written[..length]).map_err(|reason| edited(line, reason))?;
            history.records.push(record);
            rest = after;
        }
        if history.end != *end {
            return Err(edited(history.end.lines, "it does not end as the loop's state says"));
        }
        // A kill between the line and the state leaves one line, or a part of one.
        let left_by_a_kill = match rest.iter().position(|byte| *byte == b'\n') {
            None => true,
            Some(length) => length + 1 == rest.len() && history.end.clone().take(&rest[..length]).is_ok(),
        };
        if left_by_a_kill { Ok(history) } else { Err(edited(end.lines + 1, "lines were added")) }
    }

    /// Writes the next line, on the disk when this returns. What lies behind the known end is cut off first.
    pub(super) fn append(&mut self, record: IterationRecord) -> Result<(), LoopError> {
        let (line, chain) = line_of(&record, &self.end).map_err(|error| RecordError::damaged(&self.path, error))?;
        let write = || -> io::Result<()> {
            let mut file = File::options().write(true).create(true).truncate(false).open(&self.path)?;
            file.set_len(self.end.bytes)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(line.as_bytes())?;
            file.sync_all()
        };
        write().map_err(FileError::at("write", &self.path))?;
        self.end = HistoryEnd { lines: self.end.lines + 1, bytes: self.end.bytes + line.len() as u64, chain };
        self.records.push(record);
        Ok(())
    }

    /// Writes the table: run, metric, memory, status and description, as scripts for other loops read it.
    pub(super) fn write_results(&self, metric: &str) -> Result<(), FileError> {
        let mut text = format!("run\t{metric}\tmemory_gb\tstatus\tdescription\n");
        for record in &self.records {
            let run = record.pairs.first().map_or("-", |pair| pair.candidate_run.get(..16).unwrap_or("-"));
            let number = record.mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.6}"));
            let memory =
                record.memory_bytes.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes as f64 / 1e9));
            let description: String = record.title().chars().take(DESCRIPTION).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{run}\t{number}\t{memory}\t{}\t{description}", record.verdict.name());
        }
        write_atomically(&self.results, |out| out.write_all(text.as_bytes()))
    }

    /// Keeps a record by itself, too: the history can be made again from these.
    pub(super) fn keep(folder: &LoopFolder, record: &IterationRecord) -> Result<(), FileError> {
        let path = folder.iteration(record.iteration);
        fs::create_dir_all(&path).map_err(FileError::at("make", &path))?;
        write_json(&path.join("iteration.json"), record)
    }

    /// The history made again from what was kept of each iteration; what was there is kept beside it.
    pub(super) fn rebuild(folder: &LoopFolder, iterations: u64) -> Result<Self, LoopError> {
        let mut records = Vec::new();
        for number in 0..=iterations {
            records.push(read_json(&folder.iteration(number).join("iteration.json"))?);
        }
        let mut history = Self::new(folder);
        let aside = history.path.with_extension("jsonl.edited");
        if_there(fs::rename(&history.path, &aside)).map_err(FileError::at("rename", &history.path))?;
        for record in records {
            history.append(record)?;
        }
        Ok(history)
    }
}

/// The line of a record behind an end, and its digest.
fn line_of(record: &IterationRecord, end: &HistoryEnd) -> serde_json::Result<(String, String)> {
    let body = serde_json::to_string(record)?;
    let chain = chain(&end.chain, &body);
    Ok((format!("{}{MARK}{chain}\"}}\n", &body[..body.len() - 1]), chain))
}

/// The digest of a record that follows another.
fn chain(before: &str, body: &str) -> String {
    let mut digest = sha256(format!("{before}{body}"));
    digest.truncate(DIGEST);
    digest
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::auto_loop::{LoopVerdict, Proposal, SeedPair};
    use crate::disk::Root;

    fn record(iteration: u64) -> IterationRecord {
        let id = "0123456789abcdef".repeat(4);
        let pair = |seed| SeedPair {
            seed,
            candidate: Some(0.8123),
            incumbent: Some(0.7987),
            candidate_run: id.clone(),
            incumbent_run: id.clone(),
        };
        IterationRecord {
            iteration,
            verdict: LoopVerdict::Discard,
            reason: "+0.013600 on 3 seeds does not reach 0.020000: noise can be as good".into(),
            source: None,
            proposal: Proposal {
                description: "with\ta tab, a \"chain\":\"quote\" and }}".into(),
                ..Proposal::default()
            },
            patch: serde_json::Map::new(),
            config_id: id.clone(),
            point: vec![Some(0.25), None],
            incumbent: 0,
            pairs: (0..3).map(pair).collect(),
            mean: Some(0.8123),
            estimate: None,
            memory_bytes: Some(300_000_000),
            seconds: 12.5,
            proposer_failed: false,
            at: 0,
        }
    }

    #[test]
    fn what_is_appended_is_read_back_and_what_is_behind_it_is_cut_off() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = LoopFolder::new(&Root::new(scratch.path()), "night");
        folder.make().unwrap();
        let mut history = LoopHistory::new(&folder);
        history.append(record(0)).unwrap();
        let end = history.end.clone();
        history.append(record(1)).unwrap();
        // The state knew one line: the other is what a kill left.
        let mut known = LoopHistory::read(&folder, &end).unwrap();
        assert_eq!(known.records, [record(0)]);
        known.append(record(1)).unwrap();
        assert_eq!(known.end, history.end);
        assert_eq!(LoopHistory::read(&folder, &known.end).unwrap().records, [record(0), record(1)]);
        known.write_results("val_accuracy").unwrap();
        let table = fs::read_to_string(folder.results()).unwrap();
        assert_eq!(table.lines().nth(1).unwrap().split('\t').count(), 5, "{table}");
        assert!(table.contains("0123456789abcdef\t0.812300\t0.3\tdiscard\twith a tab"), "{table}");
    }

    /// Ten thousand iterations are read in less than a second by the program; here they may take longer.
    #[test]
    fn a_long_history_is_read_at_once() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = LoopFolder::new(&Root::new(scratch.path()), "long");
        folder.make().unwrap();
        let (mut end, mut text) = (HistoryEnd::default(), String::new());
        for iteration in 0..=10_000 {
            let (line, chain) = line_of(&record(iteration), &end).unwrap();
            end = HistoryEnd { lines: end.lines + 1, bytes: end.bytes + line.len() as u64, chain };
            text += &line;
        }
        fs::write(folder.history(), text).unwrap();
        let since = Instant::now();
        let history = LoopHistory::read(&folder, &end).unwrap();
        println!("{} records in {:?}", history.records.len(), since.elapsed());
        assert_eq!(history.records.len(), 10_001);
        assert!(since.elapsed() < Duration::from_secs(10));
    }
}
