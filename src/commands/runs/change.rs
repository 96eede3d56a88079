//! `aees runs retry|cancel|invalidate|withdraw`: moves that people ask for. What matches is counted and shown before
//! anything moves, and each move is written down with who asked and why.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use aees_studies::disk::{Root, set_result_aside};
use aees_studies::process::hostname;
use aees_studies::registry::{Audit, Moved, Registry, RunId, RunRow, RunState};
use clap::{ArgGroup, Args};
use serde_json::json;

use super::filter::StateFlags;
use crate::failure::{EXIT_ENVIRONMENT, Failure};
use crate::results::{ResultsFlags, one_study};
use crate::stdout;

#[derive(Args)]
#[command(
    infer_long_args = true,
    mut_arg("state", |state| state.requires("study")),
    mut_arg("only", |only| only.requires("study")),
    group = ArgGroup::new("which").args(["run", "study"]).required(true).multiple(true),
)]
pub(crate) struct ChangeFlags {
    /// The runs
    #[arg(num_args = 0..)]
    run: Vec<String>,
    /// Runs of this study
    #[arg(long)]
    study: Option<String>,
    /// Why, for `aees runs why`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    filter: StateFlags,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print one JSON document on stdout
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    results: ResultsFlags,
}

/// A move that people ask for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Move {
    Retry,
    Cancel,
    Invalidate,
    Withdraw,
    Restore,
}

impl Move {
    fn name(self) -> &'static str {
        self.words().0
    }

    /// Its name, and what a run is after it.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Retry => ("retry", "pending again"),
            Self::Cancel => ("cancel", "cancelled"),
            Self::Invalidate => ("invalidate", "invalid"),
            Self::Withdraw => ("withdraw", "withdrawn"),
            Self::Restore => ("restore", "restored"),
        }
    }

    /// Whether it is about a study's list and not about runs.
    fn is_of_a_study(self) -> bool {
        matches!(self, Self::Withdraw | Self::Restore)
    }

    /// Where a run can be for this move; the registry itself decides.
    fn moves(self, state: RunState) -> bool {
        use RunState::{Cancelled, Deferred, Done, Failed, Interrupted, Invalid, Paused, Pending, Pruned, Running};
        match self {
            Self::Retry => [Failed, Cancelled, Invalid, Interrupted, Paused, Pruned, Deferred].contains(&state),
            Self::Cancel => [Pending, Running, Interrupted, Paused, Pruned, Deferred, Failed].contains(&state),
            Self::Invalidate => state == Done,
            Self::Withdraw | Self::Restore => true,
        }
    }

    /// What is meant by a study without states. A retry of everything would also undo cancellations.
    fn meant(self, state: RunState) -> bool {
        if self == Self::Retry { state == RunState::Failed } else { self.moves(state) }
    }
}

pub(super) fn run(verb: Move, typed: ChangeFlags) -> Result<ExitCode, Failure> {
    let results = typed.results.results();
    let mut registry = results.writer()?;
    let chosen = choose(&registry, verb, &typed)?;
    if chosen.runs.is_empty() {
        eprintln!("no run matches: nothing to {}", verb.name());
        return finish(verb, &Moved::default(), 0, typed.json);
    }
    eprintln!("{}", counted(&chosen.runs));
    let (movable, others): (Vec<&RunRow>, Vec<&RunRow>) = chosen.runs.iter().partition(|run| verb.moves(run.state));
    if movable.len() > 1 && !typed.yes {
        confirm(verb, movable.len())?;
    }
    let actor = format!("{}@{}", user(), hostname());
    let audit = Audit { actor: &actor, reason: typed.reason.as_deref().unwrap_or_default() };
    let ids: Vec<RunId> = movable.iter().map(|run| run.run_id.clone()).collect();
    let mut moved = apply(verb, &mut registry, &results.root, &ids, &chosen, &audit)?;
    moved.refused.extend(others.iter().map(|run| (run.run_id.clone(), run.state)));
    if verb == Move::Cancel && movable.iter().any(|run| run.state == RunState::Running) {
        eprintln!("running ones stop at their worker's next heartbeat, within half a minute");
    }
    if verb == Move::Invalidate && !moved.changed.is_empty() {
        let runs: Vec<&str> = moved.changed.iter().map(RunId::short).collect();
        eprintln!("compute again with: aees runs retry {} --yes{}", runs.join(" "), results.flags);
    }
    if verb == Move::Retry && !moved.changed.is_empty() {
        let study = registry.why(moved.changed[0].full())?.memberships.into_iter().next();
        study.iter().for_each(|place| eprintln!("run with: aees sweep resume {}{}", place.study, results.flags));
    }
    finish(verb, &moved, chosen.runs.len(), typed.json)
}

/// The runs that are meant, and the study of a withdrawal.
struct Chosen {
    runs: Vec<RunRow>,
    study: Option<String>,
}

fn choose(registry: &Registry, verb: Move, typed: &ChangeFlags) -> Result<Chosen, Failure> {
    let mut study = typed.study.as_deref().map(|pattern| one_study(registry, pattern)).transpose()?;
    if typed.run.is_empty() {
        let filter = typed.filter.of(study.clone())?;
        let mut runs = registry.runs(&filter)?;
        runs.retain(|run| !filter.states.is_empty() || verb.meant(run.state));
        return Ok(Chosen { runs, study });
    }
    let mut runs: Vec<RunRow> = Vec::new();
    for name in &typed.run {
        let run = registry.run(name)?;
        if !runs.iter().any(|known| known.run_id == run.run_id) {
            runs.push(run);
        }
        let of_name = name.rsplit_once(':').map(|(study, _)| study.to_owned());
        if verb.is_of_a_study() {
            match (&study, of_name) {
                (Some(known), Some(other)) if *known != other => {
                    let message = format!("the runs are of two studies: {known} and {other}");
                    return Err(Failure::with_help(message, format!("{} them one study at a time", verb.name())));
                }
                (None, of_name) => study = of_name,
                _ => {}
            }
        }
    }
    if verb.is_of_a_study() && study.is_none() {
        let help = "give it with --study, or name the run by its place: study:17";
        return Err(Failure::with_help("a run is withdrawn from a study, and none is named", help));
    }
    Ok(Chosen { runs, study })
}

/// `5 runs: 3 failed, 2 done`.
fn counted(runs: &[RunRow]) -> String {
    let mut counts: BTreeMap<RunState, usize> = BTreeMap::new();
    for run in runs {
        *counts.entry(run.state).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{} {}: {}", runs.len(), if runs.len() == 1 { "run" } else { "runs" }, counts.join(", "))
}

/// Asks where somebody can answer.
fn confirm(verb: Move, count: usize) -> Result<(), Failure> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        let message = format!("{} of {count} runs needs a yes, and there is no terminal to ask on", verb.name());
        return Err(Failure::with_help(message, "say it with --yes; nothing was changed"));
    }
    eprint!("{} {count} runs? [y/N] ", verb.name());
    // A prompt that cannot be shown is answered with no.
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    let yes = read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes");
    if yes { Ok(()) } else { Err(Failure::new("nothing was changed")) }
}

fn apply(
    verb: Move,
    registry: &mut Registry,
    root: &Root,
    runs: &[RunId],
    chosen: &Chosen,
    audit: &Audit<'_>,
) -> Result<Moved, Failure> {
    Ok(match verb {
        Move::Retry => {
            // What an invalid run has in its folder would be taken in again instead of the run being done again.
            for run in chosen.runs.iter().filter(|run| run.state == RunState::Invalid) {
                set_result_aside(&root.run(&run.run_id))?;
            }
            registry.retry(runs, audit)?
        }
        Move::Cancel => registry.cancel(runs, audit)?,
        Move::Invalidate => invalidate(registry, root, runs, audit)?,
        Move::Withdraw => registry.withdraw(chosen.study.as_deref().unwrap_or_default(), runs, audit)?,
        Move::Restore => registry.restore(chosen.study.as_deref().unwrap_or_default(), runs, audit)?,
    })
}

/// The files go first: a result that is in its place would be taken in again after a retry. Where the registry then
/// refuses, they come back.
fn invalidate(registry: &mut Registry, root: &Root, runs: &[RunId], audit: &Audit<'_>) -> Result<Moved, Failure> {
    let mut all = Moved::default();
    for run in runs {
        let aside = set_result_aside(&root.run(run))?;
        let moved = registry.invalidate(std::slice::from_ref(run), audit);
        if !matches!(&moved, Ok(moved) if moved.refused.is_empty()) {
            for (from, to) in aside.iter().rev() {
                // The registry's answer says more than a rename that fails.
                let _ = fs::rename(to, from);
            }
        }
        let moved = moved?;
        all.changed.extend(moved.changed);
        all.refused.extend(moved.refused);
    }
    Ok(all)
}

/// Says what moved and what could not.
fn finish(verb: Move, moved: &Moved, matched: usize, as_json: bool) -> Result<ExitCode, Failure> {
    let (name, past) = verb.words();
    for (run, state) in &moved.refused {
        let why = match verb {
            Move::Withdraw => "no member, or was withdrawn before",
            Move::Restore => "no member, or was not withdrawn",
            _ => state.name(),
        };
        eprintln!("refused: run {run} is {why}");
    }
    if as_json {
        let refused: Vec<_> =
            moved.refused.iter().map(|(run, state)| json!({"run_id": run.full(), "state": state.name()})).collect();
        let changed: Vec<_> = moved.changed.iter().map(RunId::full).collect();
        stdout::line(json!({"verb": name, "matched": matched, "changed": changed, "refused": refused}));
    } else {
        for run in &moved.changed {
            stdout::line(format!("{run}  {past}"));
        }
    }
    Ok(if moved.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_ENVIRONMENT) })
}

/// Who asks.
fn user() -> String {
    let named = ["USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    let mut named = named.filter(|name| !name.is_empty());
    named.next().unwrap_or_else(|| rustix::process::getuid().as_raw().to_string())
}
