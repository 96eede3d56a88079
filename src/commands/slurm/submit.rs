//! `aees slurm submit`: plans a study, and gives what is not done to Slurm.

use std::collections::HashSet;
use std::process::ExitCode;

use aees_studies::disk::Root;
use aees_studies::plan::{Planner, StudyPlan, next_round};
use aees_studies::registry::{FileSystem, Reader, probe_file_system};
use aees_studies::slurm::launch::LaunchRecord;
use aees_studies::slurm::submit::{Submission, next_folder, this_program};
use aees_studies::slurm::{Limits, NumberSelection, SlurmError, scheduler};
use aees_studies::study::{PruneRule, SlurmOptions};
use aees_studies::supervisor::reconcile;
use clap::Args;

use crate::commands::sweep::{
    Consent, NamedStudy, StudyFlags, enter, inputs, tell_of_program, tell_reconciled, will_run,
};
use crate::failure::Failure;
use crate::results::Results;
use crate::stdout;

/// Plans a study and gives what is not done to Slurm, as arrays of tasks with a collect job after them
#[derive(Args)]
pub(crate) struct SubmitFlags {
    #[command(flatten)]
    study: StudyFlags,
    /// Print the scripts, and submit nothing
    #[arg(long)]
    dry_run: bool,
    /// Of the selected runs, those with these numbers in the study: 18-22:1,26
    #[arg(long, value_name = "NUMBERS")]
    tasks: Option<NumberSelection>,
}

impl SubmitFlags {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        let study = self.study.read()?;
        refuse_prune(study.file.as_ref().and_then(|study| study.policy.prune.as_ref()))?;
        if self.dry_run {
            return show(&study, self.tasks.as_ref());
        }
        // Asked before anything is written.
        let options = study.file.as_ref().and_then(|study| study.policy.slurm.clone()).unwrap_or_default();
        let limits = limits(&options)?;
        let mut plan = study.plan()?;
        refuse_prune(plan.policy.prune.as_ref())?;
        let NamedStudy { file, overrides, consent, results, .. } = study;
        tell_of_program(&plan)?;
        let mut registry = results.writer()?;
        tell_reconciled(&reconcile(&mut registry, &results.root, &plan.name)?, &results.flags);
        if let Some(study) = file
            && let Some(next) = next_round(study, &plan, &overrides, &registry, &results.root)?
        {
            drop(registry);
            plan = enter(&results, &next, &overrides, Consent { replace: false, ..consent })?;
            registry = results.writer()?;
        }
        select(&mut plan, self.tasks.as_ref())?;
        warn_of_local_disk(&results.root);
        let seconds_of_a_run = seconds_of_a_run(&plan, &registry)?;
        let collect = collect_words(&results, &plan.name);
        let program = this_program()?;
        let name = plan.name.clone();
        let mut submission =
            Submission { root: &results.root, plan: &mut plan, limits, seconds_of_a_run, program, collect };
        let Some(record) = submission.submit(&mut registry)? else {
            eprintln!("{name}: there is nothing to submit; `aees sweep status {name}{}` shows why", results.flags);
            return Ok(ExitCode::SUCCESS);
        };
        tell_submitted(&record, &results.flags);
        Ok(ExitCode::SUCCESS)
    }
}

/// A task has no registry in which its runs could be compared with others.
fn refuse_prune(rule: Option<&PruneRule>) -> Result<(), Failure> {
    match rule {
        None => Ok(()),
        Some(_) => Err(Failure::with_help(
            "the study prunes, and tasks of Slurm have no registry in which runs are compared",
            "run it on one machine with `aees sweep run`, or take `prune` out of the study",
        )),
    }
}

fn tell_submitted(record: &LaunchRecord, flags: &str) {
    let jobs: Vec<String> = record.arrays.iter().filter_map(|array| array.job).map(|job| job.to_string()).collect();
    eprintln!(
        "{}: {} runs in {} tasks submitted as job {}{}; `aees slurm status {}{flags}` shows them",
        record.id(),
        record.runs,
        record.elements().count(),
        jobs.join(", "),
        record.collect_job.map_or_else(String::new, |job| format!(", collect job {job}")),
        record.study
    );
    jobs.iter().for_each(stdout::line);
}

/// Keeps the runs with these numbers.
fn select(plan: &mut StudyPlan, tasks: Option<&NumberSelection>) -> Result<(), Failure> {
    let Some(tasks) = tasks else { return Ok(()) };
    let selected: HashSet<_> = plan.selected_members().iter().map(|member| member.run.run_id.clone()).collect();
    let chosen =
        plan.members.iter().filter(|member| tasks.contains(member.index) && selected.contains(&member.run.run_id));
    let chosen: Vec<_> = chosen.map(|member| member.run.run_id.clone()).collect();
    if chosen.is_empty() {
        return Err(Failure::with_help(
            "--tasks: no run of the study has one of these numbers, or all of them are over",
            "numbers are those in `aees sweep plan`, and after the colon in study:17",
        ));
    }
    plan.selected = Some(chosen);
    Ok(())
}

fn limits(options: &SlurmOptions) -> Result<Limits, SlurmError> {
    scheduler::limits(options.account.as_deref(), options.qos.as_deref())
}

/// The words of the collect job.
fn collect_words(results: &Results, study: &str) -> Vec<String> {
    let collect = ["slurm", "collect", study].map(str::to_owned).into_iter();
    let results = results.words().map(|word| word.to_string_lossy().into_owned());
    collect.chain(results).chain(["--if-reachable".to_owned()]).collect()
}

/// The median of what runs of these shapes took.
fn seconds_of_a_run(plan: &StudyPlan, registry: &Reader) -> Result<Option<f64>, Failure> {
    let shapes: HashSet<&str> = plan.members.iter().map(|member| member.run.shape_sig.as_str()).collect();
    let mut times = Vec::new();
    for shape in shapes {
        times.extend(registry.past_wall_ms(shape)?.map(|(median, _)| median as f64 / 1e3));
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied())
}

/// A disk of this machine is not there on the nodes, most likely.
fn warn_of_local_disk(root: &Root) {
    if matches!(probe_file_system(root.path()), Ok(FileSystem::Local)) {
        eprintln!(
            "warning: {} is on a disk of this machine, as far as can be seen: tasks need it on every node, at the same path",
            root.path().display()
        );
    }
}

/// What would be submitted. Nothing is written, and Slurm need not be here.
fn show(named: &NamedStudy, tasks: Option<&NumberSelection>) -> Result<ExitCode, Failure> {
    let NamedStudy { file, overrides, results, .. } = named;
    let registry = results.reader_if_any()?;
    let mut plan = match file {
        Some(study) => {
            let mut inputs = inputs();
            let mut planner =
                Planner { root: &results.root, registry: registry.as_ref(), inputs: &mut inputs, dry_run: true };
            planner.plan(study, overrides)?
        }
        None => named.planned()?,
    };
    refuse_prune(plan.policy.prune.as_ref())?;
    select(&mut plan, tasks)?;
    let runs: Vec<_> = plan.selected_members().into_iter().map(|member| member.run.run_id.clone()).collect();
    let states = registry.as_ref().map(|registry| registry.states(&plan.name, &runs)).transpose()?.unwrap_or_default();
    let due = runs.iter().filter(|run| will_run(states.get(run).copied())).count();
    if due == 0 {
        eprintln!("{}: there is nothing to submit", plan.name);
        return Ok(ExitCode::SUCCESS);
    }
    let limits = limits(&plan.policy.slurm.clone().unwrap_or_default()).unwrap_or_else(|error| {
        eprintln!("note: the limits of the cluster are not known here, its usual ones are shown: {error}");
        Limits::default()
    });
    let seconds_of_a_run = registry.as_ref().map(|registry| seconds_of_a_run(&plan, registry)).transpose()?.flatten();
    let folder = next_folder(&results.root, &plan.name)?;
    let (program, name) = (this_program()?, plan.name.clone());
    let collect = collect_words(results, &name);
    let submission = Submission { root: &results.root, plan: &mut plan, limits, seconds_of_a_run, program, collect };
    let scripts = submission.scripts(&folder, &format!("aees-{name}"), due)?;
    for (array, script) in scripts.arrays.iter().enumerate() {
        stdout::text(&format!("# {}\n{script}\n", folder.array_script(array).display()));
    }
    stdout::text(&format!("# {}\n{}", folder.collect_script().display(), scripts.collect));
    eprintln!("{name}: {due} runs; nothing was submitted");
    Ok(ExitCode::SUCCESS)
}
