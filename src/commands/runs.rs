//! `aees runs`: looks at runs and moves them. One file for each verb, or for verbs of one kind.

mod annotate;
mod background;
mod change;
mod condition;
mod costs;
mod diff;
mod filter;
mod gc;
mod listing;
mod logs;
mod ls;
mod show;
mod value;
mod why;

use std::process::ExitCode;

use aees_studies::registry::{Membership, RunRow, Why};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use self::change::{ChangeFlags, Move};
use crate::failure::Failure;
use crate::results::ResultsFlags;

/// Lists, explains and changes the runs of studies
#[derive(Subcommand)]
#[command(after_help = "A RUN is the beginning of its id, at least 4 digits, or its place in a study: study:17.")]
pub(crate) enum RunsVerb {
    Ls(ls::LsFlags),
    /// Shows a run: what it is, where it is, its numbers and its folder
    Show(LookFlags),
    /// Tells how a run came to be where it is: claims, moves, reuse
    Why(LookFlags),
    Logs(logs::LogsFlags),
    Diff(diff::DiffFlags),
    Tag(annotate::TagFlags),
    Note(annotate::NoteFlags),
    /// Makes failed, cancelled, invalid, interrupted, pruned and deferred runs pending again
    #[command(
        after_help = "With --study and no --state, the failed ones.",
        mut_arg("run", |run| run.conflicts_with("study")),
    )]
    Retry(ChangeFlags),
    /// Takes runs out that are not done; a running one stops at its worker's next heartbeat
    #[command(mut_arg("run", |run| run.conflicts_with("study")))]
    Cancel(ChangeFlags),
    /// Withdraws results: the runs become invalid, and retry computes them again
    #[command(
        mut_arg("run", |run| run.conflicts_with("study")),
        mut_arg("reason", |reason| reason.required(true)),
    )]
    Invalidate(ChangeFlags),
    /// Takes runs out of a study's results and claims, without touching the runs
    #[command(after_help = "The study is that of --study, or the one a run is named by: study:17.")]
    Withdraw(ChangeFlags),
    /// Takes withdrawn runs back into a study's results and claims
    #[command(after_help = "The study is that of --study, or the one a run is named by: study:17.")]
    Restore(ChangeFlags),
    Gc(gc::GcFlags),
    #[command(subcommand)]
    Bg(background::BackgroundVerb),
}

#[derive(Args)]
#[command(infer_long_args = true)]
pub(crate) struct LookFlags {
    /// The run
    run: String,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

impl LookFlags {
    /// All that the registry knows of the run.
    fn why(&self) -> Result<Why, Failure> {
        let reader = self.results.results().reader()?;
        Ok(reader.why(reader.run(&self.run)?.run_id.full())?)
    }
}

impl RunsVerb {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Ls(typed) => ls::run(&typed),
            Self::Show(typed) => show::run(&typed),
            Self::Why(typed) => why::run(&typed),
            Self::Logs(typed) => logs::run(&typed),
            Self::Retry(typed) => change::run(Move::Retry, typed),
            Self::Cancel(typed) => change::run(Move::Cancel, typed),
            Self::Invalidate(typed) => change::run(Move::Invalidate, typed),
            Self::Withdraw(typed) => change::run(Move::Withdraw, typed),
            Self::Restore(typed) => change::run(Move::Restore, typed),
            Self::Diff(typed) => diff::run(&typed),
            Self::Tag(typed) => annotate::tag(&typed),
            Self::Note(typed) => annotate::note(&typed),
            Self::Gc(typed) => gc::run(&typed),
            Self::Bg(typed) => typed.run(),
        }
    }
}

/// JSON that was made by this program; what is no JSON is shown as text.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// `lr=0.1 method=bandit`.
fn axes_text(axes_json: &str) -> String {
    let Value::Object(axes) = parsed(axes_json) else { return axes_json.to_owned() };
    axes.iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>().join(" ")
}

/// Texts without quotes, everything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A seed as it was written: rows hold its bits.
fn seed(run: &RunRow) -> i64 {
    run.seed.cast_signed()
}

/// A run's row, without what only a study says of it.
fn run_json(run: &RunRow) -> Value {
    json!({
        "run_id": run.run_id.full(), "config_id": run.config_id.full(), "seed": seed(run), "task": run.task,
        "state": run.state.name(), "outcome": run.outcome.map(|outcome| outcome.name()), "class": run.class,
        "error": run.error, "withdrawn": run.withdrawn, "attempts": run.attempts, "retries_used": run.retries_used,
        "wall_ms": run.wall_ms,
        "not_before": run.not_before, "lease_until": run.lease_until, "result_sha": run.result_sha,
        "created_at": run.created_at, "updated_at": run.updated_at,
    })
}

/// A run's place in a study.
fn member_json(member: &Membership) -> Value {
    json!({
        "study": member.study, "index": member.index, "case": member.case, "axes": parsed(&member.axes_json),
        "reused": member.reused, "withdrawn": member.withdrawn, "added_at": member.added_at,
    })
}

/// A run with its places in studies and its numbers.
fn why_json(why: &Why) -> Value {
    let mut run = run_json(&why.run);
    run["identity"] = parsed(&why.identity_json);
    run["shape_sig"] = json!(why.shape_sig);
    run["memberships"] = why.memberships.iter().map(member_json).collect();
    run["metrics"] = json!(why.metrics);
    run
}
