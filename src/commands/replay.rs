//! `aees replay`: one line for each run on stdout, what was passed over on stderr.

use std::path::PathBuf;
use std::process::ExitCode;

use aees_report::replay::{Finding, Replay, ReplayError, replay};
use aees_report::{ReadError, RecordPart, ReportSource, ResultSet, SkippedFile};
use clap::Args;
use serde_json::{Value, json};

use crate::failure::{EXIT_ENVIRONMENT, EXIT_SOME_FAILED, Failure};
use crate::sources::{Sources, tell_skipped};
use crate::stdout;

#[derive(Args)]
#[command(
    about = "Rebuild the controllers of recorded runs and compare every decision and reward, to the last bit",
    long_about = "Rebuild the controllers of recorded runs from their settings, feed them the recorded rewards, and compare \
                  every pick, reward, effective count and value estimate with the record; recompute each reward from the \
                  recorded ends of the smoothed loss. Best and last accuracy, epochs, steps, FLOP and times are recomputed \
                  from the curves, of baselines too.\n\n\
                  Exit code 0: all reproduced. 2: something differs, or a folder holds a damaged result. 1: a file that was \
                  named cannot be read."
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
        let sources = self.sources.sources();
        let (paths, skipped) = find(&sources)?;
        tell_skipped(&skipped);
        let named = |skipped: &SkippedFile| is_named(skipped, &sources);
        let mut unreadable = skipped.iter().any(named);
        let mut differs = skipped.iter().any(|skipped| skipped.damaged && !named(skipped));
        let mut list = Vec::new();
        for skipped in skipped.iter().filter(|skipped| skipped.damaged) {
            list.push(json!({"path": skipped.path, "status": "unreadable", "reason": skipped.reason}));
        }
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
            (true, _) => ExitCode::from(EXIT_SOME_FAILED),
            (false, true) => ExitCode::from(EXIT_ENVIRONMENT),
            (false, false) => ExitCode::SUCCESS,
        })
    }
}

/// The files to replay, and what was passed over. Foreign files in a folder are only told.
fn find(sources: &[ReportSource]) -> Result<(Vec<PathBuf>, Vec<SkippedFile>), Failure> {
    match ResultSet::read(sources) {
        Ok(set) => Ok((set.runs.into_iter().map(|run| run.path).collect(), set.skipped)),
        // All that a folder holds is damaged: that is found, too.
        Err(ReadError::Nothing { skipped, .. })
            if skipped.iter().any(|file| file.damaged && !is_named(file, sources)) =>
        {
            Ok((Vec::new(), skipped))
        }
        Err(error) => Err(error.into()),
    }
}

fn is_named(skipped: &SkippedFile, sources: &[ReportSource]) -> bool {
    sources.iter().any(|source| *source == ReportSource::File(skipped.path.clone()))
}

fn to_json(replay: &Replay) -> Value {
    let (status, difference) = match &replay.finding {
        Finding::Nothing => ("nothing", None),
        Finding::Reproduced => ("reproduced", None),
        Finding::Differs(difference) => ("differs", Some(difference)),
    };
    let difference = difference.map(|difference| {
        json!({
            "episode": match difference.place {
                RecordPart::Episode(episode) => Some(episode),
                RecordPart::Whole | RecordPart::BeforeTraining => None,
            },
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
