//! To the cluster, and done: every run once, in arrays that the cluster takes, collected by a job of its own.

use std::fs;

use super::cluster::cluster;
use super::{jobs, launch, slurm, wait_for_count};
use crate::program::{Scratch, wait_until};
use crate::sweep::{count, effects, shell_study, sweep};

/// Runs that leave a line each.
const SCRIPT: &str = "echo {x} >> effects\necho '{{\"score\": {x}}}'";

#[test]
fn a_study_is_submitted_run_once_and_collected_by_its_own_job() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let study = shell_study(
        &scratch,
        "seven",
        SCRIPT,
        "sweep: {x: [1, 2, 3, 4, 5, 6, 7]}\nslurm: {time: 10min, max_parallel: 2, runs_per_task: 2, tasks_per_node: 2}",
    );
    let study = study.to_str().unwrap();

    let shown = slurm(&scratch, cluster, &["submit", study, "--dry-run"]).ok().stdout();
    for line in [
        "#SBATCH --array=0-3%2\n",
        "#SBATCH --signal=B:USR1@120\n",
        "#SBATCH --time=0-00:10:00\n",
        " slurm collect seven ",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(!scratch.path("results").exists(), "a look writes nothing");

    let submitted = slurm(&scratch, cluster, &["submit", study]).ok();
    assert_eq!(submitted.stdout().trim(), jobs(&scratch, "seven")[0].to_string());
    assert!(submitted.stderr().contains("on a disk of this machine"), "{}", submitted.stderr());
    // No word of ours: the job at the end takes the results in.
    wait_for_count(&scratch, "done", 7);
    let mut found = effects(&scratch, "effects");
    found.sort();
    assert_eq!(found, ["1", "2", "3", "4", "5", "6", "7"]);

    let before = sweep(&scratch, &["status", "seven", "--json"]).ok().stdout();
    for _ in 0..2 {
        let collected = slurm(&scratch, cluster, &["collect", "seven"]).ok();
        assert!(collected.stderr().contains("seven: 0 done, 0 failed, 0 given back, 0 with Slurm"));
    }
    let numbers = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap()["studies"][0]["counts"].clone();
    assert_eq!(numbers(&before), numbers(&sweep(&scratch, &["status", "seven", "--json"]).ok().stdout()));
    assert!(slurm(&scratch, cluster, &["submit", study]).ok().stderr().contains("nothing to submit"));
    assert_eq!(fs::read_dir(launch(&scratch, "seven").parent().unwrap()).unwrap().count(), 1);
}

/// Two runs side by side that only fit alone.
#[test]
fn a_run_that_dies_of_memory_beside_another_is_tried_again_alone_in_its_task() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let script = "touch on-{x}\nsleep 0.5\nbeside=$(ls -d on-* | wc -l)\nrm on-{x}\n\
                  if [ $beside -gt 1 ]; then echo 'CUDA out of memory' >&2; exit 1; fi\necho '{{\"score\": {x}}}'";
    let more = "sweep: {x: [1, 2]}\nslurm: {time: 10min, tasks_per_node: 2, runs_per_task: 2}";
    let study = shell_study(&scratch, "crowded", script, more);
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    wait_for_count(&scratch, "done", 2);
    let log = fs::read_to_string(launch(&scratch, "crowded").join("logs/array-1-0.log")).unwrap();
    assert!(log.contains("beside other runs on this machine") && log.contains("it is tried again alone"), "{log}");
}

/// The cluster takes arrays of five.
#[test]
fn arrays_are_split_and_tasks_selected_by_number() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let more = "sweep: {x: {range: {from: 0, to: 11, step: 1}}}\nslurm: {time: 10min, runs_per_task: 1}";
    let study = shell_study(&scratch, "twelve", SCRIPT, more);
    let study = study.to_str().unwrap();
    slurm(&scratch, cluster, &["submit", study, "--tasks", "0-9:1,11"]).ok();
    assert_eq!(jobs(&scratch, "twelve").len(), 3, "5 + 5 + 1");
    wait_for_count(&scratch, "done", 11);
    assert_eq!(count(&scratch, "pending"), 1);
    let found: std::collections::BTreeSet<String> = effects(&scratch, "effects").into_iter().collect();
    assert!(found.len() == 11 && !found.contains("10"), "{found:?}");
    slurm(&scratch, cluster, &["submit", study, "--tasks", "3-1"]).refused(&["3-1"]);
    slurm(&scratch, cluster, &["submit", study, "--tasks", "40"]).refused(&["--tasks: no run of the study"]);
}

#[test]
fn what_is_done_is_collected_while_the_rest_goes_on() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let script = "echo {x} >> effects\nif [ {x} = 2 ]; then while [ ! -e go ]; do sleep 0.1; done; fi\necho '{{\"score\": {x}}}'";
    let study = shell_study(&scratch, "two", script, "sweep: {x: [1, 2]}\nslurm: {time: 10min}");
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).ok();
    wait_until("both began", || effects(&scratch, "effects").len() == 2);
    wait_until("one is taken in", || {
        slurm(&scratch, cluster, &["collect"]).ok();
        count(&scratch, "done") == 1
    });
    let again = slurm(&scratch, cluster, &["sync"]).ok();
    assert!(again.stderr().contains("two: 0 done, 0 failed, 0 given back, 1 with Slurm"), "{}", again.stderr());
    let status = slurm(&scratch, cluster, &["status"]).ok().stdout();
    assert!(status.contains("1 RUNNING") && status.contains("1 begun"), "{status}");
    fs::write(scratch.path("go"), "").unwrap();
    wait_for_count(&scratch, "done", 2);
    assert_eq!(effects(&scratch, "effects").len(), 2);
}

/// Two masters, one study: what one holds, the other leaves alone.
#[test]
fn a_local_sweep_beside_the_cluster_runs_no_run_twice() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let script =
        "echo {x} >> effects\nwhile [ ! -e go ] && [ {x} -lt 4 ]; do sleep 0.1; done\necho '{{\"score\": {x}}}'";
    let more =
        "sweep: {x: {range: {from: 0, to: 7, step: 1}}}\nslurm: {time: 10min, runs_per_task: 2, tasks_per_node: 2}";
    let study = shell_study(&scratch, "shared", script, more);
    let study = study.to_str().unwrap();
    slurm(&scratch, cluster, &["submit", study, "--tasks", "0-3"]).ok();
    let here = sweep(&scratch, &["run", study, "--jobs", "2"]);
    assert_eq!(here.code(), Some(3), "{}", here.stderr());
    assert!(here.stderr().contains("4 of them are with Slurm"), "{}", here.stderr());
    assert_eq!((count(&scratch, "done"), count(&scratch, "running")), (4, 4));
    // A supervisor that begins anew finds them held, too, and so does the other launch.
    assert_eq!(sweep(&scratch, &["resume", "shared"]).code(), Some(3));
    assert!(slurm(&scratch, cluster, &["submit", study]).ok().stderr().contains("nothing to submit"));
    fs::write(scratch.path("go"), "").unwrap();
    wait_for_count(&scratch, "done", 8);
    let mut found = effects(&scratch, "effects");
    found.sort();
    assert_eq!(found, ["0", "1", "2", "3", "4", "5", "6", "7"]);
}
