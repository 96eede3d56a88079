//! Runs what is left of a plan, here or in the background: what `run` and `resume` have in common.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::{Duration, Instant};

use aees_studies::background::launch_detached;
use aees_studies::launcher::{LocalProcesses, Slot};
use aees_studies::plan::StudyPlan;
use aees_studies::registry::RunState;
use aees_studies::supervisor::{
    Halt, Reconciled, StopConditions, Supervisor, SweepEvent, SweepSummary, is_settled, reconcile,
};
use aees_train::engine::available;
use clap::{Args, value_parser};

use super::progress::SweepProgress;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::interrupt;
use crate::progress::ProgressFlag;
use crate::results::Results;
use crate::stdout;

/// Everything is over, and some runs failed.
pub(super) const EXIT_SOME_FAILED: u8 = 2;
/// Stopped with work left.
const EXIT_WORK_LEFT: u8 = 3;

pub(super) const EXIT_CODES: &str = "Exit codes: 0 all selected runs are done, 1 wrong usage, study or environment, \
                                     2 finished and some runs failed, 3 stopped with work left, 130 interrupted.";

#[derive(Args)]
pub(super) struct RunningFlags {
    /// Runs at the same time; one for each device when not given. Cores are shared out
    #[arg(long, short, value_name = "N", value_parser = value_parser!(u32).range(1..=1024))]
    jobs: Option<u32>,
    /// The devices to use, such as cuda:0,cuda:1
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    devices: Vec<String>,
    /// Checkpoint everything and stop after this time
    #[arg(long, value_name = "HOURS")]
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

/// What came of running a plan.
pub(super) struct Executed {
    pub(super) code: u8,
    /// Whether every selected run is over, and nothing stopped the study.
    pub(super) is_over: bool,
    /// Whether a breaker stopped it.
    pub(super) broken: bool,
    /// Why it ended early, in words.
    pub(super) reason: Option<String>,
    /// The selected runs by state.
    pub(super) counts: BTreeMap<RunState, u64>,
    /// It goes on in the background.
    pub(super) detached: bool,
}

/// Runs what is left of a plan. In the background it is planned again as `again` says: the words of a `sweep` command.
pub(super) fn execute(
    results: &Results,
    plan: &StudyPlan,
    typed: &RunningFlags,
    again: &[String],
) -> Result<Executed, Failure> {
    let mut registry = results.writer()?;
    if typed.bg {
        detach(results, plan, typed, again)?;
        let (is_over, broken, reason, counts) = (false, false, None, BTreeMap::new());
        return Ok(Executed { code: 0, is_over, broken, reason, counts, detached: true });
    }
    tell_of_program(plan)?;
    tell_what_was_put_right(&reconcile(&mut registry, &results.root, &plan.name)?);
    let mut progress = SweepProgress::new(typed.progress.progress, plan.selected.len());
    let deadline = deadline(typed, plan)?;
    let stop = interrupt::watch(|| {
        eprintln!("stopping all runs after their step, with checkpoints; press Ctrl-C again to stop at once");
    })?;
    let stop_when = StopConditions { deadline, interrupted: stop, fail_fast: typed.fail_fast };
    let mut launcher = LocalProcesses::new(slots(typed, plan));
    let mut report = |event: SweepEvent<'_>| progress.show(event);
    let summary = Supervisor::new(registry, &results.root, plan, stop_when, &mut launcher, &mut report)?.run()?;
    progress.finish();
    let open = summary.counts.keys().any(|state| !is_settled(*state));
    let code = conclude(&plan.name, &summary, &results.flags);
    let reason = summary.halt.as_ref().map(|halt| match halt {
        Halt::Interrupted => "interrupted".to_owned(),
        Halt::Deadline => "the time is over".to_owned(),
        Halt::Breaker(why) => why.clone(),
    });
    let broken = matches!(summary.halt, Some(Halt::Breaker(_)));
    let is_over = summary.halt.is_none() && !open;
    Ok(Executed { code, is_over, broken, reason, counts: summary.counts, detached: false })
}

fn tell_what_was_put_right(reconciled: &Reconciled) {
    if reconciled.adopted > 0 {
        eprintln!("{} results were on disk already", reconciled.adopted);
    }
    if reconciled.interrupted > 0 {
        eprintln!(
            "{} runs were left by a process that died; they go on from their checkpoints",
            reconciled.interrupted
        );
    }
    for run in &reconciled.vanished {
        eprintln!("warning: the result of run {run} is gone from the disk; `aees runs retry {run}` makes it again");
    }
    reconciled.damaged.iter().for_each(|reason| eprintln!("warning: {reason}"));
}

/// What of a foreign program a user should know before anything runs.
fn tell_of_program(plan: &StudyPlan) -> Result<(), Failure> {
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
fn deadline(typed: &RunningFlags, plan: &StudyPlan) -> Result<Option<Instant>, Failure> {
    let hours = [typed.max_hours, plan.policy.max_hours].into_iter().flatten().reduce(f64::min);
    match hours.map(|hours| Duration::try_from_secs_f64(hours * 3600.0)) {
        None => Ok(None),
        Some(Ok(time)) => Ok(Instant::now().checked_add(time)),
        Some(Err(_)) => Err(Failure::new("--max-hours must be a number of hours from 0 on")),
    }
}

/// One slot for each job, devices in turn, cores shared out.
fn slots(typed: &RunningFlags, plan: &StudyPlan) -> Vec<Slot> {
    let trains = plan.spec.task != "command";
    let devices = match typed.devices.is_empty() && trains {
        // Its own default is the best device; with several GPUs each gets its share.
        true => {
            let found = available().into_iter().map(|target| target.device.choice.to_string());
            let mut gpus: Vec<String> = found.filter(|name| name.starts_with("cuda")).collect();
            gpus.dedup();
            if gpus.len() > 1 { gpus } else { Vec::new() }
        }
        false => typed.devices.clone(),
    };
    let jobs = typed.jobs.map_or(devices.len().max(1), |jobs| jobs as usize);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    // A foreign program is always told its share; ours takes all cores by itself.
    let threads = (!trains || jobs > 1).then(|| (cores / jobs).max(1));
    let device = |slot: usize| devices.get(slot % devices.len().max(1)).cloned();
    (0..jobs).map(|slot| Slot { device: device(slot), threads }).collect()
}

fn detach(results: &Results, plan: &StudyPlan, typed: &RunningFlags, again: &[String]) -> Result<(), Failure> {
    let mut command: Vec<OsString> =
        std::iter::once("sweep").chain(again.iter().map(String::as_str)).map(OsString::from).collect();
    for (flag, value) in [("--root", results.root.path()), ("--registry", &results.registry)] {
        let value = std::path::absolute(value).unwrap_or_else(|_| value.to_owned());
        command.extend([OsString::from(flag), value.into_os_string()]);
    }
    let mut again = |flag: &str, value: String| command.extend([flag, &value].map(OsString::from));
    if let Some(jobs) = typed.jobs {
        again("--jobs", jobs.to_string());
    }
    if !typed.devices.is_empty() {
        again("--devices", typed.devices.join(","));
    }
    if let Some(hours) = typed.max_hours {
        again("--max-hours", hours.to_string());
    }
    if typed.fail_fast {
        command.push("--fail-fast".into());
    }
    let launch = launch_detached(&results.root, &plan.name, &command)?;
    eprintln!(
        "running in the background; `aees runs bg list` shows it, `aees runs bg stop {}` ends it",
        launch.record.id
    );
    stdout::line(launch.record.id);
    Ok(())
}

/// The last words and the exit code.
fn conclude(name: &str, summary: &SweepSummary, flags: &str) -> u8 {
    let of = |state: RunState| summary.counts.get(&state).copied().unwrap_or_default();
    let states: Vec<String> = summary.counts.iter().map(|(state, count)| format!("{count} {}", state.name())).collect();
    eprintln!("{name}: {}", if states.is_empty() { "no runs".to_owned() } else { states.join(", ") });
    let open: u64 = summary.counts.iter().filter(|(state, _)| !is_settled(**state)).map(|(_, count)| count).sum();
    let again = || eprintln!("continue with: aees sweep resume {name}{flags}");
    match &summary.halt {
        Some(Halt::Interrupted) => {
            again();
            return EXIT_INTERRUPTED;
        }
        Some(Halt::Deadline) if open > 0 => eprintln!("the time is over"),
        Some(Halt::Breaker(why)) => {
            eprintln!("stopped: {why}; `aees runs ls {name} --state failed` shows what happened");
        }
        _ => {}
    }
    if open > 0 {
        again();
        return EXIT_WORK_LEFT;
    }
    if matches!(summary.halt, Some(Halt::Breaker(_))) || of(RunState::Failed) + of(RunState::Invalid) > 0 {
        eprintln!("try failed runs again with: aees sweep resume {name} --retry-failed");
        return EXIT_SOME_FAILED;
    }
    0
}
