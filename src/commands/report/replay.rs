//! `aees replay`: one line for each run on stdout, what was passed over on stderr.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ArgMatches;
use serde_json::{Value, json};

use super::sources;
use crate::failure::Failure;
use crate::stdout;
use aees_report::replay::{Finding, Replay, ReplayError, replay};
use aees_report::{ResultSet, SkippedFile, Source};

/// Something was not reproduced.
const EXIT_DIFFERS: u8 = 2;
/// A file that was named cannot be read or replayed.
const EXIT_UNREADABLE: u8 = 1;

/// Runs it.
pub(crate) fn run(arguments: &ArgMatches) -> Result<ExitCode, Failure> {
    let (paths, mut unreadable) = find(&sources(arguments))?;
    let mut differs = false;
    let mut list = Vec::new();
    for path in paths {
        match replay(&path) {
            Ok(found) => {
                differs |= matches!(found.finding, Finding::Differs(_));
                if arguments.get_flag("json") {
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
    if arguments.get_flag("json") {
        stdout::line(format_args!("{:#}", Value::Array(list)));
    }
    Ok(match (differs, unreadable) {
        (true, _) => ExitCode::from(EXIT_DIFFERS),
        (false, true) => ExitCode::from(EXIT_UNREADABLE),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// The files to replay, and whether one that was named is no result. Foreign files in a folder are only told.
fn find(sources: &[Source]) -> Result<(Vec<PathBuf>, bool), Failure> {
    let named = |skipped: &SkippedFile| sources.iter().any(|source| *source == Source::File(skipped.path.clone()));
    let found = ResultSet::read(sources).map_err(|error| {
        let help = error.help();
        Failure::new(error.to_string(), help)
    })?;
    for skipped in &found.skipped {
        eprintln!("skipped {}: {}", skipped.path.display(), skipped.reason);
    }
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
        "method": format!("{:?}", replay.method),
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
