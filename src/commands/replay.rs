//! `aees replay`: one line for each run on stdout, what was passed over on stderr.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_report::replay::{Finding, Replay, ReplayError, replay};
use aees_report::{ResultSet, ResultSource, SkippedFile};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::{EXIT_ENVIRONMENT, Failure};
use crate::sources::{Sources, tell_skipped};
use crate::stdout;

/// Something was not reproduced.
const EXIT_DIFFERS: u8 = 2;

#[derive(Args)]
#[command(
    about = "Rebuild the controllers of recorded runs and compare every decision and reward, to the last bit",
    long_about = "Rebuild the controllers of recorded runs from their settings, feed them the recorded rewards, and compare \
                  every pick, reward, effective count and value estimate with the record; recompute each reward from the \
                  recorded ends of the smoothed loss.\n\n\
                  Exit code 0: all reproduced. 2: something differs. 1: a file cannot be read."
)]
pub(crate) struct ReplayFlags {
    #[command(flatten)]
    sources: Sources,
    /// Write one JSON list: path, method, status, episodes, reproduced, difference
    #[arg(long)]
    json: bool,
}

impl ReplayFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let (paths, mut unreadable) = find(&self.sources.sources())?;
        let mut differs = false;
        let mut list = Vec::new();
        for path in paths {
            match replay(&path) {
                Ok(found) => {
                    differs |= matches!(found.finding, Finding::Differs(_));
                    if self.json {
                        list.push(to_json(&found));
                    } else {
                        stdout::line(format_args!("{}: {}", found.path.display(), found.summary()));
                    }
                }
                Err(error) => {
                    unreadable = true;
                    eprintln!("error: {error}");
                    list.push(failed(&error));
                }
            }
        }
        if self.json {
            stdout::line(format_args!("{:#}", Value::Array(list)));
        }
        Ok(match (differs, unreadable) {
            (true, _) => ExitCode::from(EXIT_DIFFERS),
            (false, true) => ExitCode::from(EXIT_ENVIRONMENT),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// The files to replay, and whether one that was named is no result. Foreign files in a folder are only told.
fn find(sources: &[ResultSource]) -> Result<(Vec<PathBuf>, bool), Failure> {
    let named =
        |skipped: &SkippedFile| sources.iter().any(|source| *source == ResultSource::File(skipped.path.clone()));
    let found = ResultSet::read(sources)?;
    tell_skipped(&found.skipped);
    let unreadable = found.skipped.iter().any(named);
    Ok((found.runs.into_iter().map(|run| run.path).collect(), unreadable))
}

fn to_json(replay: &Replay) -> Value {
    let (status, difference) = match &replay.finding {
        Finding::Nothing => ("nothing", None),
        Finding::Reproduced => ("reproduced", None),
        Finding::Differs(difference) => ("differs", Some(difference)),
    };
    let difference = difference.map(|difference| {
        json!({
            "episode": difference.episode,
            "what": difference.what,
            "recorded": difference.recorded,
            "recomputed": difference.recomputed,
        })
    });
    json!({
        "path": replay.path,
        "method": format!("{:?}", replay.control),
        "status": status,
        "episodes": replay.episodes,
        "reproduced": replay.reproduced,
        "difference": difference,
        "not_compared": replay.not_compared,
    })
}

fn failed(error: &ReplayError) -> Value {
    json!({"path": error.path(), "status": "unreadable", "reason": error.to_string()})
}
