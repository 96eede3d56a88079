//! Back from the cluster: what is dead is given back, what may live is not, and what is not ours is left alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use super::cluster::cluster;
use super::{command, jobs, launch, slurm, wait_for_count};
use crate::program::{Run, Scratch, wait_until};
use crate::require::{Component, skip};
use crate::sweep::{count, effects, shell_study, sweep};

/// Runs that wait for a file.
const WAITING: &str = "echo {x} >> effects\nwhile [ ! -e go ]; do sleep 0.1; done\necho '{{\"score\": {x}}}'";

#[test]
fn what_somebody_cancelled_is_given_back_by_sync_and_by_nothing_less() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "taken", WAITING, "sweep: {x: [1, 2]}\nslurm: {time: 10min, runs_per_task: 2}");
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    let job = jobs(&scratch, "taken")[0];
    wait_until("one began", || effects(&scratch, "effects").len() == 1);

    // A scheduler that does not answer says nothing of what it has.
    let mut sync = command(&scratch, cluster, &["sync"]);
    let silent = Run(sync.env("SLURM_CONF", cluster.unreachable()).output().unwrap());
    silent.refused(&["Slurm refused (squeue"]);
    let mut status = command(&scratch, cluster, &["status"]);
    let status = Run(status.env("SLURM_CONF", cluster.unreachable()).output().unwrap()).ok();
    assert!(status.stdout().contains("no answer") && status.stderr().contains("does not answer"));
    assert_eq!(count(&scratch, "running"), 2);

    cluster.ask("scancel", &[&job.to_string()]);
    wait_until("it is cancelled", || cluster.state(job, 0) == "CANCELLED");
    slurm(&scratch, cluster, &["collect"]).ok();
    assert_eq!(count(&scratch, "running"), 2, "the disk says nothing of it");
    assert!(
        slurm(&scratch, cluster, &["status"])
            .ok()
            .stderr()
            .contains("1 tasks of taken/1 are over: aees slurm sync taken")
    );
    let synced = slurm(&scratch, cluster, &["sync", "taken"]).ok();
    assert!(synced.stderr().contains("2 given back, 0 with Slurm"), "{}", synced.stderr());
    assert_eq!(count(&scratch, "interrupted"), 2);
    let log = fs::read_to_string(launch(&scratch, "taken").join("logs/array-1-0.log")).unwrap();
    assert!(!log.contains("back in the queue"), "what was cancelled does not come again: {log}");
    fs::write(scratch.path("go"), "").unwrap();
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
}

/// It does so minutes after a job's end; `squeue` knows nothing of it then.
#[test]
fn a_task_that_slurm_forgot_is_known_by_its_accounts() {
    let Some(cluster) = cluster() else { return };
    if !cluster.keeps_accounts() {
        return skip(
            Component::SlurmAccounts,
            "there is no slurmdbd here (Debian: apt-get install slurmdbd mariadb-server)",
        );
    }
    let scratch = Scratch::new();
    let study =
        shell_study(&scratch, "forgotten", WAITING, "sweep: {x: [1, 2]}\nslurm: {time: 10min, runs_per_task: 2}");
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    let job = jobs(&scratch, "forgotten")[0];
    wait_until("one began", || effects(&scratch, "effects").len() == 1);
    cluster.ask("scancel", &[&job.to_string()]);
    wait_until("Slurm forgot it", || {
        slurm(&scratch, cluster, &["collect"]).ok();
        cluster.state(job, 0).is_empty()
    });
    assert_eq!(count(&scratch, "running"), 2);
    let synced = slurm(&scratch, cluster, &["sync", "forgotten"]).ok();
    assert!(synced.stderr().contains("2 given back, 0 with Slurm"), "{}", synced.stderr());
    assert_eq!(count(&scratch, "interrupted"), 2);
}

#[test]
fn cancel_ends_what_is_the_studys_and_nothing_else() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let other = cluster.ask("sbatch", &["--parsable", "--job-name=other", "--output=/dev/null", "--wrap=sleep 600"]);
    let other = other.trim();
    let study = shell_study(&scratch, "ended", WAITING, "sweep: {x: [1, 2, 3]}\nslurm: {time: 10min, max_parallel: 2}");
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    wait_until("two began", || effects(&scratch, "effects").len() == 2);
    let cancelled = slurm(&scratch, cluster, &["cancel", "ended"]).ok();
    assert!(cancelled.stderr().contains("3 given back, 0 with Slurm"), "{}", cancelled.stderr());
    assert_eq!(count(&scratch, "interrupted"), 3);
    wait_until("its jobs are gone", || !cluster.ask("squeue", &["-h", "-o", "%j"]).contains("aees-ended-"));
    assert!(cluster.ask("squeue", &["-h", "-o", "%j"]).contains("other"));
    cluster.ask("scancel", &[other]);
    assert!(slurm(&scratch, cluster, &["cancel", "ended"]).ok().stderr().contains("0 given back"));
    slurm(&scratch, cluster, &["cancel", "nothing"]).refused(&["nothing"]);
    fs::write(scratch.path("go"), "").unwrap();
    // On the cluster again, and then here.
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    wait_for_count(&scratch, "done", 3);
}

/// A process that dies between its first job and its last word.
#[test]
fn a_submission_that_is_killed_halfway_is_undone_by_sync() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let more = "sweep: {x: {range: {from: 0, to: 7, step: 1}}}\nslurm: {time: 5min, runs_per_task: 1, extra: [--begin=now+60]}";
    let study = shell_study(&scratch, "dead", WAITING, more);
    let path = with_slow_second_array(&scratch);
    let mut submit = command(&scratch, cluster, &["submit", study.to_str().unwrap()]);
    let mut child = submit.env("PATH", path).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let jobs = || cluster.ask("squeue", &["-h", "-o", "%j"]);
    wait_until("the first array is there", || jobs().contains("aees-dead-"));
    child.kill().unwrap();
    child.wait().unwrap();
    slurm(&scratch, cluster, &["collect"]).ok();
    assert_eq!(count(&scratch, "running"), 8, "the disk says nothing of it");
    let synced = slurm(&scratch, cluster, &["sync"]).ok();
    assert!(synced.stderr().contains("8 given back, 0 with Slurm"), "{}", synced.stderr());
    wait_until("the first array is gone", || !jobs().contains("aees-dead-"));
    assert_eq!((count(&scratch, "interrupted"), effects(&scratch, "effects").len()), (8, 0));
}

/// A `PATH` with the real sbatch, but for the second array, which gets no answer.
fn with_slow_second_array(scratch: &Scratch) -> String {
    let wrapper = scratch.path("bin/sbatch");
    fs::create_dir(scratch.path("bin")).unwrap();
    let text = "#!/bin/sh\ncase \"$*\" in *array-2*) exec sleep 60;; *) exec /usr/bin/sbatch \"$@\";; esac\n";
    fs::write(&wrapper, text).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", scratch.path("bin").display(), std::env::var("PATH").unwrap())
}
