//! Slurm's own programs: what is asked of them and what their answers mean.
//!
//! An answer that cannot be read is no answer. Dead is only what Slurm calls by a word that says so: any other state, and a
//! task that it does not speak of, may be alive.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use super::SlurmError;
use super::grouping::Limits;
use super::launch::{ArrayElement, LaunchRecord};
use crate::study::slurm_time;

/// The states in which nothing of a task runs, or will.
const DEAD: [&str; 9] =
    ["BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"];

/// Variables that would change what a script says.
const OVERRIDING: [&str; 9] = [
    "SBATCH_ARRAY_INX",
    "SBATCH_IGNORE_PBS",
    "SBATCH_JOB_NAME",
    "SBATCH_NO_REQUEUE",
    "SBATCH_OPEN_MODE",
    "SBATCH_REQUEUE",
    "SBATCH_SIGNAL",
    "SBATCH_TIMELIMIT",
    "SBATCH_WAIT",
];

/// Whether nothing of a task in this state runs, or will.
pub fn is_dead(state: &str) -> bool {
    let word = state.split([' ', '+']).next().unwrap_or_default();
    DEAD.contains(&word)
}

/// What Slurm says of a task that runs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskNow {
    /// Its state.
    pub state: String,
    /// Seconds of its time that are left; none without a limit.
    pub seconds_left: Option<u64>,
}

/// What the cluster takes.
///
/// # Errors
/// When there is no Slurm here, or it does not answer.
pub fn limits(account: Option<&str>, qos: Option<&str>) -> Result<Limits, SlurmError> {
    let config = ask("scontrol", &["show", "config"])?;
    let value = |key: &str| {
        let mut lines = config.lines().filter_map(|line| line.split_once('='));
        lines.find(|(name, _)| name.trim() == key)?.1.trim().parse::<usize>().ok()
    };
    let jobs = [value("MaxJobCount"), submit_limit(account, qos)].into_iter().flatten().min();
    let room = match jobs {
        Some(jobs) => {
            Some(jobs.saturating_sub(ask("squeue", &["-h", "-r", "-u", &user()?, "-o", "%i"])?.lines().count()))
        }
        None => None,
    };
    Ok(Limits {
        array_size: value("MaxArraySize").filter(|size| *size > 0).unwrap_or(Limits::default().array_size),
        room,
    })
}

/// Gives a script to Slurm, to begin when these jobs are over, however they end. The id of its job.
///
/// # Errors
/// When Slurm refuses it; with its own words.
pub fn submit(script: &Path, after: &[u64]) -> Result<u64, SlurmError> {
    let jobs: Vec<String> = after.iter().map(u64::to_string).collect();
    let dependency = (!jobs.is_empty()).then(|| format!("--dependency=afterany:{}", jobs.join(":")));
    let script = script.to_string_lossy();
    let words = dependency.as_deref().into_iter().chain([&*script]);
    let words: Vec<&str> = ["--parsable"].into_iter().chain(words).collect();
    let answer = ask("sbatch", &words)?;
    // `id`, or `id;cluster`.
    let id = answer.trim().split(';').next().and_then(|id| id.parse().ok());
    id.ok_or_else(|| SlurmError::Refused { command: format!("sbatch {script}"), words: answer })
}

/// The states of a launch's tasks, as far as Slurm knows them, and of its collect job.
///
/// # Errors
/// When Slurm does not answer.
pub fn states(launch: &LaunchRecord) -> Result<LaunchStates, SlurmError> {
    let jobs: Vec<u64> = launch.arrays.iter().filter_map(|array| array.job).chain(launch.collect_job).collect();
    let name = format!("--name={}", launch.job_name);
    let queue = ask("squeue", &["-h", "-r", "-t", "all", "-u", &user()?, &name, "-o", "%F|%K|%T"])?;
    let mut states = LaunchStates::default();
    for line in queue.lines() {
        let fields: Vec<&str> = line.trim().split('|').collect();
        if let [job, index, state] = fields.as_slice()
            && let Ok(job) = job.parse()
            && jobs.contains(&job)
        {
            states.put(job, index.parse().ok(), state);
        }
    }
    if launch.elements().any(|element| !states.elements.contains_key(&element)) {
        let ids = jobs.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        // Slurm forgets jobs minutes after their end; where it keeps accounts, these remember.
        let accounts = ask("sacct", &["-n", "-P", "-X", "-j", &ids, "-o", "JobID,State"]).unwrap_or_default();
        for (job, index, state) in accounts.lines().filter_map(account_line) {
            let known = index.is_some_and(|index| states.elements.contains_key(&ArrayElement { job, index }));
            if jobs.contains(&job) && !known {
                states.put(job, index, state);
            }
        }
    }
    Ok(states)
}

/// Cancels jobs that have this launch's name and are this user's; others with such numbers are left alone.
///
/// # Errors
/// When Slurm does not answer.
pub fn cancel(launch: &LaunchRecord) -> Result<(), SlurmError> {
    ask("scancel", &["--user", &user()?, "--name", &launch.job_name]).map(drop)
}

/// What Slurm says of a task now.
///
/// # Errors
/// When it does not answer.
pub fn task_now(element: ArrayElement) -> Result<TaskNow, SlurmError> {
    let element = element.to_string();
    let answer = ask("scontrol", &["show", "job", "-o", &element])?;
    let value = |key: &str| answer.split_whitespace().find_map(|word| word.strip_prefix(key)).unwrap_or_default();
    let (limit, so_far) = (slurm_time(value("TimeLimit=")), slurm_time(value("RunTime=")).unwrap_or(0));
    Ok(TaskNow { state: value("JobState=").to_owned(), seconds_left: limit.map(|limit| limit.saturating_sub(so_far)) })
}

/// Puts a running task back into the queue. Slurm ends it then.
///
/// # Errors
/// When Slurm refuses.
pub fn requeue(element: ArrayElement) -> Result<(), SlurmError> {
    ask("scontrol", &["requeue", &element.to_string()]).map(drop)
}

/// What Slurm says of a launch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaunchStates {
    /// Its tasks that Slurm knows.
    pub elements: HashMap<ArrayElement, String>,
    /// The collect job.
    pub collect: Option<String>,
}

impl LaunchStates {
    fn put(&mut self, job: u64, index: Option<usize>, state: &str) {
        match index {
            Some(index) => drop(self.elements.insert(ArrayElement { job, index }, state.to_owned())),
            None => self.collect = Some(state.to_owned()),
        }
    }
}

/// `12_3|TIMEOUT`, `12_3|CANCELLED by 0`. A range of tasks that wait is alive and says nothing.
fn account_line(line: &str) -> Option<(u64, Option<usize>, &str)> {
    let (id, state) = line.trim().split_once('|')?;
    let state = state.split(' ').next().unwrap_or(state);
    match id.split_once('_') {
        Some((job, index)) => Some((job.parse().ok()?, Some(index.parse().ok()?), state)),
        None => Some((id.parse().ok()?, None, state)),
    }
}

/// The fewest jobs that an association or a quality of service lets this user submit, where Slurm keeps accounts.
fn submit_limit(account: Option<&str>, qos: Option<&str>) -> Option<usize> {
    let user = user().ok()?;
    let (user, account) = (format!("user={user}"), account.map(|account| format!("account={account}")));
    let mut words = vec!["-n", "-P", "show", "assoc", "where", &user];
    words.extend(account.as_deref());
    words.push("format=MaxSubmitJobs");
    let mut found = ask("sacctmgr", &words).unwrap_or_default();
    if let Some(qos) = qos.map(|qos| format!("name={qos}")) {
        let words = ["-n", "-P", "show", "qos", "where", &qos, "format=MaxSubmitJobsPerUser"];
        found += &ask("sacctmgr", &words).unwrap_or_default();
    }
    found.split_whitespace().filter_map(|number| number.parse().ok()).min()
}

fn user() -> Result<String, SlurmError> {
    Ok(ask("id", &["-un"])?.trim().to_owned())
}

/// What a program answers.
fn ask(program: &str, words: &[&str]) -> Result<String, SlurmError> {
    let mut command = Command::new(program);
    command.args(words);
    for name in OVERRIDING {
        command.env_remove(name);
    }
    let output = command.output().map_err(|_| SlurmError::NotHere { command: program.to_owned() })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let words = format!("{program} {}", words.join(" "));
    Err(SlurmError::Refused { command: words, words: if said.is_empty() { output.status.to_string() } else { said } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_words_say_that_a_task_is_dead() {
        for state in ["TIMEOUT", "CANCELLED by 1000", "NODE_FAIL", "COMPLETED", "CANCELLED+"] {
            assert!(is_dead(state), "{state}");
        }
        for state in ["RUNNING", "PENDING", "COMPLETING", "REQUEUED", "SUSPENDED", "STOPPED", "SOMETHING_NEW", ""] {
            assert!(!is_dead(state), "{state}");
        }
    }

    #[test]
    fn lines_of_accounts() {
        assert_eq!(account_line("12_3|TIMEOUT"), Some((12, Some(3), "TIMEOUT")));
        assert_eq!(account_line("12_3|CANCELLED by 0"), Some((12, Some(3), "CANCELLED")));
        assert_eq!(account_line("14|COMPLETED"), Some((14, None, "COMPLETED")));
        assert_eq!(account_line("12_[4-7%2]|PENDING"), None);
        assert_eq!(account_line("12_3.batch|FAILED"), None);
    }
}
