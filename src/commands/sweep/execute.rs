//! Runs what is left of a plan, here or in the background: what `run` and `resume` have in common.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use aees_studies::background::launch_detached;
use aees_studies::launcher::LocalProcesses;
use aees_studies::plan::StudyPlan;
use aees_studies::registry::{RunState, StateCounts};
use aees_studies::supervisor::{Halt, Reconciled, StopConditions, Supervisor, SweepEvent, SweepSummary, reconcile};
use clap::Args;

use super::progress::SweepProgress;
use super::resources::{ResourceFlags, RunSlots};
use crate::failure::{EXIT_INTERRUPTED, EXIT_SOME_FAILED, EXIT_WORK_LEFT, Failure};
use crate::interrupt;
use crate::progress::ProgressFlag;
use crate::results::Results;
use crate::stdout;

pub(super) const EXIT_CODES: &str = "Exit codes: 0 all selected runs are done, 1 wrong usage, study or environment, \
                                     2 finished and some runs failed or were cancelled, 3 stopped with work left, 130 interrupted.";

#[derive(Args)]
pub(super) struct RunningFlags {
    #[command(flatten)]
    resources: ResourceFlags,
    /// Checkpoint everything and stop after this time
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true)]
    max_hours: Option<f64>,
    /// Stop at the first run that fails for good
    #[arg(long)]
    fail_fast: bool,
    /// Run in the background; see `aees runs bg`
    #[arg(long)]
    bg: bool,
    #[command(flatten)]
    progress: ProgressFlag,
}

impl RunningFlags {
    /// Refuses what cannot be meant, before anything is planned.
    pub(super) fn check(&self) -> Result<(), Failure> {
        self.resources.check(self.max_hours)
    }
}

/// How a plan is run.
pub(super) struct Running<'a> {
    /// What was typed.
    pub(super) typed: &'a RunningFlags,
    /// The words of a `sweep` command that runs the same runs in the background.
    pub(super) again: Vec<String>,
    /// When it began; a search that learns runs a plan for each of its rounds.
    pub(super) since: Instant,
}

/// What came of running a plan.
#[derive(Default)]
pub(super) struct Executed {
    pub(super) code: u8,
    /// Whether every selected run is over, and nothing stopped the study.
    pub(super) is_over: bool,
    /// Whether runs failed for good, or a breaker stopped the study.
    pub(super) failed: bool,
    /// Why it ended early, in words.
    pub(super) reason: Option<String>,
    /// The selected runs by state.
    pub(super) counts: StateCounts,
    /// How many of the done ones diverged.
    pub(super) diverged: u64,
    /// It goes on in the background.
    pub(super) detached: bool,
}

/// Runs what is left of a plan, here or in the background.
pub(super) fn execute(results: &Results, plan: &mut StudyPlan, running: &Running<'_>) -> Result<Executed, Failure> {
    let Running { typed, again, since } = running;
    let RunSlots { slots, pack } = typed.resources.run_slots(&plan.policy.resources, plan.spec.task != "command")?;
    let mut registry = results.writer()?;
    if typed.bg {
        detach(results, plan, typed, again)?;
        return Ok(Executed { detached: true, ..Executed::default() });
    }
    tell_of_program(plan)?;
    tell_reconciled(&reconcile(&mut registry, &results.root, &plan.name)?, &results.flags);
    let mut progress = SweepProgress::new(typed.progress.style(), plan.selected_runs());
    let deadline = deadline([typed.max_hours, plan.policy.max_hours], *since);
    let asked = interrupt::count(|| {
        eprintln!("stopping all runs after their step, with checkpoints; press Ctrl-C again to stop at once");
    })?;
    let stop_when = StopConditions { deadline, asked, fail_fast: typed.fail_fast };
    let mut launcher = LocalProcesses::new(slots, pack);
    let mut report = |event: SweepEvent<'_>| progress.show(event);
    let name = plan.name.clone();
    let summary = Supervisor::new(registry, &results.root, plan, stop_when, &mut launcher, &mut report)?.run()?;
    progress.finish();
    let code = conclude(&name, &summary, &results.flags);
    let SweepSummary { counts, diverged, halt, .. } = summary;
    let is_over = halt.is_none() && counts.open() == 0;
    let broken = matches!(halt, Some(Halt::Breaker(_)));
    let failed = code == EXIT_SOME_FAILED && counts.get(RunState::Failed) + counts.get(RunState::Invalid) > 0;
    let reason = halt.map(|halt| match halt {
        Halt::Interrupted => "interrupted".to_owned(),
        Halt::Deadline => "the time is over".to_owned(),
        Halt::Breaker(why) => why,
    });
    Ok(Executed { code, is_over, failed: failed || broken, reason, counts, diverged, detached: false })
}

pub(crate) fn tell_reconciled(reconciled: &Reconciled, flags: &str) {
    if reconciled.adopted > 0 {
        eprintln!("{} results were on disk already", reconciled.adopted);
    }
    if reconciled.interrupted > 0 {
        eprintln!(
            "{} runs were left by a process that died; they go on from their checkpoints",
            reconciled.interrupted
        );
    }
    let again = |run: &str| format!("`aees runs retry {run}{flags}` makes it again");
    for run in &reconciled.vanished {
        eprintln!("warning: the result of run {run} is gone from the disk; {}", again(run));
    }
    for run in &reconciled.changed {
        eprintln!("warning: the result of run {run} is not the one that was accepted; {}", again(run));
    }
    reconciled.damaged.iter().for_each(|reason| eprintln!("warning: {reason}"));
}

/// What of a foreign program a user should know before anything runs.
pub(crate) fn tell_of_program(plan: &StudyPlan) -> Result<(), Failure> {
    let Some(changes) = plan.program_changes() else { return Ok(()) };
    if changes.decide_identity && !changes.files.is_empty() {
        let message = format!("the program is another one than planned: {}", changes.files.join(", "));
        return Err(Failure::with_help(
            message,
            "its content is part of the runs' identity: plan them again from the study file",
        ));
    }
    changes.files.iter().for_each(|change| eprintln!("warning: since the study was planned, {change}"));
    if !changes.withheld.is_empty() {
        let names = changes.withheld.join(", ");
        eprintln!("note: {names} is not passed on to the program; name it in `command: {{env: [...]}}` if it needs it");
    }
    Ok(())
}

/// The earlier of what was typed and what the study says.
pub(crate) fn deadline(hours: [Option<f64>; 2], since: Instant) -> Option<Instant> {
    let hours = hours.into_iter().flatten().reduce(f64::min)?;
    since.checked_add(Duration::try_from_secs_f64(hours * 3600.0).ok()?)
}

fn detach(results: &Results, plan: &StudyPlan, typed: &RunningFlags, again: &[String]) -> Result<(), Failure> {
    let mut command: Vec<OsString> = vec!["sweep".into()];
    command.extend(again.iter().map(OsString::from));
    command.extend(results.words());
    command.extend(typed.resources.again(typed.max_hours).into_iter().map(OsString::from));
    command.extend(typed.fail_fast.then(|| "--fail-fast".into()));
    let launch = launch_detached(&results.root, &plan.name, &command)?;
    eprintln!(
        "running in the background; `aees runs bg list{0}` shows it, `aees runs bg stop {1}{0}` ends it",
        results.root_flag(),
        launch.record.id,
    );
    stdout::line(launch.record.id);
    Ok(())
}

/// The last words and the exit code.
fn conclude(name: &str, summary: &SweepSummary, flags: &str) -> u8 {
    let counts = &summary.counts;
    let shown = |(state, count): (RunState, u64)| match (state, summary.diverged) {
        (RunState::Done, diverged @ 1..) => format!("{count} done ({diverged} diverged)"),
        _ => format!("{count} {state}"),
    };
    let states: Vec<String> = counts.iter().map(shown).collect();
    eprintln!("{name}: {}", if states.is_empty() { "no runs".to_owned() } else { states.join(", ") });
    let open = counts.open();
    let again = || eprintln!("continue with: aees sweep resume {name}{flags}");
    match &summary.halt {
        Some(Halt::Interrupted) => {
            again();
            return EXIT_INTERRUPTED;
        }
        Some(Halt::Deadline) if open > 0 => eprintln!("the time is over"),
        Some(Halt::Breaker(why)) => {
            eprintln!("stopped: {why}; `aees runs ls {name} --state failed{flags}` shows what happened");
        }
        _ => {}
    }
    if summary.at_batch_system > 0 {
        eprintln!(
            "{} of them are with Slurm; `aees slurm status {name}{flags}` shows them, `aees slurm collect {name}{flags}` takes \
             in their results",
            summary.at_batch_system
        );
    }
    if open > 0 {
        again();
        return EXIT_WORK_LEFT;
    }
    if matches!(summary.halt, Some(Halt::Breaker(_))) || counts.get(RunState::Failed) > 0 {
        eprintln!("try failed runs again with: aees sweep resume {name} --retry-failed{flags}");
        return EXIT_SOME_FAILED;
    }
    let is_good = |state: &RunState| matches!(state, RunState::Done | RunState::Pruned);
    if counts.iter().any(|(state, _)| !is_good(&state)) {
        let others = counts.iter().map(|(state, _)| state).filter(|state| !is_good(state));
        let states: Vec<&str> = others.map(RunState::name).collect();
        eprintln!(
            "not all runs are done; make them pending again with: aees runs retry --study {name} --state {}{flags}",
            states.join(",")
        );
        return EXIT_SOME_FAILED;
    }
    eprintln!("see what came of them with: aees report html {name} --out {name}.html{flags}");
    0
}
