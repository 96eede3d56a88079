//! Back from a cluster: what tasks left on the disk is told to the registry, and claims of tasks that are dead are given up.
//!
//! Collecting asks nobody but the disk and changes only what the disk decides, so it can be done at any time and as often as
//! one likes. [`sync`] asks Slurm, too: it gives up what a dead task held, and nothing else.

use std::collections::{BTreeMap, HashMap};

use super::journal::{RunNotes, TaskNote, read_journals};
use super::launch::{ArrayElement, LaunchFolder, LaunchRecord, LaunchStage};
use super::scheduler::{LaunchStates, is_dead};
use super::task::times;
use super::{SlurmError, scheduler};
use crate::disk::{Root, completion_of};
use crate::plan::Policy;
use crate::process::Liveness;
use crate::registry::{AfterFailure, Claim, Completion, FailedAttempt, Reader, Registry, RegistryError, Usage};
use crate::supervisor::{fingerprint, pause_before_retry};

/// What was told to the registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Runs that are done now.
    pub done: usize,
    /// Runs that failed for good.
    pub failed: usize,
    /// Runs that are given back, to be submitted again or run here.
    pub given_back: usize,
    /// Runs that launches still hold.
    pub held: usize,
    /// What could not be used.
    pub warnings: Vec<String>,
}

/// A launch and the runs that it holds.
pub struct OpenLaunch {
    /// Where it is.
    pub folder: LaunchFolder,
    /// What it says of itself.
    pub record: LaunchRecord,
    /// The claims that are its own.
    pub claims: Vec<Claim>,
}

/// The launches of a study that still hold runs, oldest first.
///
/// # Errors
/// When a launch cannot be read, or the registry fails.
pub fn open_launches(registry: &Reader, root: &Root, study: &str) -> Result<Vec<OpenLaunch>, SlurmError> {
    let mut open = Vec::new();
    for folder in LaunchFolder::of_study(root, study)? {
        let record = folder.record()?;
        let claims = registry.claims_of(&record.holder())?;
        if !claims.is_empty() {
            open.push(OpenLaunch { folder, record, claims });
        }
    }
    Ok(open)
}

/// The runs that a launch holds, by what is on the disk: done, begun, failed, stopped, out of time or waiting.
///
/// # Errors
/// When a journal cannot be read.
pub fn launch_progress(root: &Root, launch: &OpenLaunch) -> Result<BTreeMap<&'static str, usize>, SlurmError> {
    let notes = read_journals(&launch.folder.journals())?;
    let mut counts = BTreeMap::new();
    for claim in &launch.claims {
        let what = match notes.get(claim.run_id.full()).and_then(|notes| notes.last.as_ref()) {
            _ if matches!(completion_of(&root.run(&claim.run_id)), Ok(Some(_))) => "done",
            Some(TaskNote::Began) => "begun",
            Some(TaskNote::Failed(_)) => "failed",
            Some(TaskNote::Stopped { .. }) => "stopped",
            Some(TaskNote::OutOfTime) => "out of time",
            Some(TaskNote::TriedAgain(_) | TaskNote::Done) | None => "waiting",
        };
        *counts.entry(what).or_default() += 1;
    }
    Ok(counts)
}

/// Tells the registry what the tasks of a study left on the disk.
///
/// # Errors
/// When a launch cannot be read, or the registry fails.
pub fn collect(registry: &mut Registry, root: &Root, study: &str) -> Result<Collected, SlurmError> {
    let mut collected = Collected::default();
    for launch in open_launches(registry, root, study)? {
        collect_launch(registry, root, &launch, &mut collected)?;
    }
    still_held(registry, root, study, collected)
}

/// Collects, and gives up what tasks held that Slurm says are dead. Nothing changes when Slurm does not answer.
///
/// # Errors
/// When Slurm does not answer, a launch cannot be read, or the registry fails.
pub fn sync(registry: &mut Registry, root: &Root, study: &str) -> Result<Collected, SlurmError> {
    let launches = open_launches(registry, root, study)?;
    // Asked first: what a task does between an answer and the look at the disk is seen there.
    let states = launches.iter().map(|launch| scheduler::states(&launch.record));
    let states: Vec<LaunchStates> = states.collect::<Result<_, _>>()?;
    let mut collected = Collected::default();
    for (launch, states) in launches.iter().zip(&states) {
        if launch.record.stage == LaunchStage::Submitting {
            give_up_half_submitted(registry, launch, &mut collected)?;
            continue;
        }
        collect_launch(registry, root, launch, &mut collected)?;
        give_up_dead(registry, launch, states, &mut collected)?;
    }
    still_held(registry, root, study, collected)
}

/// Cancels a study's launches, and gives back what they held. Jobs of others are not touched.
///
/// # Errors
/// When Slurm does not answer; nothing is given back then.
pub fn cancel(registry: &mut Registry, root: &Root, study: &str) -> Result<Collected, SlurmError> {
    let mut collected = Collected::default();
    for mut launch in open_launches(registry, root, study)? {
        launch.record.stage = LaunchStage::Cancelled;
        launch.folder.write_record(&launch.record)?;
        scheduler::cancel(&launch.record)?;
        collect_launch(registry, root, &launch, &mut collected)?;
        for claim in registry.claims_of(&launch.record.holder())? {
            give_back(registry, &claim, "cancelled with aees slurm cancel", &mut collected)?;
        }
    }
    still_held(registry, root, study, collected)
}

fn still_held(registry: &Reader, root: &Root, study: &str, collected: Collected) -> Result<Collected, SlurmError> {
    let held = open_launches(registry, root, study)?.iter().map(|launch| launch.claims.len()).sum();
    Ok(Collected { held, ..collected })
}

fn collect_launch(
    registry: &mut Registry,
    root: &Root,
    launch: &OpenLaunch,
    collected: &mut Collected,
) -> Result<(), SlurmError> {
    let notes = read_journals(&launch.folder.journals())?;
    let mut done: Vec<(&Claim, Completion)> = Vec::new();
    for claim in &launch.claims {
        let found = completion_of(&root.run(&claim.run_id)).unwrap_or_else(|error| {
            collected.warnings.push(error.to_string());
            None
        });
        if let Some(completion) = found {
            done.push((claim, completion));
            continue;
        }
        match notes.get(claim.run_id.full()).and_then(|notes| notes.last.as_ref()) {
            Some(TaskNote::Failed(failure)) => {
                fail(registry, claim, (&failure.class, &failure.message), AfterFailure::Final, collected)?;
            }
            Some(TaskNote::Stopped { why }) => give_back(registry, claim, why, collected)?,
            _ => {}
        }
    }
    let pairs: Vec<(&Claim, &Completion)> = done.iter().map(|(claim, completion)| (*claim, completion)).collect();
    for answer in registry.complete_all(&pairs)? {
        match answer {
            Ok(_) => collected.done += 1,
            Err(error) => collected.warnings.push(error.to_string()),
        }
    }
    Ok(())
}

/// What is left of tasks that are dead.
fn give_up_dead(
    registry: &mut Registry,
    launch: &OpenLaunch,
    states: &LaunchStates,
    collected: &mut Collected,
) -> Result<(), SlurmError> {
    if !states.elements.values().any(|state| is_dead(state)) {
        return Ok(());
    }
    let mut state_of: HashMap<String, &str> = HashMap::new();
    for (array, record) in launch.record.arrays.iter().enumerate() {
        let Some(job) = record.job else { continue };
        for (index, task) in launch.folder.tasks(array)?.into_iter().enumerate() {
            if let Some(state) = states.elements.get(&ArrayElement { job, index }).filter(|state| is_dead(state)) {
                state_of.extend(task.runs.into_iter().map(|run| (run.job.run_id, state.as_str())));
            }
        }
    }
    let notes = read_journals(&launch.folder.journals())?;
    for claim in registry.claims_of(&launch.record.holder())? {
        let run = claim.run_id.full();
        let Some(state) = state_of.get(run) else { continue };
        let notes = notes.get(run).cloned().unwrap_or_default();
        end_by_state(registry, &claim, (state, &notes), &launch.record.policy, collected)?;
    }
    Ok(())
}

/// A run whose task ended with it in work, without a word. Only memory and time are the run's own matter.
fn end_by_state(
    registry: &mut Registry,
    claim: &Claim,
    (state, notes): (&str, &RunNotes),
    policy: &Policy,
    collected: &mut Collected,
) -> Result<(), SlurmError> {
    let why = format!("Slurm ended its task: {state}");
    if !notes.is_open() {
        return give_back(registry, claim, &why, collected);
    }
    match state {
        "OUT_OF_MEMORY" => {
            let pause = pause_before_retry(policy, "oom", claim.retries_used);
            let message = format!("{why}\nhelp: ask for more `mem` in `slurm:`, or for fewer runs side by side");
            fail(registry, claim, ("oom", &message), after(registry, pause.map(|_| 0)), collected)
        }
        "TIMEOUT" | "DEADLINE" => {
            let again = times(policy).is_none_or(|most| claim.retries_used + notes.out_of_time < most);
            let message = format!("{why}, before the run had written a checkpoint at its warning");
            fail(registry, claim, ("walltime", &message), after(registry, again.then_some(0)), collected)
        }
        _ => give_back(registry, claim, &why, collected),
    }
}

fn after(registry: &Registry, pause: Option<i64>) -> AfterFailure {
    pause.map_or(AfterFailure::Final, |pause| AfterFailure::RetryAt(registry.now() + pause))
}

/// A submission that died between its first job and its last word.
fn give_up_half_submitted(
    registry: &mut Registry,
    launch: &OpenLaunch,
    collected: &mut Collected,
) -> Result<(), SlurmError> {
    let OpenLaunch { folder, record, claims } = launch;
    if record.submitter.liveness() != Liveness::Dead {
        return Ok(());
    }
    let mut record = record.clone();
    record.stage = LaunchStage::Cancelled;
    folder.write_record(&record)?;
    scheduler::cancel(&record)?;
    claims.iter().try_for_each(|claim| give_back(registry, claim, "its submission was cut off", collected))
}

fn give_back(registry: &mut Registry, claim: &Claim, why: &str, collected: &mut Collected) -> Result<(), SlurmError> {
    if RegistryError::unless_fenced_out(registry.interrupt(claim, why, &Usage::default()))? {
        collected.given_back += 1;
    }
    Ok(())
}

fn fail(
    registry: &mut Registry,
    claim: &Claim,
    (class, message): (&str, &str),
    next: AfterFailure,
    collected: &mut Collected,
) -> Result<(), SlurmError> {
    let mark = fingerprint(class, message);
    let failure = FailedAttempt { class: class.to_owned(), error: message.to_owned(), fingerprint: Some(mark), next };
    if RegistryError::unless_fenced_out(registry.fail(claim, &failure, &Usage::default()))? {
        match next {
            AfterFailure::Final => collected.failed += 1,
            AfterFailure::RetryAt(_) => collected.given_back += 1,
        }
    }
    Ok(())
}
