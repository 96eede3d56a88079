//! To a cluster: runs are claimed, frozen as files, and given to Slurm in arrays; all of them, or none.

use std::fs;
use std::path::{Path, PathBuf};

use aees_run::artifact::{FileError, write_atomically};

use super::grouping::{ArrayTurn, Limits, arrays, runs_per_task};
use super::launch::{ArrayRecord, FrozenRun, FrozenTask, LaunchFolder, LaunchRecord, LaunchStage};
use super::script::ScriptWriter;
use super::{SlurmError, scheduler};
use crate::disk::{Root, identity_document};
use crate::error::SweepError;
use crate::job::Job;
use crate::plan::StudyPlan;
use crate::registry::{Claim, Registry, RunId};
use crate::study::SlurmOptions;

/// A claim for a cluster has no end: only what asks the cluster gives it up.
const FOR_EVER: std::time::Duration = std::time::Duration::MAX;

/// What a launch is made with.
pub struct Submission<'a> {
    /// Where studies and runs are.
    pub root: &'a Root,
    /// The study's plan.
    pub plan: &'a mut StudyPlan,
    /// What the cluster takes.
    pub limits: Limits,
    /// Seconds that a run takes, where earlier ones tell.
    pub seconds_of_a_run: Option<f64>,
    /// This program, where the nodes find it.
    pub program: PathBuf,
    /// The words that collect the study, for the job at the end.
    pub collect: Vec<String>,
}

/// The scripts of a launch.
pub struct LaunchScripts {
    turns: Vec<ArrayTurn>,
    group: usize,
    /// One for each array.
    pub arrays: Vec<String>,
    /// That of the collect job.
    pub collect: String,
}

impl Submission<'_> {
    fn options(&self) -> SlurmOptions {
        self.plan.policy.slurm.clone().unwrap_or_default()
    }

    /// The scripts for so many runs, as they would be.
    ///
    /// # Errors
    /// When they do not fit into what the cluster takes.
    pub fn scripts(&self, folder: &LaunchFolder, job_name: &str, runs: usize) -> Result<LaunchScripts, SlurmError> {
        let options = self.options();
        let group = runs_per_task(&options, runs, self.seconds_of_a_run, self.limits)?;
        let turns = arrays(runs.div_ceil(group), &options, self.limits);
        let writer = ScriptWriter { folder, job_name, options: &options, program: &self.program };
        let arrays = turns.iter().enumerate().map(|(index, turn)| writer.array(index, turn)).collect();
        Ok(LaunchScripts { turns, group, arrays, collect: writer.collect(&self.collect) })
    }

    /// Submits the runs of the plan that are selected and can be claimed; none when there are none.
    ///
    /// # Errors
    /// When Slurm refuses one of the jobs, or a file cannot be written. Nothing is submitted then, and nothing held.
    pub fn submit(&mut self, registry: &mut Registry) -> Result<Option<LaunchRecord>, SlurmError> {
        let mut queue = registry.queue(&self.plan.name, self.plan.selected.as_deref())?;
        let (folder, number) = LaunchFolder::next(self.root, &self.plan.name)?;
        let mark = format!("{:08x}", registry.now().unsigned_abs() & 0xFFFF_FFFF);
        let record = LaunchRecord::new(&self.plan.name, number, self.plan.policy.clone(), registry.now(), &mark);
        // Before the claims: whoever finds them finds what they are for.
        folder.write_record(&record)?;
        let claims = registry.claim(&record.holder(), &mut queue, self.plan.runs, FOR_EVER)?;
        if claims.is_empty() {
            folder.remove();
            return Ok(None);
        }
        let submitted = self.submit_claimed(&claims, &folder, record.clone());
        if submitted.is_err() {
            // Slurm may have taken a part of it.
            let _ = scheduler::cancel(&record);
            claims.iter().try_for_each(|claim| registry.release(claim))?;
            folder.remove();
        }
        submitted.map(Some)
    }

    fn submit_claimed(
        &mut self,
        claims: &[Claim],
        folder: &LaunchFolder,
        mut record: LaunchRecord,
    ) -> Result<LaunchRecord, SlurmError> {
        let scripts = self.scripts(folder, &record.job_name, claims.len())?;
        let runs = claims.iter().map(|claim| self.frozen(claim)).collect::<Result<Vec<_>, _>>()?;
        let tasks: Vec<FrozenTask> =
            runs.chunks(scripts.group).map(|runs| FrozenTask { runs: runs.to_vec() }).collect();
        for path in [folder.logs(), folder.journals()] {
            fs::create_dir_all(&path).map_err(FileError::at("make", &path))?;
        }
        let mut rest = tasks.as_slice();
        for (array, (turn, script)) in scripts.turns.iter().zip(&scripts.arrays).enumerate() {
            let (own, others) = rest.split_at(turn.tasks.min(rest.len()));
            rest = others;
            folder.write_tasks(array, own)?;
            write_atomically(&folder.array_script(array), |out| out.write_all(script.as_bytes()))?;
            record.arrays.push(ArrayRecord { job: None, tasks: turn.tasks });
        }
        write_atomically(&folder.collect_script(), |out| out.write_all(scripts.collect.as_bytes()))?;
        record.runs = claims.len();
        folder.write_record(&record)?;
        for (array, turn) in scripts.turns.iter().enumerate() {
            let after: Vec<u64> = turn.after.and_then(|earlier| record.arrays[earlier].job).into_iter().collect();
            record.arrays[array].job = Some(scheduler::submit(&folder.array_script(array), &after)?);
        }
        let jobs: Vec<u64> = record.arrays.iter().filter_map(|array| array.job).collect();
        record.collect_job = Some(scheduler::submit(&folder.collect_script(), &jobs)?);
        record.stage = LaunchStage::Submitted;
        folder.write_record(&record)?;
        Ok(record)
    }

    fn frozen(&mut self, claim: &Claim) -> Result<FrozenRun, SlurmError> {
        let directory = self.root.run(&claim.run_id);
        let unknown =
            |run: &RunId| SweepError::Registry(crate::registry::RegistryError::UnknownRun { name: run.to_string() });
        let (member, work) = self.plan.find(&claim.run_id)?.ok_or_else(|| unknown(&claim.run_id))?;
        Ok(FrozenRun {
            job: Job {
                run_id: claim.run_id.full().to_owned(),
                run_directory: std::path::absolute(&directory).unwrap_or(directory),
                attempt: claim.attempt_no,
                alone: false,
                work: work.clone(),
                stop_at: None,
            },
            identity: identity_document(&member.run)?,
            retries_used: claim.retries_used,
        })
    }
}

/// Where the folder of a study's next launch would be, for a look at its scripts.
pub fn next_folder(root: &Root, study: &str) -> Result<LaunchFolder, FileError> {
    let last = LaunchFolder::of_study(root, study)?.len();
    let path = root.study(study).join("launch").join(format!("{:04}", last + 1));
    Ok(LaunchFolder::at(std::path::absolute(&path).unwrap_or(path)))
}

/// This program's file.
///
/// # Errors
/// When it is not known.
pub fn this_program() -> Result<PathBuf, FileError> {
    std::env::current_exe().map_err(FileError::at("find", Path::new("this program")))
}
