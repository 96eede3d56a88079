//! `on_end` and `on_failure`: commands of the user that hear how a study ended.
//!
//! They run after everything else, with a JSON summary on standard input, and change nothing: what goes wrong with them is a
//! warning.

use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use aees_studies::plan::StudyPlan;
use aees_studies::registry::{RunFilter, RunState};
use serde_json::{Value, json};

use super::execute::Executed;
use crate::failure::Failure;
use crate::results::{Results, absolute};

/// Failed runs that a summary names.
const MOST_FAILED: usize = 20;

/// A study is over for this command: the user's own commands hear of it, and its exit code is the command's.
pub(super) fn conclude(
    results: &Results,
    plan: &StudyPlan,
    executed: &Executed,
    since: Instant,
) -> Result<ExitCode, Failure> {
    let hooks = [("on_end", &plan.policy.on_end, true), ("on_failure", &plan.policy.on_failure, executed.failed)];
    for (name, words, _) in hooks.into_iter().filter(|(_, _, due)| *due && !executed.detached) {
        let Some([program, arguments @ ..]) = words.as_deref() else { continue };
        let summary = summary(results, plan, executed, since, name)?;
        if let Err(why) = run(program, arguments, &plan.name, &summary) {
            eprintln!("warning: {name}: {program}: {why}");
        }
    }
    Ok(ExitCode::from(executed.code))
}

fn run(program: &str, arguments: &[String], study: &str, summary: &Value) -> Result<(), String> {
    let mut command = Command::new(program);
    // Standard output is this program's data.
    command.args(arguments).env("AEES_STUDY", study).stdin(Stdio::piped()).stdout(std::io::stderr());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read it is no failure.
        let _ = writeln!(stdin, "{summary}");
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}

fn summary(
    results: &Results,
    plan: &StudyPlan,
    executed: &Executed,
    since: Instant,
    hook: &str,
) -> Result<Value, Failure> {
    let filter = RunFilter {
        study: Some(plan.name.clone()),
        states: vec![RunState::Failed],
        limit: Some(MOST_FAILED),
        ..RunFilter::default()
    };
    let failed = results.reader()?.runs(&filter)?.into_iter().map(|run| {
        json!({"run_id": run.run_id.full(), "place": run.index.map(|index| format!("{}:{index}", plan.name)),
            "class": run.class, "error": run.error})
    });
    let counts: serde_json::Map<String, Value> =
        executed.counts.iter().map(|(state, count)| (state.name().to_owned(), json!(count))).collect();
    Ok(json!({
        "hook": hook,
        "study": plan.name,
        "exit_code": executed.code,
        "reason": executed.reason,
        "counts": counts,
        "diverged": executed.diverged,
        "selected_runs": plan.selected_runs(),
        "seconds": since.elapsed().as_secs_f64(),
        "root": absolute(results.root.path()),
        "failed": failed.collect::<Value>(),
    }))
}
