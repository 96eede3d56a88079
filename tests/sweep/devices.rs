//! Devices as slots: who trains where, how many at a time, and who is tried again alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::Signal;
use serde_json::Value;

use super::stopping::{signal, start};
use super::{count, effects, runs, shell_study, sweep};
use crate::program::{Scratch, read_json, wait_until};

/// The most runs that were on each device at a time, by the lines `+ DEVICE` and `- DEVICE` that they left.
fn most_on_each(lines: &[String]) -> BTreeMap<String, usize> {
    let (mut now, mut most) = (BTreeMap::<&str, usize>::new(), BTreeMap::<String, usize>::new());
    for line in lines {
        let (sign, device) = line.split_once(' ').unwrap();
        let here = now.entry(device).or_default();
        *here = if sign == "+" { *here + 1 } else { *here - 1 };
        let peak = most.entry(device.to_owned()).or_default();
        *peak = (*peak).max(*here);
    }
    most
}

#[test]
fn each_worker_gets_a_device_its_gpu_alone_and_its_share_of_the_cores() {
    let scratch = Scratch::new();
    let script = "echo \"+ $AEES_DEVICE\" >> places\necho \"$AEES_DEVICE [$CUDA_VISIBLE_DEVICES] $OMP_NUM_THREADS\" >> seen\n\
                  sleep 0.3\necho \"- $AEES_DEVICE\" >> places\necho '{{\"a\": 1}}'";
    let study = shell_study(&scratch, "slots", script, "seeds: 12");
    let run = |more: &[&str]| {
        let mut command = scratch.command([&["sweep", "run", study.to_str().unwrap()], more].concat());
        command.env_remove("OMP_NUM_THREADS").env("CUDA_VISIBLE_DEVICES", "4,6");
        crate::program::Run(command.output().unwrap()).ok()
    };
    run(&["--devices", "cuda:0,cuda:1", "--per-device", "2", "--limit-runs", "8"]);
    let most = most_on_each(&effects(&scratch, "places"));
    assert_eq!(most, BTreeMap::from([("cuda:0".to_owned(), 2), ("cuda:1".to_owned(), 2)]));
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut threads = Vec::new();
    for line in effects(&scratch, "seen") {
        let [device, visible, share] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        assert_eq!(visible, if device == "cuda:0" { "[4]" } else { "[6]" }, "{line}");
        threads.push(share.parse::<usize>().unwrap());
    }
    assert!(threads.iter().all(|share| (1..=cores.div_ceil(4)).contains(share)), "{threads:?} of {cores}");

    // More at once than the devices take is said, and not done.
    let said = run(&["--devices", "cuda:0", "--per-device", "1", "--jobs", "3"]).stderr();
    assert!(said.contains("note: 1 runs at the same time, not 3"), "{said}");
    assert_eq!(count(&scratch, "done"), 12);
}

#[test]
fn a_study_says_where_its_runs_go_and_what_is_typed_goes_first() {
    let scratch = Scratch::new();
    let script = "echo \"$AEES_DEVICE\" >> seen\necho '{{\"a\": 1}}'";
    let study = shell_study(&scratch, "own", script, "seeds: 4\nresources: {devices: [cuda:2, cuda:5], jobs: 2}");
    let study = study.to_str().unwrap();
    let seen = || effects(&scratch, "seen").into_iter().collect::<BTreeSet<_>>();
    sweep(&scratch, &["run", study, "--limit-runs", "2"]).ok();
    assert_eq!(seen(), ["cuda:2", "cuda:5"].map(str::to_owned).into());
    fs::remove_file(scratch.path("seen")).unwrap();
    sweep(&scratch, &["run", study, "--devices", "cpu"]).ok();
    assert_eq!(seen(), ["cpu".to_owned()].into());
}

/// Runs that need a device alone get one, in the order of nobody's failure; one that does not fit alone failed.
#[test]
fn a_run_that_dies_of_memory_beside_others_is_tried_again_alone() {
    let scratch = Scratch::new();
    let script = "touch on-$AEES_DEVICE-{seed}\nsleep 0.3\nbeside=$(ls -d on-$AEES_DEVICE-* | wc -l)\n\
                  rm on-$AEES_DEVICE-{seed}\necho $beside >> beside-{seed}\n\
                  if [ $beside -gt 1 ] || [ {seed} = 1 ]; then echo 'CUDA out of memory' >&2; exit 1; fi\n\
                  echo '{{\"a\": 1}}'";
    let limits = "seeds: 4\nbreakers: {consecutive: 2, same_fingerprint: 2}";
    let study = shell_study(&scratch, "memory", script, limits);
    let run = sweep(&scratch, &["run", study.to_str().unwrap(), "--devices", "cuda:0", "--per-device", "3"]);
    assert_eq!(run.code(), Some(2), "{}", run.stderr());
    assert!(run.stderr().contains("out of memory beside other runs on cuda:0"), "{}", run.stderr());
    assert_eq!((count(&scratch, "done"), count(&scratch, "failed")), (3, 1));
    for seed in 0..4 {
        let last = effects(&scratch, &format!("beside-{seed}")).pop();
        assert_eq!(last.as_deref(), Some("1"), "seed {seed} was alone at last");
    }
    let failed = runs(&scratch).into_iter().find(|run| run["state"] == "failed").unwrap();
    assert_eq!((&failed["class"], &failed["seed"]), (&"oom".into(), &1.into()), "{failed}");
    let why = scratch.run(["runs", "why", failed["run_id"].as_str().unwrap()]).ok().stdout();
    assert!(why.contains("tried again alone"), "{why}");
}

/// While it waits for its device it can be stopped like any other run.
#[test]
fn a_run_that_waits_for_a_device_is_stopped_with_the_others() {
    let scratch = Scratch::new();
    let script = "[ {seed} = 0 ] && echo 'CUDA out of memory' >&2 && exit 1\ntouch long\nexec sleep 60";
    let study = shell_study(&scratch, "waits", script, "seeds: 2");
    let child = start(&scratch, &["run", study.to_str().unwrap(), "--devices", "cuda:0", "--jobs", "2"]);
    let waits = || {
        let listed = scratch.run(["runs", "ls", "--json"]).stdout();
        let listed: Value = serde_json::from_str(&listed).unwrap_or_default();
        listed["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["seed"] == 0 && run["attempts"] == 2))
    };
    wait_until("the small run waits", || scratch.path("long").exists() && waits());
    signal(&child, Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(count(&scratch, "interrupted"), 2);
}

#[test]
fn status_shows_who_trains_where() {
    let scratch = Scratch::new();
    let study =
        shell_study(&scratch, "where", "touch on\nuntil [ -e go ]; do sleep 0.05; done\necho '{{\"a\": 1}}'", "");
    let child = start(&scratch, &["run", study.to_str().unwrap(), "--devices", "cuda:3"]);
    let status = || sweep(&scratch, &["status", "--json"]).stdout();
    let device = || {
        let document: Value = serde_json::from_str(&status()).ok()?;
        document["studies"][0]["running"][0]["progress"]["device"].as_str().map(str::to_owned)
    };
    wait_until("the run has a device", || scratch.path("on").exists() && device().is_some());
    assert_eq!(device().as_deref(), Some("cuda:3"));
    let text = sweep(&scratch, &["status"]).ok().stdout();
    assert!(text.contains("device") && text.contains("cuda:3"), "{text}");
    fs::write(scratch.path("go"), "").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
}

#[test]
fn training_runs_share_the_cores_of_the_machine() {
    let scratch = Scratch::new();
    let study = "aees: 1\ntask: cifar100\nset: {data: synthetic, model_width: 2, limit_train: 40, limit_eval: 20, epochs: 1, \
                 batch_size: 20}\nseeds: 2\nresources: {devices: auto, jobs: 2}\n";
    fs::write(scratch.path("shared.yaml"), study).unwrap();
    sweep(&scratch, &["run", "shared.yaml"]).ok();
    let cores = std::thread::available_parallelism().unwrap().get();
    let mut used = 0;
    for run in runs(&scratch) {
        let id = run["run_id"].as_str().unwrap();
        let result = read_json(&scratch.path("results/runs").join(&id[..2]).join(&id[..16]).join("result.json"));
        used += result["circumstances"]["threads"].as_u64().unwrap_or_else(|| panic!("{result}")) as usize;
    }
    assert_eq!(used, cores.max(2));
}
