//! Stopped by the wall limit, by hand, by a lost node: a task puts itself back into the queue and goes on to the bit.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

use super::cluster::{Cluster, cluster, task_process};
use super::{jobs, launch, notes, slurm, wait_for_count};
use crate::program::{Scratch, read_json, wait_until, without_times};
use crate::sweep::{count, runs, shell_study, sweep};

/// One run of CIFAR-100 on made-up images that trains for a while. All tests train the same run.
const TRAINING: &str = "aees: 1\nname: images\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 1000, \
                        limit_eval: 100, batch_size: 4, epochs: 8, control_mode: adaptive, lr_candidates: [0.5, 1, 2], \
                        episode_length: 7, threads: 1}\nseeds: 1\n";

/// The result of the run when nothing disturbs it.
fn undisturbed() -> &'static Value {
    static RESULT: OnceLock<Value> = OnceLock::new();
    RESULT.get_or_init(|| {
        let scratch = Scratch::new();
        fs::write(scratch.path("images.yaml"), TRAINING).unwrap();
        sweep(&scratch, &["run", "images.yaml"]).ok();
        result(&scratch)
    })
}

fn folder(scratch: &Scratch) -> PathBuf {
    let id = runs(scratch)[0]["run_id"].as_str().unwrap().to_owned();
    scratch.path("results/runs").join(&id[..2]).join(&id[..16])
}

fn result(scratch: &Scratch) -> Value {
    without_times(read_json(&folder(scratch).join("result.json")))
}

/// A worker that stands still from when it trains until it is told to go on: what a test does to it finds it at work, however
/// fast the machine is.
struct HaltedWorker(String);

impl HaltedWorker {
    fn of(scratch: &Scratch) -> Self {
        let task = task_process(&launch(scratch, "images"));
        let found = Command::new("pgrep").args(["-P", &task, "-f", "worker"]).output().unwrap().stdout;
        let worker = Self(String::from_utf8(found).unwrap().trim().to_owned());
        assert_eq!(worker.0.lines().count(), 1, "one process, at work still");
        assert!(worker.signal("-STOP"));
        worker
    }

    /// Nothing if Slurm has killed it.
    fn go_on(self) {
        self.signal("-CONT");
    }

    /// Once its task was told to end.
    fn go_on_when_warned(self, scratch: &Scratch) {
        let log = launch(scratch, "images").join("logs/array-1-0.log");
        wait_until("it is warned", || fs::read_to_string(&log).unwrap().contains("writing checkpoints"));
        self.go_on();
    }

    fn signal(&self, signal: &str) -> bool {
        Command::new("kill").args([signal, &self.0]).stderr(Stdio::null()).status().unwrap().success()
    }
}

fn has_lines(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Submits the training, and halts it when it trains. Gives its job.
fn submitted(scratch: &Scratch, cluster: &Cluster, options: &str) -> (u64, HaltedWorker) {
    fs::write(scratch.path("images.yaml"), format!("{TRAINING}slurm: {options}\n")).unwrap();
    slurm(scratch, cluster, &["submit", "images.yaml"]).ok();
    let log = folder(scratch).join("metrics.jsonl");
    wait_until("it trains", || has_lines(&log));
    let worker = HaltedWorker::of(scratch);
    (jobs(scratch, "images")[0], worker)
}

/// Ends as it would have, and was begun again.
fn ends_undisturbed(scratch: &Scratch) {
    wait_for_count(scratch, "done", 1);
    assert_eq!(&result(scratch), undisturbed());
    assert!(
        notes(scratch, "images").iter().filter(|note| *note == "began").count() > 1,
        "{:?}",
        notes(scratch, "images")
    );
}

#[test]
fn a_task_at_its_wall_limit_goes_on_to_the_bit() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let (job, worker) = submitted(&scratch, cluster, "{time: 1min, signal_lead: 55s}");
    worker.go_on_when_warned(&scratch);
    cluster.hurry_requeued(job, 0, &launch(&scratch, "images"));
    assert!(folder(&scratch).join("checkpoints").read_dir().unwrap().count() > 0, "it wrote a checkpoint");
    assert_eq!(count(&scratch, "running"), 1, "it is Slurm's still");
    assert!(notes(&scratch, "images").contains(&"out_of_time".to_owned()), "{:?}", notes(&scratch, "images"));
    cluster.ask("scontrol", &["update", &format!("JobId={job}_0"), "TimeLimit=10"]);
    ends_undisturbed(&scratch);
}

#[test]
fn a_warning_by_hand_puts_a_task_back_and_counts_nothing() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let (job, worker) = submitted(&scratch, cluster, "{time: 30min}");
    cluster.ask("scancel", &["--signal=USR1", "--batch", &format!("{job}_0")]);
    worker.go_on_when_warned(&scratch);
    cluster.hurry_requeued(job, 0, &launch(&scratch, "images"));
    ends_undisturbed(&scratch);
    assert!(!notes(&scratch, "images").contains(&"out_of_time".to_owned()));
}

/// One process trains them, and each goes on where it was.
#[test]
fn a_task_with_a_pack_of_runs_goes_on_with_all_of_them() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let study = TRAINING.replace("seeds: 1", "seeds: 3");
    fs::write(scratch.path("images.yaml"), format!("{study}slurm: {{time: 30min, pack: 3, runs_per_task: 3}}\n"))
        .unwrap();
    slurm(&scratch, cluster, &["submit", "images.yaml"]).ok();
    let job = jobs(&scratch, "images")[0];
    let all = |name: &str| {
        let folder = |run: &Value| {
            let id = run["run_id"].as_str().unwrap();
            scratch.path("results/runs").join(&id[..2]).join(&id[..16])
        };
        runs(&scratch).iter().map(|run| folder(run).join(name)).collect::<Vec<_>>()
    };
    wait_until("all train", || all("metrics.jsonl").iter().all(|log| has_lines(log)));
    let worker = HaltedWorker::of(&scratch);
    cluster.ask("scancel", &["--signal=USR1", "--batch", &format!("{job}_0")]);
    worker.go_on_when_warned(&scratch);
    cluster.hurry_requeued(job, 0, &launch(&scratch, "images"));
    assert!(all("checkpoints").iter().all(|folder| folder.read_dir().unwrap().count() > 0));
    wait_for_count(&scratch, "done", 3);
    assert_eq!(notes(&scratch, "images").iter().filter(|note| *note == "began").count(), 6);
    let first = all("result.json").into_iter().map(|path| without_times(read_json(&path)));
    assert!(first.into_iter().any(|result| &result == undisturbed()), "the run of seed 0 is that run alone");
}

#[test]
fn a_task_whose_node_goes_down_goes_on_elsewhere() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let (job, worker) = submitted(&scratch, cluster, "{time: 30min, partition: shaky}");
    let node = cluster.ask("squeue", &["-h", "-r", "-j", &job.to_string(), "-t", "RUNNING", "-o", "%N"]);
    let node = format!("NodeName={}", node.trim());
    cluster.ask("scontrol", &["update", &node, "State=DOWN", "Reason=test"]);
    worker.go_on();
    cluster.hurry_requeued(job, 0, &launch(&scratch, "images"));
    // What died there is nobody's failure, whatever is asked meanwhile.
    slurm(&scratch, cluster, &["sync"]).ok();
    assert_eq!(count(&scratch, "running"), 1);
    ends_undisturbed(&scratch);
    cluster.ask("scontrol", &["update", &node, "State=RESUME"]);
}

/// A job of more weight takes the node.
#[test]
fn a_task_that_is_preempted_goes_on_to_the_bit_and_it_counts_as_nothing() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let (job, worker) = submitted(&scratch, cluster, "{time: 30min, partition: patient}");
    let words = ["--parsable", "--partition=urgent", "--exclusive", "--output=/dev/null", "--wrap=sleep 3"];
    let urgent = cluster.ask("sbatch", &words);
    worker.go_on_when_warned(&scratch);
    cluster.hurry_requeued(job, 0, &launch(&scratch, "images"));
    assert!(folder(&scratch).join("checkpoints").read_dir().unwrap().count() > 0, "it wrote a checkpoint");
    wait_until("the other is done", || {
        // Slurm forgets it soon.
        cluster.ask("squeue", &["-h", "-j", urgent.trim(), "-o", "%T"]).trim().is_empty()
    });
    ends_undisturbed(&scratch);
    assert!(!notes(&scratch, "images").contains(&"out_of_time".to_owned()));
}

#[test]
fn running_out_of_time_too_often_is_a_failure_with_a_way_out() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let more = "retry: {walltime: 0}\nslurm: {time: 1min, signal_lead: 55s}";
    let study = shell_study(&scratch, "long", "sleep 300\necho '{{\"score\": 1}}'", more);
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    wait_for_count(&scratch, "failed", 1);
    let why = scratch.run(["runs", "why", "long:0"]).ok().stdout();
    assert!(why.contains("walltime") && why.contains("ran out of time 1 times"), "{why}");
}
