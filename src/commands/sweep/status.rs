//! `aees sweep status`: studies from far away. Counts, what runs now, how fast it goes, what failed, and why nothing runs.

mod board;
mod watch;

use std::process::ExitCode;

use aees_studies::registry::Reader;
use aees_studies::standing::StudyStanding;
use clap::Args;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::results::ResultsFlags;
use crate::stdout::{self, takes_colours};

/// Shows how studies stand: counts, what runs now, how fast, what failed
#[derive(Args)]
#[command(
    infer_long_args = true,
    after_help = "A STUDY is a name, the beginning of one name, or a pattern such as 'noise_*'."
)]
pub(crate) struct StatusFlags {
    /// The studies [default: all]
    #[arg(num_args = 0..)]
    study: Vec<String>,
    /// Go on showing it, until nothing runs and nothing is left
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Seconds between two looks [default: 1 on a terminal, 5 elsewhere]
    #[arg(long, value_name = "SECONDS", requires = "watch")]
    every: Option<f64>,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

impl StatusFlags {
    /// Shows how studies stand, once or until they are over.
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let results = self.results.results();
        let reader = results.reader()?;
        let names: Vec<&str> = self.study.iter().map(String::as_str).collect();
        if self.watch {
            return watch::watch(&reader, &names, self.every, &results.flags);
        }
        let studies = standings(&reader, &names)?;
        if self.json {
            let studies: Value = studies.iter().map(|study| study.to_json(&results.flags)).collect();
            stdout::line(json!({"now": reader.now(), "studies": studies}));
        } else if studies.is_empty() {
            eprintln!("there is no study yet");
        } else {
            stdout::line(text(&studies, &results.flags, takes_colours(&std::io::stdout()), usize::MAX));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn standings(reader: &Reader, names: &[&str]) -> Result<Vec<StudyStanding>, Failure> {
    reader.status(names)?.into_iter().map(|status| Ok(StudyStanding::of(reader, status)?)).collect()
}

/// The studies as text, with at most so many running runs each.
fn text(studies: &[StudyStanding], flags: &str, colours: bool, most: usize) -> String {
    studies.iter().flat_map(|study| board::lines(study, flags, colours, most)).collect::<Vec<_>>().join("\n")
}
