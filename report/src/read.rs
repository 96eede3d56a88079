//! Reads results: of studies, of folders, of single files; ours, and the reference's two kinds.
//!
//! A file is known by what is in it, never by its name: the reference's archives have results without a file extension
//! beside logs and other programs' files. Every key of a result may be absent. What cannot be used is passed over and
//! listed with its reason; what is odd but usable is kept, with a warning.
//!
//! [`find`] and [`study`] say which files to look at, [`document`] reads one, [`convert`] makes a [`RunRecord`] of it.

mod convert;
mod document;
mod find;
mod headline;
mod loop_runs;
mod source;
mod study;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use aees_run::input;
use rayon::prelude::*;

use crate::attributes::Attributes;
use crate::experiment::{Purpose, about_data, experiments};
use crate::record::RunRecord;

use self::source::{FileRefusal, Listing};

pub use self::source::{ReadError, ReportSource, SkippedFile};

/// No result is so large; such a file is not even opened.
const LARGEST_RESULT: u64 = 256 << 20;

/// Results, and what was passed over.
#[derive(Debug, Clone, Default)]
pub struct ResultSet {
    /// The results, by path.
    pub runs: Vec<RunRecord>,
    /// What was passed over, by path.
    pub skipped: Vec<SkippedFile>,
    /// What a reader should know: two results for one seed, and the like.
    pub warnings: Vec<String>,
    /// The seeds that the studies among the sources were planned with, whatever became of the runs, in order. None when no
    /// source is a study.
    pub expected_seeds: Option<Vec<i64>>,
}

/// Results that say they are the same run: one setting, one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicates {
    /// What both are.
    pub attributes: Attributes,
    pub seed: i64,
    /// Where they stand in [`ResultSet::runs`]; at least two.
    pub indices: Vec<usize>,
}

impl ResultSet {
    /// Reads all results of some sources. A file that several of them name is read once.
    ///
    /// # Errors
    /// A source that is not there, or no result in any of them.
    pub fn read(sources: &[ReportSource]) -> Result<Self, ReadError> {
        let mut listing = Listing::default();
        for source in sources {
            match source {
                ReportSource::Study { root, registry, name } => study::find(root, registry, name, &mut listing)?,
                ReportSource::Loop { root, name } => loop_runs::find(root, name, &mut listing)?,
                ReportSource::Folder(path) => find::folder(path, &mut listing)?,
                ReportSource::File(path) if !path.exists() => return Err(ReadError::Missing { path: path.clone() }),
                ReportSource::File(path) => listing.files.push(path.clone()),
            }
        }
        let mut set = Self::of_files(listing);
        if set.runs.is_empty() {
            let path = sources.first().map(ReportSource::path).unwrap_or_default();
            return Err(ReadError::Nothing { path, skipped: set.skipped });
        }
        let about_data = about_data(&experiments(&set.runs));
        set.warnings.splice(..0, about_data);
        set.warnings.extend(set.about_duplicates());
        Ok(set)
    }

    /// Names results of one seed of one setting; where several settings were repeated to be timed, only that they were.
    fn about_duplicates(&self) -> Vec<String> {
        let experiments = experiments(&self.runs);
        let timed = experiments.iter().filter(|one| one.purpose == Purpose::Timing).map(|one| &one.attributes);
        let timed: BTreeSet<&Attributes> = timed.collect();
        let (repeats, others): (Vec<_>, Vec<_>) =
            self.duplicates().into_iter().partition(|twice| timed.len() > 1 && timed.contains(&twice.attributes));
        let told = others.iter().map(|twice| {
            let paths: Vec<String> =
                twice.indices.iter().map(|index| self.runs[*index].path.display().to_string()).collect();
            format!("{} results for seed {} of one setting: {}", paths.len(), twice.seed, paths.join(", "))
        });
        let repeats = (!repeats.is_empty()).then(|| {
            format!("{} settings have several results of one seed: they count as repeats of a timing", repeats.len())
        });
        repeats.into_iter().chain(told).collect()
    }

    fn of_files(listing: Listing) -> Self {
        let Listing { mut files, mut skipped, mut warnings, cases, purposes, seeds } = listing;
        let mut seen = HashSet::new();
        files.sort();
        files.retain(|path| seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
        let outcomes: Vec<_> = files.par_iter().map(|path| (path, read_file(path))).collect();
        let mut runs = Vec::with_capacity(outcomes.len());
        for (path, outcome) in outcomes {
            match outcome {
                Ok((mut run, about_it)) => {
                    run.case = cases.get(path).cloned();
                    run.purpose = purposes.get(path).copied().flatten();
                    let contradictions = run.contradictions.iter().map(ToString::to_string);
                    let all = contradictions.chain(about_it);
                    warnings.extend(all.map(|warning| format!("{}: {warning}", path.display())));
                    runs.push(run);
                }
                Err(FileRefusal { reason, damaged }) => {
                    skipped.push(SkippedFile { path: path.clone(), reason, damaged })
                }
            }
        }
        skipped.sort();
        Self { runs, skipped, warnings, expected_seeds: seeds.map(|seeds| seeds.into_iter().collect()) }
    }

    /// Results of one seed of one setting, wherever they were found. All of them are in [`ResultSet::runs`]: which counts is
    /// for whoever reads them to say, and to tell.
    pub fn duplicates(&self) -> Vec<Duplicates> {
        let mut groups: BTreeMap<(Attributes, i64), Vec<usize>> = BTreeMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            groups.entry((Attributes::of(run), run.seed)).or_default().push(index);
        }
        let several = groups.into_iter().filter(|(_, indices)| indices.len() > 1);
        several.map(|((attributes, seed), indices)| Duplicates { attributes, seed, indices }).collect()
    }
}

/// One result, with what is odd about it, or why it is none.
fn read_file(path: &Path) -> Result<(RunRecord, Vec<String>), FileRefusal> {
    convert::record_of(path, document::parse(&bytes_of(path)?)?)
}

/// One result and its bytes, as JSON: null in the place of Python's NaN. For those who need what a record does not keep.
pub(super) fn read_with(path: &Path) -> Result<(RunRecord, Vec<u8>), String> {
    let read = || {
        let bytes = bytes_of(path)?;
        let (run, _) = convert::record_of(path, document::parse(&bytes)?)?;
        Ok((run, aees_run::json::without_words(&bytes).unwrap_or(bytes)))
    };
    read().map_err(|FileRefusal { reason, .. }| reason)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, FileRefusal> {
    let size = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > LARGEST_RESULT {
        return Err(FileRefusal::foreign(format!("{} MiB are too much for a result", size >> 20)));
    }
    document::looks_like_json(path)?;
    let mut bytes = Vec::new();
    let read = input::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| format!("cannot be read: {error}"))?;
    Ok(bytes)
}
