//! `aees registry check`: where the registry and the disk disagree, and what mends it.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::failure::{EXIT_ENVIRONMENT, Failure};
use crate::results::{Results, ResultsFlags};
use crate::stdout;
use aees_studies::disk::{completion_of, run_folders};
use aees_studies::process::Liveness;
use aees_studies::registry::{Reader, RunFilter, RunRow, RunState, RunningRow};

/// Holds the registry against what lies on disk, and says what mends each difference
#[derive(Args)]
#[command(infer_long_args = true, after_help = "Exit codes: 0 nothing is wrong, 1 something is.")]
pub(crate) struct CheckFlags {
    #[command(flatten)]
    results: ResultsFlags,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// One difference.
#[derive(Serialize)]
struct RegistryProblem {
    kind: &'static str,
    run_id: Option<String>,
    what: String,
    mend: String,
}

/// Checks everything and lists what is wrong.
pub(super) fn run(typed: &CheckFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let reader = results.reader()?;
    reader.check()?;
    let runs = reader.runs(&RunFilter::default())?;
    let mut problems: Vec<RegistryProblem> = runs.iter().filter_map(|run| result_problem(&results, run)).collect();
    problems.extend(unknown_folders(&results, &runs)?);
    for running in reader.running(None)? {
        problems.extend(dead_worker(&reader, &running, &results.flags)?);
    }
    if typed.json {
        stdout::line(json!({"registry": results.registry, "runs": runs.len(), "problems": problems}));
    } else if problems.is_empty() {
        stdout::line(format!("{}: {} runs, nothing is wrong", results.registry.display(), runs.len()));
    } else {
        for problem in &problems {
            stdout::line(format!("{}\n  mend: {}", problem.what, problem.mend));
        }
        stdout::line(format!("{}: {} runs, {} problems", results.registry.display(), runs.len(), problems.len()));
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ENVIRONMENT) })
}

/// What a run's row says of its result, and what lies there.
fn result_problem(results: &Results, run: &RunRow) -> Option<RegistryProblem> {
    let directory = results.root.run(&run.run_id);
    let problem = |kind, what: String, mend: String| {
        Some(RegistryProblem {
            kind,
            run_id: Some(run.run_id.full().into()),
            what: format!("run {} {what}", run.run_id),
            mend,
        })
    };
    let invalidate = |reason: &str| {
        format!("aees runs invalidate {0} --reason '{reason}'{1} && aees runs retry {0}{1}", run.run_id, results.flags)
    };
    let found = completion_of(&directory);
    match (run.state, found) {
        (RunState::Done, Ok(Some(found))) if Some(&found.result_sha) == run.result_sha.as_ref() => None,
        (RunState::Done, Ok(Some(_))) => problem(
            "result_differs",
            format!("is done, and {} is not the result that was accepted", directory.join("result.json").display()),
            format!("put the accepted file back, or {}", invalidate("its file changed")),
        ),
        (RunState::Done, Ok(None)) => {
            let gone = if directory.is_dir() { directory.join("result.json") } else { directory };
            problem(
                "result_vanished",
                format!("is done, and {} is gone", gone.display()),
                invalidate("its result vanished"),
            )
        }
        (RunState::Done, Err(error)) => {
            problem("result_damaged", format!("is done, and {error}"), invalidate("its result is damaged"))
        }
        (RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed, Ok(Some(_))) => problem(
            "result_unknown",
            format!("is {}, and has published {}", run.state, directory.join("result.json").display()),
            format!("aees sweep resume STUDY{} takes it in", results.flags),
        ),
        (RunState::Pending | RunState::Interrupted | RunState::Deferred | RunState::Failed, Err(error)) => {
            problem("result_damaged", format!("is {}, and {error}", run.state), "remove that file".into())
        }
        _ => None,
    }
}

/// Folders that no row knows of.
fn unknown_folders(results: &Results, runs: &[RunRow]) -> Result<Vec<RegistryProblem>, Failure> {
    let mut known: Vec<_> = runs.iter().map(|run| results.root.run(&run.run_id)).collect();
    known.sort();
    let folders = run_folders(&results.root)?;
    let unknown = folders.into_iter().filter(|folder| known.binary_search(folder).is_err());
    Ok(unknown
        .map(|folder| RegistryProblem {
            kind: "unknown_folder",
            run_id: None,
            what: format!("{} is a folder that the registry does not know", folder.display()),
            mend: results.rebuild_command(),
        })
        .collect())
}

/// A worker that will not say another word.
fn dead_worker(reader: &Reader, running: &RunningRow, flags: &str) -> Result<Option<RegistryProblem>, Failure> {
    let worker = &running.worker;
    let why = match worker.liveness() {
        Liveness::Dead => "that process is dead",
        Liveness::Unknown if running.lease_left < 0 => "its lease has ended",
        _ => return Ok(None),
    };
    let studies = reader.why(running.run_id.full())?.memberships;
    let study = studies.first().map_or("STUDY", |membership| &membership.study);
    Ok(Some(RegistryProblem {
        kind: "dead_worker",
        run_id: Some(running.run_id.full().into()),
        what: format!("run {} is running at {worker}, and {why}", running.run_id),
        mend: format!("aees sweep resume {study}{flags}"),
    }))
}
