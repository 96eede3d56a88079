//! What a cluster does not take, and what is no cluster: said in the scheduler's words, and nothing is left of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::cluster::cluster;
use super::{command, launch, slurm};
use crate::program::{Run, Scratch, wait_until};
use crate::sweep::{count, effects, runs, shell_study, sweep};

const SCRIPT: &str = "echo {x} >> effects\necho '{{\"score\": {x}}}'";

/// Needs no Slurm.
#[test]
fn a_machine_without_slurm_offers_the_lines_for_other_schedulers() {
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "here", SCRIPT, "sweep: {x: [1]}");
    let mut submit = scratch.command(["slurm", "submit", study.to_str().unwrap()]);
    let refused = Run(submit.env("PATH", scratch.path("nowhere")).output().unwrap());
    refused.refused(&["there is no Slurm on this machine", "--format jobs"]);
    assert!(!scratch.path("results").exists(), "nothing was planned");
    let mut shown = scratch.command(["slurm", "submit", study.to_str().unwrap(), "--dry-run"]);
    let shown = Run(shown.env("PATH", scratch.path("nowhere")).output().unwrap()).ok();
    assert!(shown.stdout().contains("#SBATCH --array=0-0\n") && shown.stderr().contains("its usual ones are shown"));
    scratch.run(["slurm", "task", "nowhere", "--array", "1"]).refused(&["SLURM_ARRAY_JOB_ID is not set"]);
}

#[test]
fn wrong_keys_of_the_block_are_told_with_their_places() {
    let scratch = Scratch::new();
    let more = "sweep: {x: [1]}\nslurm:\n  partitoin: main\n  time: 30\n  mem: lots\n  gpus: many\n  extra: [--array=1-9]\n  signal_lead: 0s";
    let study = shell_study(&scratch, "wrong", SCRIPT, more);
    sweep(&scratch, &["plan", study.to_str().unwrap()]).refused(&[
        "partitoin",
        "did you mean `partition`",
        "`time` in slurm",
        "minutes or seconds",
        "`mem` in slurm",
        "`gpus` in slurm",
        "`extra` in slurm",
        "`signal_lead` in slurm",
        "wrong.yaml:",
    ]);
}

#[test]
fn a_partition_that_does_not_exist_is_refused_in_slurms_words() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let study = shell_study(&scratch, "lost", SCRIPT, "sweep: {x: [1, 2]}\nslurm: {partition: nowhere, time: 5min}");
    slurm(&scratch, cluster, &["submit", study.to_str().unwrap()]).refused(&[
        "Slurm refused (sbatch",
        "invalid partition specified: nowhere",
        "`slurm:` block",
    ]);
    assert_eq!((count(&scratch, "pending"), effects(&scratch, "effects").len()), (2, 0));
    assert_eq!(fs::read_dir(scratch.path("results/studies/lost/launch")).unwrap().count(), 0);
    sweep(&scratch, &["run", study.to_str().unwrap()]).ok();
}

/// The first array goes in, the second does not: the first comes out again.
#[test]
fn a_submission_that_is_refused_halfway_leaves_nothing() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let more = "sweep: {x: {range: {from: 0, to: 7, step: 1}}}\nslurm: {time: 5min, runs_per_task: 1, extra: [--begin=now+60]}";
    let study = shell_study(&scratch, "half", SCRIPT, more);
    // The real sbatch, but for the second array, which goes to a partition that is not there.
    let wrapper = scratch.path("bin/sbatch");
    fs::create_dir(scratch.path("bin")).unwrap();
    let text = "#!/bin/sh\ncase \"$*\" in *array-2*) exec /usr/bin/sbatch --partition=nowhere \"$@\";; *) exec /usr/bin/sbatch \"$@\";; esac\n";
    fs::write(&wrapper, text).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", scratch.path("bin").display(), std::env::var("PATH").unwrap());
    let mut submit = command(&scratch, cluster, &["submit", study.to_str().unwrap()]);
    Run(submit.env("PATH", path).output().unwrap()).refused(&["Slurm refused (sbatch", "array-2.sh"]);
    let jobs = || cluster.ask("squeue", &["-h", "-o", "%j"]);
    wait_until("the first array is gone", || !jobs().contains("aees-half-"));
    assert_eq!(count(&scratch, "pending"), 8);
    assert_eq!(fs::read_dir(scratch.path("results/studies/half/launch")).unwrap().count(), 0);
    assert_eq!(effects(&scratch, "effects").len(), 0);
}

#[test]
fn a_folder_with_the_result_of_another_run_is_a_failure_that_names_it() {
    let Some(cluster) = cluster() else { return };
    let scratch = Scratch::new();
    let text = "aees: 1\nname: foreign\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 40, limit_eval: 20, \
                batch_size: 20, epochs: 1}\nsweep: {lr: [0.1, 0.2]}\nslurm: {time: 5min}\n";
    fs::write(scratch.path("foreign.yaml"), text).unwrap();
    // Planned, and one of the runs done elsewhere.
    sweep(&scratch, &["run", "foreign.yaml", "--root", "other"]).ok();
    let planned: serde_json::Value =
        serde_json::from_str(&sweep(&scratch, &["plan", "foreign.yaml", "--json"]).ok().stdout()).unwrap();
    let id = |run: usize| planned["runs"][run]["run_id"].as_str().unwrap().to_owned();
    let folder = |root: &str, id: &str| scratch.path(root).join("runs").join(&id[..2]).join(&id[..16]);
    fs::create_dir_all(folder("results", &id(0))).unwrap();
    let result = |root: &str, run: usize| folder(root, &id(run)).join("result.json");
    fs::copy(result("other", 1), result("results", 0)).unwrap();
    let foreign = fs::read(result("results", 0)).unwrap();
    slurm(&scratch, cluster, &["submit", "foreign.yaml"]).ok();
    wait_until("both are over", || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        count(&scratch, "running") + count(&scratch, "pending") == 0
    });
    let states: Vec<_> = runs(&scratch).iter().map(|run| run["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        states,
        ["failed", "done"],
        "{}",
        fs::read_to_string(launch(&scratch, "foreign").join("logs/array-1-0.log")).unwrap()
    );
    let why = scratch.run(["runs", "why", "foreign:0"]).ok().stdout();
    assert!(why.contains(&id(1)[..8]) || why.contains("result.json"), "{why}");
    assert_eq!(fs::read(result("results", 0)).unwrap(), foreign, "nothing is written over");
}
