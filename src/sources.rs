//! Where results come from, for every word of `aees report` and for `aees replay`.

use std::path::Path;
use std::process::ExitCode;

use aees_report::{ReportSource, ResultSet, SkippedFile};
use aees_studies::auto_loop::LoopFolder;
use clap::Args;

use crate::failure::{EXIT_SOME_FAILED, Failure};
use crate::results::{Results, ResultsFlags};

#[derive(Args)]
pub(crate) struct Sources {
    /// A study or a loop, a folder that is searched for results, or result files
    #[arg(value_name = "SOURCE", num_args = 1.., required = true)]
    source: Vec<String>,
    #[command(flatten)]
    results: ResultsFlags,
}

impl Sources {
    pub(crate) fn results(&self) -> Results {
        self.results.results()
    }

    /// What is no path is a loop or a study.
    pub(crate) fn sources(&self) -> Vec<ReportSource> {
        let Results { root, registry, .. } = self.results();
        let source = |name: &String| match Path::new(name) {
            path if path.is_dir() => ReportSource::Folder(path.to_owned()),
            path if path.exists() => ReportSource::File(path.to_owned()),
            _ if LoopFolder::find(&root, name).is_ok() => {
                ReportSource::Loop { root: root.path().to_owned(), name: name.clone() }
            }
            _ => ReportSource::Study { root: root.path().to_owned(), registry: registry.clone(), name: name.clone() },
        };
        self.source.iter().map(source).collect()
    }

    /// Reads the results, and tells what was passed over.
    pub(crate) fn read(&self) -> Result<ResultSet, Failure> {
        let found = ResultSet::read(&self.sources())?;
        tell_skipped(&found.skipped);
        found.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
        Ok(found)
    }
}

/// How a report ends: some results that it should be of may be damaged.
pub(crate) fn exit_code(skipped: &[SkippedFile]) -> ExitCode {
    if skipped.iter().any(|file| file.damaged) { ExitCode::from(EXIT_SOME_FAILED) } else { ExitCode::SUCCESS }
}

pub(crate) fn tell_skipped(skipped: &[SkippedFile]) {
    for skipped in skipped {
        let what = if skipped.damaged { "damaged" } else { "skipped" };
        eprintln!("{what} {}: {}", skipped.path.display(), skipped.reason);
    }
}
