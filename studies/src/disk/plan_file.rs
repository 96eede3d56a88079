//! `plan-000001.jsonl` of a study's folder: a version of its plan, written once and never changed.
//!
//! The first line is about the study; then one line for each setting, and one for each of its runs with what it does. A plan may
//! have a hundred thousand runs of which one is left, so a reader says which it wants and only those are made.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, write_atomically};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::RecordError;
use super::listed::listed;
use super::records::{ConfigEntry, json_text, planned};
use super::root::Root;
use crate::job::Work;
use crate::plan::{LearningSearch, PlannedProgram};
use crate::registry::{Member, RunId, StudySpec};

/// Raised when a key changes its meaning. Version 1 was two files that could contradict each other.
const SCHEMA_VERSION: u32 = 2;

/// What a plan says of its study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanHeader {
    schema_version: u32,
    /// 1 for the first plan of the study.
    pub version: u64,
    name: String,
    task: String,
    /// Digest of specification and runs.
    pub spec_sha: String,
    spec: Value,
    /// What is said of all its runs.
    pub about: PlanAbout,
    /// How many runs it has.
    pub runs: usize,
}

/// What a plan says of all its runs, for whoever resumes or reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanAbout {
    /// What the study is judged by, in words.
    pub metric: Option<String>,
    /// How it treats what goes wrong.
    pub policy: Value,
    /// The program that its runs call; none for training.
    pub program: Option<PlannedProgram>,
    /// Where further trials come from, for a search that learns.
    pub search: Option<LearningSearch>,
    /// The user's file.
    pub file: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ConfigLine {
    config: String,
    entry: ConfigEntry,
}

#[derive(Serialize, Deserialize)]
struct RunLine {
    run: String,
    number: u64,
    seed: i64,
    case: Option<String>,
    axes: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    race: Option<String>,
    work: Work,
}

/// A run that the study had and has no longer: its number is not given again.
#[derive(Serialize, Deserialize)]
struct FormerLine {
    former: String,
    number: u64,
}

const CONFIG: &[u8] = b"{\"config\":\"";
const RUN: &[u8] = b"{\"run\":\"";
const FORMER: &[u8] = b"{\"former\":\"";

/// A version of a plan, on the disk.
#[derive(Clone, Debug)]
pub struct PlanFile {
    path: PathBuf,
    /// Its first line.
    pub header: PlanHeader,
}

impl PlanFile {
    /// The newest version of a study's plan; none if it was never planned.
    ///
    /// # Errors
    /// When it cannot be read, or is no plan.
    pub fn newest(root: &Root, study: &str) -> Result<Option<Self>, RecordError> {
        let Some((_, path)) = versions(&root.study(study))?.into_iter().max() else { return Ok(None) };
        let mut lines = LineReader::open(&path)?;
        let header: PlanHeader = match lines.next()? {
            Some(line) => serde_json::from_slice(line).map_err(|error| RecordError::damaged(&path, error))?,
            None => return Err(RecordError::damaged(&path, "it is empty")),
        };
        if header.schema_version > SCHEMA_VERSION {
            return Err(RecordError::damaged(&path, "it was written by a newer program"));
        }
        Ok(Some(Self { path, header }))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As the registry takes it.
    pub fn spec(&self) -> StudySpec {
        let PlanHeader { name, task, spec_sha, spec, .. } = self.header.clone();
        StudySpec { name, task, spec_sha, spec_json: spec.to_string() }
    }

    /// Gives the wanted runs with what they do, in their order.
    ///
    /// # Errors
    /// When the file cannot be read, is not whole, or the hashes of a wanted run do not agree.
    pub fn read(
        &self,
        mut wanted: impl FnMut(&str) -> bool,
        mut each: impl FnMut(Member, Work),
    ) -> Result<(), RecordError> {
        let damaged = |reason: String| RecordError::damaged(&self.path, reason);
        let mut lines = LineReader::open(&self.path)?;
        let (mut config_line, mut config) = (Vec::new(), None);
        let mut runs = 0;
        while let Some(line) = lines.next()? {
            if line.starts_with(CONFIG) {
                line.clone_into(&mut config_line);
                config = None;
            }
            let Some(rest) = line.strip_prefix(RUN) else { continue };
            runs += 1;
            let id = rest.split(|byte| *byte == b'"').next().and_then(|id| std::str::from_utf8(id).ok());
            if !id.is_some_and(&mut wanted) {
                continue;
            }
            let parsed = |error: serde_json::Error| damaged(error.to_string());
            let ConfigLine { config: config_id, entry } = match config.take() {
                Some(known) => known,
                None => serde_json::from_slice(&config_line).map_err(parsed)?,
            };
            let RunLine { run, number, seed, case, axes, race, work } = serde_json::from_slice(line).map_err(parsed)?;
            let run = planned(&run, &config_id, seed, &entry).map_err(damaged)?;
            each(Member { run, index: number, case, axes_json: axes.to_string(), race }, work);
            config = Some(ConfigLine { config: config_id, entry });
        }
        if runs == self.header.runs {
            Ok(())
        } else {
            Err(damaged(format!("it has {runs} runs and should have {}", self.header.runs)))
        }
    }

    /// The runs that the study had and has no longer, with their numbers.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn former(&self) -> Result<Vec<(RunId, u64)>, RecordError> {
        let mut lines = LineReader::open(&self.path)?;
        let mut former = Vec::new();
        while let Some(line) = lines.next()? {
            if line.starts_with(FORMER) {
                let FormerLine { former: run, number } =
                    serde_json::from_slice(line).map_err(|error| RecordError::damaged(&self.path, error))?;
                former.push((run.parse().map_err(|error| RecordError::damaged(&self.path, error))?, number));
            }
        }
        Ok(former)
    }

    /// Writes the next version of a study's plan, whole or not at all.
    ///
    /// # Errors
    /// When one of its texts is no JSON, or the file cannot be written.
    pub fn write<'a>(
        root: &Root,
        spec: &StudySpec,
        about: PlanAbout,
        runs: impl ExactSizeIterator<Item = (&'a Member, &'a Work)>,
        former: &[(RunId, u64)],
    ) -> Result<Self, RecordError> {
        let directory = root.study(&spec.name);
        fs::create_dir_all(&directory).map_err(FileError::at("make", &directory))?;
        let version = versions(&directory)?.into_iter().map(|(version, _)| version).max().unwrap_or(0) + 1;
        let path = directory.join(format!("plan-{version:06}.jsonl"));
        let header = PlanHeader {
            schema_version: SCHEMA_VERSION,
            version,
            name: spec.name.clone(),
            task: spec.task.clone(),
            spec_sha: spec.spec_sha.clone(),
            spec: json_text(&spec.spec_json, &path)?,
            about,
            runs: runs.len(),
        };
        write_atomically(&path, |out| {
            write_line(out, &header)?;
            let mut last = None;
            for (Member { run, index, case, axes_json, race }, work) in runs {
                if last != Some(&run.config_id) {
                    let identity = serde_json::from_str(&run.identity_json)?;
                    let entry = ConfigEntry { task: run.task.clone(), shape_sig: run.shape_sig.clone(), identity };
                    write_line(out, &ConfigLine { config: run.config_id.full().to_owned(), entry })?;
                    last = Some(&run.config_id);
                }
                let line = RunLine {
                    run: run.run_id.full().to_owned(),
                    number: *index,
                    seed: run.seed.cast_signed(),
                    case: case.clone(),
                    axes: serde_json::from_str(axes_json)?,
                    race: race.clone(),
                    work: work.clone(),
                };
                write_line(out, &line)?;
            }
            former.iter().try_for_each(|(run, number)| {
                write_line(out, &FormerLine { former: run.full().to_owned(), number: *number })
            })
        })?;
        Ok(Self { path, header })
    }
}

fn write_line(out: &mut dyn Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The versions of a plan in a study's folder.
fn versions(directory: &Path) -> Result<Vec<(u64, PathBuf)>, FileError> {
    let version =
        |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("plan-")?.strip_suffix(".jsonl")?.parse().ok();
    Ok(listed(directory)?.into_iter().filter_map(|path| Some((version(&path)?, path))).collect())
}

/// The lines of a file, one at a time.
struct LineReader<'a> {
    path: &'a Path,
    file: BufReader<File>,
    line: Vec<u8>,
}

impl<'a> LineReader<'a> {
    fn open(path: &'a Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        Ok(Self { path, file: BufReader::with_capacity(1 << 18, file), line: Vec::new() })
    }

    fn next(&mut self) -> Result<Option<&[u8]>, FileError> {
        self.line.clear();
        let read = self.file.read_until(b'\n', &mut self.line).map_err(FileError::at("read", self.path))?;
        Ok((read > 0).then_some(&self.line))
    }
}
